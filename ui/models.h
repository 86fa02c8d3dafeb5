/* The models there are to choose from, read from disk on another thread.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/catalog.h"

/* Signal "changed": the list was read anew. */
#define VEL_TYPE_MODELS (vel_models_get_type ())
G_DECLARE_FINAL_TYPE (VelModels, vel_models, VEL, MODELS, GObject)

/* settings: its "model-folders" are looked into, and again when they change. Reading starts at once. */
VelModels *vel_models_new (GSettings *settings);
/* The starter first, then by name. Empty until read. (transfer none) (element-type VelCatalogEntry) */
GPtrArray *vel_models_get_entries (VelModels *self);
/* Text encoders, VAEs and UNets in the same folders, by name. Empty until read. (transfer none) (element-type VelCatalogEntry) */
GPtrArray *vel_models_get_parts (VelModels *self);
/* FALSE before the first list. */
gboolean vel_models_is_read (VelModels *self);
/* name: of a request: a path, a name, or "" for the first. (transfer none) (nullable) */
const VelCatalogEntry *vel_models_find (VelModels *self, const char *name);
/* Adds a folder to the settings; nothing is copied. */
void vel_models_add_folder (VelModels *self, const char *path);
