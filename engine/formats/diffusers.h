/* A diffusers model folder: where its components' files are, and what its JSON files say.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "engine/formats/tensor-file.h"

/* TRUE if the path is a folder with a unet. */
gboolean vel_diffusers_is_model (const char *path);
/* The file of a component ("unet"; "" = the folder itself) that is opened, or the index of its shards. Returns: (transfer full) (nullable) */
char *vel_diffusers_find (const char *folder, const char *component);
/* Opens all files of a component, one or several shards with an index.
 * Returns: (transfer full) (element-type VelTensorFile), empty if the folder has none; NULL with VEL_ERROR_FORMAT */
GPtrArray *vel_diffusers_open (const char *folder, const char *component, GCancellable *cancellable, GError **error);
/* A string, whole number, true or false of a JSON file, as text. (nullable) (transfer full) */
char *vel_diffusers_get_config (const char *folder, const char *file, const char *key);
