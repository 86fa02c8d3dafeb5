/* Soft inpainting: at every step what is painted and what stands still flow into each other by the mask's greys.
 * SPDX-License-Identifier: Apache-2.0
 * AUTOMATIC1111 1.10 extensions-builtin/soft-inpainting/scripts/soft_inpainting.py: latent_blend, get_modified_nmask. */
#pragma once

#include <glib.h>

typedef struct {
  double bias;         /* power of the noise level: above 1 the start is held on to at the beginning, below it at the end */
  double preservation; /* how strongly the start is held on to; 0: not at all */
  double boost;        /* 1 or more: lengths are mixed nearer the longer one, which keeps contrast */
} VelSoftness;

/* What is painted counts by repaint^(sigma^bias preservation); the mixed vectors of channels are then given the length
 * (a^boost (1 - t) + b^boost t)^(1 / boost) of their two lengths.
 * repaint: [pixels], 0 .. 1.  before: [pixels, channels].  denoised: likewise, in place. */
void vel_soft_blend (const VelSoftness *self, double sigma, const float *repaint, const float *before, float *denoised, gint64 pixels,
                     gint64 channels);
