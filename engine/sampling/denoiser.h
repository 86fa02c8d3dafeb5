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
  gboolean nearest_time; /* see VelRules */
  double scale;          /* of guidance, for networks that are told it */
} VelNetwork;

/* denoised = skip x + out raw, at this noise level */
double vel_network_get_skip (const VelNetwork *self, double sigma);
double vel_network_get_out (const VelNetwork *self, double sigma);

/* What a picture is to be, for the network. Tensors of a device, in fp32; borrowed by whoever gets it. */
typedef struct {
  VelTensor *states; /* [1, T, C], of the text */
  VelTensor *vector; /* [1, V], pooled text and sizes; NULL where the network wants none */
  VelTensor *extra;  /* [1, h, w, k], what it reads beside the latent; NULL likewise */
} VelCondition;

void vel_condition_clear (VelCondition *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VelCondition, vel_condition_clear)

/* What the network adds for each noise level, computed once. */
typedef struct VelTimes VelTimes;
/* conditions: [n], for whose vectors.  sigmas: [n_sigmas], those that are known beforehand; 0 is left out. Returns: (transfer full) */
VelTimes *vel_times_new (VelContext *ctx, const VelNetwork *network, unsigned n, const VelCondition *const *conditions, const double *sigmas,
                         unsigned n_sigmas);
void vel_times_free (VelTimes *self);
/* Other conditions from now on, as many. */
void vel_times_bind (VelContext *ctx, VelTimes *self, const VelCondition *const *conditions);
/* For any sigma > 0; kept. -> [n, width], borrowed; without vectors [1, width] for all */
VelTensor *vel_times_get (VelContext *ctx, VelTimes *self, double sigma);

/* A network bound to texts and to one size of picture. */
typedef struct VelDenoiser VelDenoiser;
/* conditions: [n], with states of as many tokens, each for B / n pictures.  shape: of the latents, [B, h, w, 4].
 * Returns: (transfer full); NULL if that failed (ask vel_context_check) */
VelDenoiser *vel_denoiser_new (VelContext *ctx, const VelNetwork *network, unsigned n, const VelCondition *const *conditions, VelShape shape);
/* Other conditions of the same shapes from now on, [n]; what was recorded holds for them too. */
void vel_denoiser_bind (VelContext *ctx, VelDenoiser *self, const VelCondition *const *conditions);
void vel_denoiser_free (VelDenoiser *self);
/* x: [b, h, w, 4] = latent + sigma * noise; B is a multiple of b, and each b rows of the network get the same.  times: rows of
 * vel_times_get for this sigma, [n, width] or [1, width].  raw: (out) (optional) the network's output in fp32, valid until the next call.
 * -> [B, h, w, 4], denoised, fp32 */
VelTensor *vel_denoiser_run (VelContext *ctx, VelDenoiser *self, VelTensor *x, double sigma, VelTensor *times, VelTensor **raw);
/* After an evaluation whose result was not finite: does it again and looks at every layer. Returns: (nullable) the first culprit */
const char *vel_denoiser_find_culprit (VelDenoiser *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelTimes, vel_times_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelDenoiser, vel_denoiser_free)
