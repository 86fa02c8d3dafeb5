/* A file of changes to a model's weights: LoRA and its kin, whatever trained it.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/lora/delta.h"
#include "engine/lora/names.h"

typedef struct {
  char *name; /* as the file has it, without what follows the layer */
  char *layer; /* as vel_lora_names_split leaves it */
  VelLoraNetwork network;
  VelDeltaParts parts;
  gboolean applied; /* to the model at hand; of several names of one weight in a file only the first one's layer is */
} VelLoraLayer;

typedef struct {
  char *path, *name; /* name: the file's stem */
  char *identity;    /* path, size and time: whether it is still the same file */
  VelTensorFile *file;
  GPtrArray *layers;  /* VelLoraLayer, by name */
  GStrv unknown;      /* tensors that are nothing of a layer */
  char *problem;      /* (nullable) a sentence about what else was not understood */
} VelLora;

/* Whether a file of tensors of these names could be one. names: NULL-terminated */
gboolean vel_lora_is_one (const char *const *names);
/* Of any container that tensor-file.h knows. cancellable: (nullable).
 * Returns: (transfer full); NULL with VEL_ERROR_FORMAT, naming the file */
VelLora *vel_lora_open (const char *path, GCancellable *cancellable, GError **error);
void vel_lora_free (VelLora *self);
/* FALSE once the file on disk is another one. */
gboolean vel_lora_is_current (const VelLora *self);
/* For people: "LoRA of rank 16", "LoHa and full". Returns: (transfer full) */
char *vel_lora_describe (const VelLora *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelLora, vel_lora_free)
