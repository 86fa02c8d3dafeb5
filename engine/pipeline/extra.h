/* What UNets of special models read beside the latent.  SPDX-License-Identifier: Apache-2.0
 *
 * To fill a mask (Rombach et al. 2022, 9 channels): where to paint, and the latent of all that stays. To change a picture (Brooks et al.
 * 2023, 8 channels): its latent as the VAE makes it, not scaled. */
#pragma once

#include "engine/pipeline/inpaint.h"
#include "engine/pipeline/model.h"

/* before: (nullable) the start picture, perhaps with a mask.  mask_weight: 0 .. 1: how much of it is hidden under the mask.  latent: (nullable) its latent, scaled, [1, h, w, 4].  width, height: of the
 * picture to paint.
 * extra: (out) (nullable) (transfer full) [1, h, w, k], NULL for a model that reads nothing more.
 * Returns: FALSE with VEL_ERROR_REQUEST where something has to be given, or any error of the VAE */
gboolean vel_extra_make (VelContext *ctx, const VelModel *model, const VelInpaint *before, double mask_weight, VelTensor *latent, guint width,
                         guint height, VelTensor **extra, GError **error);
/* The same with nothing to read: zeros shaped like `extra`. Returns: (transfer full); NULL if memory is short (ask vel_context_check) */
VelTensor *vel_extra_make_none (VelContext *ctx, const VelTensor *extra);
