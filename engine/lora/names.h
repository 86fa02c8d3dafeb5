/* Whose weight a LoRA file means by a name: the dialects of kohya's scripts, diffusers and PEFT, OneTrainer, LyCORIS, ComfyUI and A1111.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Dots and underscores are not told apart, since kohya's names have only the latter: a name is a prefix for the network ("lora_unet_",
 * "unet.", "text_encoder_2.") and the layer's name in diffusers', transformers' or the original layout. */
#pragma once

#include "engine/models/slots.h"

typedef enum {
  VEL_LORA_UNET,
  VEL_LORA_TEXT_1,
  VEL_LORA_TEXT_2,
  VEL_LORA_ANY, /* the name does not say */
} VelLoraNetwork;

/* A layer that can be changed: rows first .. first+rows-1 of a part; and its bias, if it has one. */
typedef struct {
  const VelSlotPart *weight;
  const VelSlotPart *bias; /* (nullable) */
  gsize first, rows;
} VelLoraTarget;

typedef struct VelLoraNames VelLoraNames;

/* Takes the network off a layer's name. Returns: (transfer full) the rest, underscores only */
char *vel_lora_names_split (const char *name, VelLoraNetwork *network);

/* The layers of one loaded network; the slots must outlive this. Returns: (transfer full) */
VelLoraNames *vel_lora_names_new_unet (VelSlots *slots);
VelLoraNames *vel_lora_names_new_text (VelSlots *slots);
void vel_lora_names_free (VelLoraNames *self);
/* layer: from vel_lora_names_split. Returns: (nullable) borrowed */
const VelLoraTarget *vel_lora_names_find (VelLoraNames *self, const char *layer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelLoraNames, vel_lora_names_free)
