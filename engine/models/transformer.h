/* The UNet's spatial transformer: self-attention over pixels, cross-attention to the text, GEGLU.
 * SPDX-License-Identifier: Apache-2.0
 * Rombach et al. 2022, section 3.3; ldm/modules/attention.py SpatialTransformer. */
#pragma once

#include "engine/models/layers.h"

typedef struct {
  gint64 heads, head_dim;
  VelNorm norm1;
  VelLinear qkv;      /* [3 C, C] */
  VelLinear self_out; /* [C, C] */
  VelNorm norm2;
  VelLinear cross_q;   /* [C, C] */
  VelLinear cross_kv;  /* [2 C, context_dim] */
  VelLinear cross_out; /* [C, C] */
  VelNorm norm3;
  VelLinear ff_in;  /* GEGLU, C -> 4 C */
  VelLinear ff_out; /* [C, 4 C] */
} VelTransformerBlock;

typedef struct {
  VelNorm norm;
  VelLinear proj_in, proj_out; /* [C, C], stored as a matrix or as a 1x1 convolution */
  unsigned n_blocks;
  VelTransformerBlock *blocks;
} VelTransformer;

/* prefix: e.g. "model.diffusion_model.middle_block.1."; heads and head_dim as vel_unet_load has them. */
void vel_transformer_load (VelTransformer *self, VelLoader *loader, const char *prefix, gint64 channels, gint64 context_dim, gint64 heads,
                           gint64 head_dim);
void vel_transformer_clear (VelTransformer *self);
/* x: [B, h, w, C] -> the same.  keys_values: one [B, T, 2 C] per block. */
VelTensor *vel_transformer (VelContext *ctx, const VelTransformer *self, VelTensor *x, VelTensor *const *keys_values);

/* What every step needs of the text and that changes with nothing else: keys and values of all cross-attentions of a network. */
typedef struct VelTextKeys VelTextKeys;

/* Returns: (transfer full), empty */
VelTextKeys *vel_text_keys_new (void);
void vel_text_keys_free (VelTextKeys *self);
/* Those of the transformers of a network, called for each in the order they run. used: (inout) from 0; those that are not there yet are
 * made, the others are written over in the same memory.  context: [B, T, context_dim], of the network's type. Where memory is short the
 * context fails */
void vel_text_keys_fill (VelContext *ctx, VelTextKeys *self, const VelTransformer *transformer, VelTensor *context, guint *used);
/* vel_transformer with its own part of them. */
VelTensor *vel_text_keys_transform (VelContext *ctx, const VelTextKeys *self, const VelTransformer *transformer, VelTensor *x, guint *used);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelTextKeys, vel_text_keys_free)
