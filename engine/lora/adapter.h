/* What diffusers and PEFT say of a LoRA beside its tensors: its alpha, which other trainers store as tensors.
 * SPDX-License-Identifier: Apache-2.0
 *
 * diffusers from 0.34 on writes LoraConfig as JSON into the file ("lora_adapter_metadata": "unet.lora_alpha", …), PEFT beside it
 * (adapter_config.json: "lora_alpha", …). A layer's own alpha is found by the end of its name, in alpha_pattern. */
#pragma once

#include "engine/formats/tensor-file.h"

typedef struct VelLoraAdapter VelLoraAdapter;

/* path: of the file. problem: (transfer full) (nullable) a sentence about what could not be read and so does not count.
 * Returns: (transfer full) (nullable): NULL if nothing is said */
VelLoraAdapter *vel_lora_adapter_read (VelTensorFile *file, const char *path, char **problem);
void vel_lora_adapter_free (VelLoraAdapter *self);
/* layer: as the file calls it. stabilised: alpha is over the root of the rank, not over the rank (Kalajdzievski 2023).
 * Returns: 0 if nothing is said of it */
double vel_lora_adapter_get_alpha (const VelLoraAdapter *self, const char *layer, gboolean *stabilised);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelLoraAdapter, vel_lora_adapter_free)
