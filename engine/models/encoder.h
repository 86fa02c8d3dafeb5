/* The first half of a UNet, down to its middle: every block's result is kept, for the other half to read. ControlNets have one too.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/models/res-block.h"
#include "engine/models/transformer.h"

/* One numbered block of the file; its parts stand in the order they run, absent ones have no weights. */
typedef struct {
  gboolean has_res, has_transformer, has_down, has_up;
  VelResBlock res;
  VelTransformer transformer;
  VelConv down; /* 3x3, stride 2 */
  VelConv up;   /* 3x3 after doubling */
} VelUNetBlock;

/* What all transformers of a network have in common. */
typedef struct {
  gint64 context_dim;     /* of the text states */
  gint64 heads, head_dim; /* heads: > 0 = heads per attention; 0 = head_dim channels per head */
} VelAttentionKind;

/* prefix: of a whole network, "model.diffusion_model." Returns: the width of the text states, by the first cross-attention; 0 without one
 */
gint64 vel_unet_find_context_dim (VelWeights *weights, const char *prefix);
/* side: "input_blocks" or "output_blocks"; blocks first .. first + n - 1. Returns: (transfer full) [n] */
VelUNetBlock *vel_unet_blocks_load (VelLoader *loader, VelTimeEmbedding *times, VelAttentionKind kind, const char *prefix, const char *side,
                                    unsigned first, unsigned n);
void vel_unet_blocks_free (VelUNetBlock *blocks, unsigned n);

typedef struct {
  VelConv conv_in; /* input_blocks.0.0 */
  unsigned n_blocks;
  VelUNetBlock *blocks; /* input_blocks.1 .. n_blocks */
  VelResBlock mid_in, mid_out;
  VelTransformer mid_transformer;
  gboolean has_mid, has_mid_transformer, has_mid_out; /* distilled networks leave some out, or all */
} VelEncoder;

void vel_encoder_load (VelEncoder *self, VelLoader *loader, VelTimeEmbedding *times, VelAttentionKind kind, const char *prefix);
void vel_encoder_clear (VelEncoder *self);
/* Of the results: conv_in's, then one for each block. */
unsigned vel_encoder_get_n_skips (const VelEncoder *self);
gint64 vel_encoder_get_channels (const VelEncoder *self, unsigned skip);
/* Whether every block reads as many channels as the one before it makes. */
gboolean vel_encoder_is_whole (const VelEncoder *self);
void vel_encoder_fill_text (VelContext *ctx, const VelEncoder *self, VelTextKeys *text, VelTensor *context, guint *used);

/* x: [B, h, w, in].  hint: (nullable) [B, h, w, channels], added to what conv_in makes.  shifts: [B or 1, width].
 * skips: (out) (element-type VelTensor) are appended.  used: (inout) of the text's keys and values.
 * -> [B, h', w', channels], the middle's; the last skip itself where there is no middle */
VelTensor *vel_encoder_forward (VelContext *ctx, const VelEncoder *self, VelTensor *x, VelTensor *hint, VelTensor *shifts,
                                const VelTextKeys *text, guint *used, GPtrArray *skips);
