/* Which model files are on disk.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Folders: the data folder's models/, folders the user added (the "model-folders" setting, handed in), and the starter. A name is the
 * file's stem or the folder's name. */
#pragma once

#include <gio/gio.h>

typedef struct {
  char *name;   /* "starter", "dreamshaper_8" */
  char *path;
  char *family; /* "sd1", or NULL if not recognised */
  guint64 bytes;
} VelCatalogEntry;
void vel_catalog_entry_free (VelCatalogEntry *self);

/* folders: (nullable) NULL-terminated, more places to look in. The starter comes first, the rest by name.
 * Returns: (transfer full) (element-type VelCatalogEntry) */
GPtrArray *vel_catalog_list_models (const char *const *folders);
/* name: a path, or a name of the list; "" = the starter. Returns: (transfer full); NULL with VEL_ERROR_REQUEST that says what there is */
char *vel_catalog_resolve (const char *name, const char *const *folders, GError **error);
/* First 10 hex digits of the SHA-256 of the whole file (A1111's AutoV2), remembered by path, size and time in the cache folder. A
 * folder's is that of its unet file. (transfer full); NULL with error */
char *vel_catalog_hash (const char *path, GCancellable *cancellable, GError **error);
/* AutoV3: the first 12 hex digits of the SHA-256 of a safetensors file without its header, which stays the same when somebody edits
 * the metadata. Otherwise as above. */
char *vel_catalog_hash_data (const char *path, GCancellable *cancellable, GError **error);
