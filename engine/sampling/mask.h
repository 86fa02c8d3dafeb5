/* Where a picture stands still while the rest is painted anew.
 * SPDX-License-Identifier: Apache-2.0
 * AUTOMATIC1111 1.10 modules/sd_samplers_cfg_denoiser.py: after guidance, what was denoised is let through by the mask's share, and what is
 * kept stands beside it. */
#pragma once

#include "engine/sampling/soft.h"
#include "engine/tensor/context.h"

typedef struct VelMask VelMask;

/* repaint: [h, w] in host memory, 1 where the picture is painted anew, 0 where it stands still.  before: [B, h, w, C], or [1, ...] for all
 * pictures: the latent that stands still.  batch: B.
 * Returns: (transfer full); NULL if memory is short (ask vel_context_check) */
VelMask *vel_mask_new (VelContext *ctx, const float *repaint, VelTensor *before, gint64 batch);
/* The same where the two flow into each other, by shares between 0 and 1 (soft.h). */
VelMask *vel_mask_new_soft (VelContext *ctx, VelSoftness softness, const float *repaint, VelTensor *before, gint64 batch);
void vel_mask_free (VelMask *self);
/* denoised: [B, h, w, C], in place.  sigma: the noise level it was denoised from */
void vel_mask_apply (VelContext *ctx, const VelMask *self, VelTensor *denoised, double sigma);
/* x: [B, h, w, C], the end of a run, in place: what stands still is as it was, whatever a sampler leaves of the last noise. A soft mask has
 * done all it does. */
void vel_mask_finish (VelContext *ctx, const VelMask *self, VelTensor *x);

/* before (1 - repaint) + other repaint.  before: [B or 1, h, w, C]; other: [B, h, w, C], or NULL for nothing.
 * -> of the context, [B, ...], or [1, ...] where both are the same for all pictures */
VelTensor *vel_mask_mix (VelContext *ctx, const float *repaint, VelTensor *before, VelTensor *other);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelMask, vel_mask_free)
