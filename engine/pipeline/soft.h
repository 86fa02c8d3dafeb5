/* What soft inpainting is asked to do, and what its result lets through.
 * SPDX-License-Identifier: Apache-2.0
 * AUTOMATIC1111 1.10 extensions-builtin/soft-inpainting/scripts/soft_inpainting.py. */
#pragma once

#include "engine/params.h"
#include "engine/pixels/difference.h"
#include "engine/sampling/soft.h"
#include "engine/tensor/context.h"

typedef struct {
  VelSoftness painting;
  VelDifference result;
} VelSoft;

/* Whether a request paints softly: it has a mask, too, or the picture grows. */
gboolean vel_soft_is_asked (VelValues *request);
VelSoft vel_soft_read (VelValues *request);

/* repaint: [h, w] in host memory.  before: [B or 1, h, w, C], what was painted over.  after: [B, h, w, C], what became of it.
 * Returns: (transfer full) (element-type VelBitmap) for each picture where its latent moved, light there; NULL after an error of the
 * context */
GPtrArray *vel_soft_compare (VelContext *ctx, const VelSoft *self, const float *repaint, VelTensor *before, VelTensor *after);
