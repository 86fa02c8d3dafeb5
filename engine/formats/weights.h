/* Named tensors of a model, whatever the files they lie in: the one front of all model containers.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Names asked for are those of the original single-file layout (model.diffusion_model.*, first_stage_model.*,
 * cond_stage_model.transformer.text_model.*). A diffusers folder, sharded or not, and a file in any other dialect (parts.h) are presented
 * under these names (names.c has the table); a 1x1 convolution stored as a matrix, or the other way round, is presented in the shape that
 * was asked for. */
#pragma once

#include <gio/gio.h>

#include "engine/formats/parts.h"
#include "engine/formats/tensor-file.h"

typedef struct VelWeights VelWeights;

/* path: a file of any container that tensor-file.h knows, a diffusers folder, or one of its components' folders; recognised by content. cancellable: (nullable).
 * Returns: (transfer full); NULL with VEL_ERROR_FORMAT */
VelWeights *vel_weights_open (const char *path, GCancellable *cancellable, GError **error);
VelWeights *vel_weights_ref (VelWeights *self);
void vel_weights_unref (VelWeights *self);
const char *vel_weights_get_path (VelWeights *self);
/* "diffusers", or as vel_tensor_file_get_container */
const char *vel_weights_get_container (VelWeights *self);
/* Puts a part from elsewhere in the place of the model's own, or where it has none. paths: NULL-terminated, of files in any layout, of a
 * component's folder or of whole models; several only for the two text encoders of SDXL. A UNet comes before the text encoders that it
 * reads. Returns: FALSE with VEL_ERROR_FORMAT saying what the file is instead, or VEL_ERROR_FAMILY where the model has no use for it */
gboolean vel_weights_overlay (VelWeights *self, VelPartKind kind, const char *const *paths, GCancellable *cancellable, GError **error);

/* A ControlNet: its tensors alone, under "control_model.", in whatever layout and beside whatever else they lie. path: a file or a folder of
 * diffusers'. Returns: (transfer full); NULL with VEL_ERROR_FORMAT saying what it is instead */
VelWeights *vel_weights_open_control (const char *path, GCancellable *cancellable, GError **error);
/* Whether it holds differences to the weights of a model's UNet. */
gboolean vel_weights_is_difference (VelWeights *self);
/* They are what is handed out from now on with the UNet's own added, in fp32. Returns: FALSE with VEL_ERROR_WEIGHT where one has another shape */
gboolean vel_weights_add_unet (VelWeights *self, VelWeights *model, GError **error);

/* A model with parts from elsewhere. path: (nullable) NULL: the UNet's. parts: by VelPartKind, a line for each file; "" leaves the model's
 * own. */
VelWeights *vel_weights_open_with (const char *path, const char *const parts[VEL_N_PARTS], GCancellable *cancellable, GError **error);
/* Whether any names are other than those in the files. */
gboolean vel_weights_are_translated (VelWeights *self);

gboolean vel_weights_has (VelWeights *self, const char *name);
/* (nullable), borrowed; shape as stored, never a problem */
const VelTensorEntry *vel_weights_find (VelWeights *self, const char *name);
/* Size of an axis, or 0 where there is no such tensor. */
gint64 vel_weights_get_size (VelWeights *self, const char *name, guint axis);
/* Where a component is, to show: the model's path, or that of the file that stands in its place. */
const char *vel_weights_get_source (VelWeights *self, VelComponent component);
/* Whether anything of a part is there. */
gboolean vel_weights_has_part (VelWeights *self, VelPartKind kind);
/* Of the states that a text encoder makes, in either layout; 0 without one. */
gint64 vel_weights_get_text_width (VelWeights *self, VelComponent component);
/* What a file is that is not a whole model, as a translated phrase: "a VAE, which --vae takes". (nullable) for one of several parts */
const char *vel_weights_describe (VelWeights *self);
/* The same without words: "lora", "controlnet", "embedding". (nullable) */
const char *vel_weights_get_other (VelWeights *self);
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
