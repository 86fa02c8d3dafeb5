/* The denoising UNet of Stable Diffusion (Rombach et al. 2022; Ronneberger et al. 2015): residual blocks with time embedding,
 * transformers with cross-attention, skip connections.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/models/layers.h"

typedef struct VelUNet VelUNet;
typedef struct VelUNetText VelUNetText;

/* heads: > 0 = heads per attention (SD1: 8); 0 = head_dim channels per head. All else is read from the tensors under
 * model.diffusion_model. Returns: (transfer full); NULL after an error of the loader */
VelUNet *vel_unet_load (VelLoader *loader, gint64 heads, gint64 head_dim);
void vel_unet_free (VelUNet *self);
gint64 vel_unet_get_in_channels (const VelUNet *self);
gint64 vel_unet_get_context_dim (const VelUNet *self);

/* What every step needs of the text and that does not change between steps: keys and values of all cross-attentions.
 * context: [B, T, context_dim]. Returns: (transfer full); NULL if memory is short or the context failed (ask vel_context_check) */
VelUNetText *vel_unet_text_new (VelContext *ctx, const VelUNet *self, VelTensor *context);
void vel_unet_text_free (VelUNetText *self);

/* x: [B, h, w, in_channels]; timesteps: [B] host, may be fractional; text: of batch B. -> [B, h, w, 4], the raw output (eps or v) */
VelTensor *vel_unet_forward (VelContext *ctx, const VelUNet *self, VelTensor *x, const float *timesteps, const VelUNetText *text);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelUNet, vel_unet_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelUNetText, vel_unet_text_free)
