/* From a network's raw output to its guess of the clean latent.
 * SPDX-License-Identifier: Apache-2.0
 * Karras et al. 2022, table 1; k-diffusion external.py DiscreteEpsDDPMDenoiser, DiscreteVDDPMDenoiser, without quantisation of t. */
#pragma once

#include "engine/models/family.h"
#include "engine/models/unet.h"
#include "plugins/plugin.h"

typedef struct {
  const VelUNet *unet;
  VelPrediction prediction;
  const VelNoiseLevels *levels;
} VelDenoiser;

/* x: [B, h, w, 4] = latent + sigma * noise.  text: of batch B.  raw: (out) (optional), the network's output.
 * -> [B, h, w, 4], denoised */
VelTensor *vel_denoiser_run (VelContext *ctx, const VelDenoiser *self, VelTensor *x, double sigma, const VelUNetText *text, VelTensor **raw);
