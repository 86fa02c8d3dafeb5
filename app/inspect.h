/* What `velatura inspect` finds out, as JSON objects.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>
#include <jansson.h>

/* path: a model file or folder. Family and sizes are null where the file is no model this program knows.
 * Returns: (transfer full); NULL with VEL_ERROR_FORMAT or a file error */
json_t *vel_inspect_model (const char *path, GError **error);
/* path: a picture. `settings` and `program` are null where it has none; `notes`: what of another program's can not be done here. Returns: (transfer full); NULL with VEL_ERROR_FORMAT */
json_t *vel_inspect_picture (const char *path, GError **error);
