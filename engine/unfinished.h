/* Pictures that are painted but not saved yet: their latents on disk, with all that is needed to decode and save them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * One safetensors file each, u1.safetensors and so on, in a folder of their own: "latent" [1, 4, h, w] in fp32 as sampling left it;
 * "preview" [h, w, 3]; "overlay" [H, W, 4], the start picture's pixels that lie over the result, where there are some, so that neither
 * start picture nor mask is needed again. Its metadata hold the request with full paths, the recipe as pictures have it, and what decoding
 * has to know.
 *
 * Whoever paints or finishes a picture holds its file locked, so what is listed is nobody's: its process died or could not decode it. A
 * file goes when its picture is saved, and not before. */
#pragma once

#include "engine/params.h"
#include "engine/pixels/bitmap.h"

#define VEL_UNFINISHED_CHANNELS 4
#define VEL_UNFINISHED_ALL "all" /* in place of an id, for people */

/* The file as its owner holds it, locked. */
typedef struct VelKept VelKept;

/* The picture is safe elsewhere, or not wanted: the file goes. self: (transfer full) (nullable) */
void vel_kept_discard (VelKept *self);
/* The file stays for somebody else. self: (transfer full) (nullable) */
void vel_kept_release (VelKept *self);
/* "u3" */
char *vel_kept_dup_id (const VelKept *self);

typedef struct {
  char *id;       /* "u3"; NULL before it has a file */
  VelKept *kept;  /* (nullable) this process owns it */
  gint64 created; /* microseconds since 1970, UTC */
  VelValues *request;
  char *recipe; /* our JSON */
  char *model_path, *model_name;
  char *device; /* that painted it: "cpu", "cuda:1" */
  char *output; /* (nullable) where the picture was to go instead of the history, absolute */
  guint64 seed, variation_seed;
  guint width, height;                 /* of what is decoded */
  guint painted_width, painted_height; /* see VelRecipeFacts */
  guint latent_width, latent_height;
  float *latent;      /* [latent_height, latent_width, VEL_UNFINISHED_CHANNELS]; NULL in a list */
  VelBitmap *preview; /* (nullable) RGB */
  VelBitmap *overlay; /* (nullable) RGBA; NULL in a list. It and what follows: see VelInpaint */
  int x, y;
  guint part_width, part_height;
} VelUnfinished;
void vel_unfinished_free (VelUnfinished *self);

/* Writes a file, durably, and makes the folder if it is not there. self: without id. Returns: (transfer full): it, locked; NULL with
 * VEL_ERROR_STORAGE, then nothing is left behind */
VelKept *vel_unfinished_keep (const char *folder, const VelUnfinished *self, GError **error);
/* Nobody's pictures, the oldest first. problems: (nullable) (element-type utf8) a sentence is added for each file that can not be used,
 * which stays as it is. Returns: (transfer full) (element-type VelUnfinished) */
GPtrArray *vel_unfinished_list (const char *folder, GPtrArray *problems);
/* Takes one over. Returns: (transfer full); NULL with VEL_ERROR_REQUEST if there is none or somebody has it, VEL_ERROR_FORMAT if it is
 * damaged */
VelUnfinished *vel_unfinished_open (const char *folder, const char *id, GError **error);
/* Removes one that nobody has, damaged or not. Returns: FALSE with VEL_ERROR_REQUEST or VEL_ERROR_STORAGE */
gboolean vel_unfinished_discard (const char *folder, const char *id, GError **error);
/* What killed processes left half-written. */
void vel_unfinished_sweep (const char *folder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelKept, vel_kept_release)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelUnfinished, vel_unfinished_free)
