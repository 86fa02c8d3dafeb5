/* CLIP's text encoder (Radford et al. 2021), as Stable Diffusion 1 uses it: ViT-L/14's, causal, quick-GELU.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/models/layers.h"

typedef struct VelClip VelClip;

/* Reads widths and layer count from the tensors under cond_stage_model.transformer.text_model.
 * Returns: (transfer full); NULL after an error of the loader */
VelClip *vel_clip_load (VelLoader *loader);
void vel_clip_free (VelClip *self);
gint64 vel_clip_get_width (const VelClip *self);
gint64 vel_clip_get_n_layers (const VelClip *self);
gint64 vel_clip_get_n_tokens (const VelClip *self); /* of the vocabulary */

/* The hidden state after layer n_layers - (skip - 1), then the final norm. skip: 1 = the last layer.
 * tokens: [n] ids, n = 77. -> [1, n, width], in fp32 whatever the network computes in */
VelTensor *vel_clip_encode (VelContext *ctx, const VelClip *self, const guint32 *tokens, gint64 n, unsigned skip);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelClip, vel_clip_free)
