/* Where a painted picture has moved away from its start, as a mask to lay the start over it.
 * SPDX-License-Identifier: Apache-2.0
 * AUTOMATIC1111 1.10 extensions-builtin/soft-inpainting/scripts/soft_inpainting.py: apply_adaptive_masks, weighted_histogram_filter. */
#pragma once

#include "engine/pixels/bitmap.h"

typedef struct {
  double influence;    /* 0 .. 1: how much the mask moves the threshold */
  double threshold;    /* the distance at which half of the start is left */
  double contrast;     /* how sudden the change from one to the other is */
  double preservation; /* as the mask was used while painting */
} VelDifference;

/* distances: [height, width], of latents.  repaint: likewise, the mask, 0 .. 1.
 * Returns: (transfer full) grey, light where the painted picture is to be seen */
VelBitmap *vel_difference_mask (const VelDifference *self, const float *distances, const float *repaint, guint width, guint height);
