/* The UNet's residual block: norm, SiLU, convolution, time embedding, norm, SiLU, convolution, plus the input.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/models/time-embedding.h"

typedef struct {
  VelNorm in_norm;
  VelConv in_conv; /* [out, in, 3, 3] */
  gint64 shift;    /* where its out channels begin in the projected time embedding */
  VelNorm out_norm;
  VelConv out_conv; /* [out, out, 3, 3] */
  VelConv skip;     /* [out, in, 1, 1], where in != out */
} VelResBlock;

/* prefix: "model.diffusion_model.input_blocks.4.0." */
void vel_res_block_load (VelResBlock *self, VelLoader *loader, VelTimeEmbedding *times, const char *prefix);
void vel_res_block_clear (VelResBlock *self);
/* x: [B, h, w, in] -> [B, h, w, out].  x2: (nullable) the last of the `in` channels, which then x lacks.  shifts: [B or 1, width] */
VelTensor *vel_res_block (VelContext *ctx, const VelResBlock *self, VelTensor *x, VelTensor *x2, VelTensor *shifts);
