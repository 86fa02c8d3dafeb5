/* Named tensors of a model, whatever the files they lie in: the one front of all model containers.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Names asked for are those of the original single-file layout (model.diffusion_model.*, first_stage_model.*,
 * cond_stage_model.transformer.text_model.*). A diffusers folder, sharded or not, is presented under these names (names.c has the
 * table); a 1x1 convolution stored as a matrix, or the other way round, is presented in the shape that was asked for. */
#pragma once

#include <gio/gio.h>

#include "engine/formats/tensor-file.h"

typedef struct VelWeights VelWeights;

/* path: a file of any container that tensor-file.h knows, or a diffusers folder; recognised by content. cancellable: (nullable).
 * Returns: (transfer full); NULL with VEL_ERROR_FORMAT */
VelWeights *vel_weights_open (const char *path, GCancellable *cancellable, GError **error);
VelWeights *vel_weights_ref (VelWeights *self);
void vel_weights_unref (VelWeights *self);
const char *vel_weights_get_path (VelWeights *self);
/* "diffusers", or as vel_tensor_file_get_container */
const char *vel_weights_get_container (VelWeights *self);
/* Replaces everything under a prefix by another file's tensors (a VAE of its own, in either layout, prefix or not). */
gboolean vel_weights_overlay_vae (VelWeights *self, const char *path, GCancellable *cancellable, GError **error);

gboolean vel_weights_has (VelWeights *self, const char *name);
/* (nullable), borrowed; shape as stored, never a problem */
const VelTensorEntry *vel_weights_find (VelWeights *self, const char *name);
/* All names in the original layout, sorted. Borrowed, NULL-terminated. */
const char *const *vel_weights_get_names (VelWeights *self);
/* Metadata of the container; for a folder of its unet file. String to string; borrowed. */
GHashTable *vel_weights_get_all_metadata (VelWeights *self);
/* (nullable) */
const char *vel_weights_get_metadata (VelWeights *self, const char *key);
/* A string or whole number of a JSON file of a diffusers folder, as text ("scheduler/scheduler_config.json", "prediction_type"). (nullable)
 * (transfer full) */
char *vel_weights_get_config (VelWeights *self, const char *file, const char *key);

/* shape: -1 fits any size. Marks the tensor as used.
 * Returns: borrowed; NULL with VEL_ERROR_WEIGHT giving name, shape found and shape wanted. */
const VelTensorEntry *vel_weights_get (VelWeights *self, const char *name, VelShape shape, GError **error);
/* Of any type and shape, contiguous and decoded. Returns: borrowed; NULL with VEL_ERROR_MEMORY, or VEL_ERROR_WEIGHT if it is missing */
const VelTensorEntry *vel_weights_load (VelWeights *self, const char *name, GError **error);
/* The tensor's pages may go: it has been packed.
 * Returns: FALSE with VEL_ERROR_FORMAT when the file shrank meanwhile, so that what was packed is not the tensor */
gboolean vel_weights_release (VelWeights *self, const VelTensorEntry *entry, GError **error);
/* Names under the three networks' prefixes that nobody asked for, EMA copies and buffers left aside.
 * Returns: (transfer full), maybe empty */
GStrv vel_weights_dup_unused (VelWeights *self);
/* Sum of the bytes of all tensors, as they are handed out. */
guint64 vel_weights_get_bytes (VelWeights *self);
/* As they lie in their files; less where they are quantised. */
guint64 vel_weights_get_stored_bytes (VelWeights *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelWeights, vel_weights_unref)
