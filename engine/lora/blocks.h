/* A strength of its own for each block of the UNet, as sd-webui-lora-block-weight's tags have it: "lbw=1,0,0,1,…" or "lbw=OUTALL".
 * SPDX-License-Identifier: Apache-2.0
 * hako-mikan/sd-webui-lora-block-weight scripts/lora_block_weight.py: BLOCKID12, 17, 20, 26 and the presets. */
#pragma once

#include <glib.h>

#define VEL_LORA_BLOCKS 26 /* text encoders, input 0 to 11, middle, output 0 to 11 */

typedef struct {
  double factors[VEL_LORA_BLOCKS];
} VelLoraBlocks;

/* text: 12, 17, 20 or 26 numbers with commas, or a preset's name; blocks that the shorter lists leave out get 0.
 * Returns: FALSE if it is none of these */
gboolean vel_lora_blocks_parse (VelLoraBlocks *self, const char *text);
/* tensor: a weight of the model in the original layout. What belongs to no block has 1. */
double vel_lora_blocks_factor (const VelLoraBlocks *self, const char *tensor);
