/* Files of one kind in a folder of the data folder, and in its folders.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

/* Where they are: the data folder's folder of that name. Returns: (transfer full) */
char *vel_collection_get_folder (const char *name);
/* Paths of files that end as networks do, sorted. folders: those that hold a network in diffusers' layout count as one too.
 * Returns: (transfer full) (element-type utf8) */
GPtrArray *vel_collection_list (const char *name, gboolean folders);
/* wanted: the stem of one of these paths, with or without ending, whatever its case. Returns: (nullable) borrowed from the list */
const char *vel_collection_find (GPtrArray *paths, const char *wanted);
/* The leaf without its ending, as it is. Returns: (transfer full) */
char *vel_collection_dup_stem (const char *path);
