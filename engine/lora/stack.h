/* The LoRAs in force, and what they make of a model's weights: W = W0 + the sum of s * change, always from the untouched W0.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Their order makes no difference, to the bit; strength 0 gives W0 back, to the bit. A file is opened once and stays open while it is wanted,
 * so that another strength reads nothing from disk. */
#pragma once

#include "engine/formats/weights.h"
#include "engine/lora/blocks.h"
#include "engine/lora/lora.h"

typedef struct {
  char *path;
  double text, unet;     /* strengths for text encoders and UNet */
  VelLoraBlocks *blocks; /* (nullable) owned: what they are multiplied by */
} VelLoraWish;
void vel_lora_wish_free (gpointer wish);

typedef struct VelLoraStack VelLoraStack;

/* Returns: (transfer full) */
VelLoraStack *vel_lora_stack_new (void);
void vel_lora_stack_free (VelLoraStack *self);

/* What is wanted from now on; a file that is named twice has both strengths together, unless
 * its blocks differ. Models learn of it by the next vel_lora_stack_apply.
 * wishes: (element-type VelLoraWish). Returns: FALSE with an error of opening one; then nothing is wanted */
gboolean vel_lora_stack_set (VelLoraStack *self, const GPtrArray *wishes, GCancellable *cancellable, GError **error);
/* Where W0 is, for kinds that need it: opened when the first asks. Returns: (transfer full) */
typedef VelWeights *(*VelLoraOriginals) (gpointer data, GCancellable *cancellable, GError **error);
/* Brings the weights of one loaded network to what is wanted; does nothing if they are.
 * Returns: FALSE with an error or cancelled; then the network has some of it, until the next call succeeds */
gboolean vel_lora_stack_apply (VelLoraStack *self, VelSlots *slots, VelLoraNetwork network, VelLoraOriginals originals, gpointer data,
                               GCancellable *cancellable, GError **error);
/* For each file, after all networks had their turn: "“ink”: 264 of 264 layers applied (LoRA, rank 16)" and what was left out.
 * Returns: FALSE with VEL_ERROR_REQUEST if one changed nothing at all. notes: (element-type utf8) are appended */
gboolean vel_lora_stack_report (VelLoraStack *self, GPtrArray *notes, GError **error);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelLoraStack, vel_lora_stack_free)
