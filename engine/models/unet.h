/* The denoising UNet of Stable Diffusion (Rombach et al. 2022; Ronneberger et al. 2015): residual blocks with time embedding,
 * transformers with cross-attention, skip connections.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/models/encoder.h"

typedef struct VelUNet VelUNet;

/* heads: > 0 = heads per attention (SD1: 8); 0 = head_dim channels per head. All else is read from the tensors under
 * model.diffusion_model. Returns: (transfer full); NULL after an error of the loader */
VelUNet *vel_unet_load (VelLoader *loader, gint64 heads, gint64 head_dim);
void vel_unet_free (VelUNet *self);
gint64 vel_unet_get_in_channels (const VelUNet *self);
gint64 vel_unet_get_context_dim (const VelUNet *self);
gint64 vel_unet_get_vector_width (const VelUNet *self); /* of what it wants beside the text states; 0: nothing */
const VelEncoder *vel_unet_get_encoder (const VelUNet *self);

/* Of its activations: what `compute` of the loader was. */
VelType vel_unet_get_type (const VelUNet *self);

/* What a timestep adds to the channels of every residual block. */
const VelTimeEmbedding *vel_unet_get_times (const VelUNet *self);

/* context: [B, T, context_dim], of any type. Returns: (transfer full); NULL if memory is short or the context failed (ask
 * vel_context_check) */
VelTextKeys *vel_unet_text_new (VelContext *ctx, const VelUNet *self, VelTensor *context);
/* Another text of the same shape, in the same memory. */
void vel_unet_text_set (VelContext *ctx, const VelUNet *self, VelTextKeys *text, VelTensor *context);

/* x: [B, h, w, in_channels], of the UNet's type; shifts: [B or 1, width], rows of vel_time_embedding_run;
 * text: of batch B.  added: (nullable) [n_skips + 1], of the UNet's type: to each result of the encoder in its order, then to its middle
 * -> [B, h, w, 4], the raw output (eps or v) */
VelTensor *vel_unet_forward (VelContext *ctx, const VelUNet *self, VelTensor *x, VelTensor *shifts, const VelTextKeys *text,
                             VelTensor *const *added);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelUNet, vel_unet_free)
