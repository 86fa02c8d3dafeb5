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
gint64 vel_unet_get_vector_width (const VelUNet *self); /* of what it wants beside the text states; 0: nothing */

/* Of its activations: what `compute` of the loader was. */
VelType vel_unet_get_type (const VelUNet *self);

/* What a timestep adds to the channels of every residual block, all blocks side by side: the time embedding and its projections.
 * timesteps: [n] host, may be fractional.  vectors: (nullable) [m, vector width], added to every time: pooled text and sizes of SDXL.
 * guidance: the scale, for networks that are told it instead of being guided (Meng et al. 2023; Luo et al. 2023); others do not read it.
 * -> [n * m, width], m rows for each timestep (one without vectors); width: what vel_unet_get_shift_width says */
VelTensor *vel_unet_embed_times (VelContext *ctx, const VelUNet *self, const float *timesteps, gint64 n, double guidance, VelTensor *vectors);
gint64 vel_unet_get_shift_width (const VelUNet *self);

/* What every step needs of the text and that changes with nothing else: keys and values of all cross-attentions.
 * context: [B, T, context_dim], of any type. Returns: (transfer full); NULL if memory is short or the context failed (ask vel_context_check) */
VelUNetText *vel_unet_text_new (VelContext *ctx, const VelUNet *self, VelTensor *context);
/* Another text of the same shape, in the same memory. */
void vel_unet_text_set (VelContext *ctx, const VelUNet *self, VelUNetText *text, VelTensor *context);
void vel_unet_text_free (VelUNetText *self);

/* x: [B, h, w, in_channels], of the UNet's type; shifts: [B or 1, width], rows of vel_unet_embed_times;
 * text: of batch B.
 * -> [B, h, w, 4], the raw output (eps or v) */
VelTensor *vel_unet_forward (VelContext *ctx, const VelUNet *self, VelTensor *x, VelTensor *shifts, const VelUNetText *text);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelUNet, vel_unet_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelUNetText, vel_unet_text_free)
