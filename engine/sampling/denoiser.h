/* From a noisy latent to the network's guess of the clean one.
 * SPDX-License-Identifier: Apache-2.0
 * Karras et al. 2022, table 1; k-diffusion external.py DiscreteEpsDDPMDenoiser, DiscreteVDDPMDenoiser, without quantisation of t.
 *
 * Where the device can record, the network's ops are written down at the second evaluation and replayed from then on. */
#pragma once

#include "engine/models/family.h"
#include "engine/models/unet.h"
#include "plugins/plugin.h"

/* A network and how its output is meant. */
typedef struct {
  const VelUNet *unet;
  VelPrediction prediction;
  const VelNoiseLevels *levels;
} VelNetwork;

/* What the network adds for each noise level, computed once. */
typedef struct VelTimes VelTimes;
/* sigmas: [n], those that are known beforehand; 0 is left out. Returns: (transfer full) */
VelTimes *vel_times_new (VelContext *ctx, const VelNetwork *network, const double *sigmas, unsigned n);
void vel_times_free (VelTimes *self);
/* For any sigma > 0; kept. -> [width], borrowed */
VelTensor *vel_times_get (VelContext *ctx, VelTimes *self, double sigma);

/* A network bound to its text and to one size of picture. */
typedef struct VelDenoiser VelDenoiser;
/* states: n text states [1, T, C] of as many tokens, each for B / n pictures.  shape: [B, h, w, channels].
 * Returns: (transfer full); NULL if that failed (ask vel_context_check) */
VelDenoiser *vel_denoiser_new (VelContext *ctx, const VelNetwork *network, unsigned n, VelTensor *const *states, VelShape shape);
void vel_denoiser_free (VelDenoiser *self);
/* x: [b, h, w, 4] = latent + sigma * noise; B is a multiple of b, and each b rows of the network get the same.  times: vel_times_get's for
 * this sigma.  raw: (out) (optional) the network's output in fp32, valid until the next call.
 * -> [B, h, w, 4], denoised, fp32 */
VelTensor *vel_denoiser_run (VelContext *ctx, VelDenoiser *self, VelTensor *x, double sigma, VelTensor *times, VelTensor **raw);
/* After an evaluation whose result was not finite: does it again and looks at every layer. Returns: (nullable) the first culprit */
const char *vel_denoiser_find_culprit (VelDenoiser *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelTimes, vel_times_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelDenoiser, vel_denoiser_free)
