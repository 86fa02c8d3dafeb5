/* Which model files are on disk.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Folders: the data folder's models/, folders the user added (the "model-folders" setting, handed in), and the starter. A name is the
 * file's stem or the folder's name. A UNet alone is listed among the models, since it paints with text encoders and a VAE from elsewhere. */
#pragma once

#include "engine/formats/parts.h"
#include "engine/params.h"

typedef struct {
  char *name;   /* "starter", "dreamshaper_8" */
  char *path;
  char *family; /* "sd1", or NULL if not recognised */
  const char *part; /* what it is a part of a model: "unet", "text-encoder", "vae"; NULL: a whole one, or not recognised */
  guint64 bytes;
} VelCatalogEntry;
void vel_catalog_entry_free (VelCatalogEntry *self);

/* "models/dreamshaper_8.safetensors" is "dreamshaper_8". Returns: (transfer full) UTF-8 */
char *vel_catalog_name_of (const char *path);
/* folders: (nullable) NULL-terminated, more places to look in. The starter comes first, the rest by name.
 * Returns: (transfer full) (element-type VelCatalogEntry) */
GPtrArray *vel_catalog_list_models (const char *const *folders);
/* Parts of models in the same folders, by name: of such names as ComfyUI's "unet", "text_encoders" and "vae" too, if these are among them.
 * Returns: (transfer full) (element-type VelCatalogEntry) */
GPtrArray *vel_catalog_list_parts (const char *const *folders);
/* name: a path, a name of the list, or a model's hash as pictures have it; "" = the starter. Returns: (transfer full); NULL with VEL_ERROR_REQUEST that says what there is */
char *vel_catalog_resolve (const char *name, const char *const *folders, GError **error);
/* names: of parts of a kind, a line each; a path, a name of the list of parts or of models, which have parts, or a hash.
 * Returns: (transfer full) paths, a line each, "" for ""; NULL with VEL_ERROR_REQUEST */
char *vel_catalog_resolve_parts (VelPartKind kind, const char *names, const char *const *folders, GError **error);
/* A model as A1111 names it in settings: "sd_xl_refiner_1.0 [7440042bbd]". name: as above. Returns: (transfer full) (nullable): NULL for "" and
 * for one that is not there */
char *vel_catalog_dup_title (const char *name);
/* name, hash: (nullable) of a recipe. The entry of that name, else one whose hash is known already: nothing is computed but AutoV1.
 * Returns: (nullable) borrowed from the list */
const VelCatalogEntry *vel_catalog_recognise (GPtrArray *entries, const char *name, const char *hash);

/* Hashes as the programs write them, remembered by path, size and time in the cache folder, so that each file is read once. A folder's are
 * those of its unet file. */
typedef enum {
  VEL_HASH_AUTOV1,    /* 8 hex digits of the SHA-256 of 64 KiB at 1 MiB: the "Model hash" of 2022; NULL without error for a shorter file */
  VEL_HASH_AUTOV2,    /* 10 of the whole file: models and VAEs */
  VEL_HASH_AUTOV3,    /* 12 of a safetensors file without its header, which stays the same when somebody edits the metadata */
  VEL_HASH_LORA,      /* A1111's of a LoRA: 12 of what its metadata says in "sshs_model_hash", else AutoV3 */
  VEL_HASH_EMBEDDING, /* A1111's of a textual inversion: 12 of the whole file */
} VelHashKind;
/* Returns: (transfer full); NULL with error */
char *vel_catalog_hash_kind (VelHashKind kind, const char *path, GCancellable *cancellable, GError **error);
/* AutoV2 and AutoV3. */
char *vel_catalog_hash (const char *path, GCancellable *cancellable, GError **error);
char *vel_catalog_hash_data (const char *path, GCancellable *cancellable, GError **error);
/* AutoV2 of the VAE a request has in place of the model's own. Returns: (transfer full) (nullable): NULL if it has none that can be read */
char *vel_catalog_hash_vae (VelValues *request);
/* A1111's "TI hashes" of the embeddings that a request's prompts name: "ink: c74b4e810b03, other: …". They are those it lists and those of the
 * data folder. Returns: (transfer full) (nullable): NULL if there are none */
char *vel_catalog_hash_embeddings (VelValues *request);
/* hash: 8, 10, 12 or 64 hex digits of any of these kinds; anything else finds nothing. compute: hash the files whose hashes are not known,
 * the small ones first; else only what is remembered is looked at, and AutoV1. Returns: (nullable) borrowed from the list */
const VelCatalogEntry *vel_catalog_find_hash (GPtrArray *entries, const char *hash, gboolean compute, GCancellable *cancellable);
