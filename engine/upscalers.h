/* Which upscalers there are: ways of the program's own, and networks in files.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A file is named by its path, or by its stem where it lies in the data folder's "upscalers" or a folder below it. */
#pragma once

#include <gio/gio.h>

/* Word of a way of the program's own, as the window, flags and recipes have it: "lanczos", or one of latents: "latent-bicubic". */
typedef struct {
  const char *word, *label; /* label: as A1111 has it */
  gboolean pixels;          /* it enlarges pixels, not latents */
} VelUpscalerWay;
/* Ends with a row whose word is NULL. */
const VelUpscalerWay *vel_upscalers_get_ways (void);
/* word: or the label, in any case. Returns: (nullable) */
const VelUpscalerWay *vel_upscalers_find_way (const char *word);

/* Files that may be networks, by their endings, sorted. Returns: (transfer full) (element-type filename) */
GPtrArray *vel_upscalers_list_files (void);
/* Returns: (transfer full) the stem */
char *vel_upscalers_name_of (const char *path);
/* Returns: (transfer full) (nullable) the path of a file by its path or name */
char *vel_upscalers_find_file (const char *name);
/* The same; without one VEL_ERROR_REQUEST says what there is. */
char *vel_upscalers_resolve (const char *name, GError **error);

/* For options: a way's word, a file's name, or the whole path of one that lies elsewhere. Returns: (transfer full) (nullable): NULL if
 * there is no such upscaler */
char *vel_upscalers_check (const char *text);
/* Names of the folder's files, for lists. Returns: (transfer full) */
GStrv vel_upscalers_list_names (void);
