/* From a noisy latent to the network's guess of the clean one.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Where the device can record, the network's ops are written down at the second evaluation and replayed from then on (recording.h). */
#pragma once

#include "engine/sampling/control.h"

/* A network bound to texts and to one size of picture. */
typedef struct VelDenoiser VelDenoiser;
/* conditions: [n], with states of as many tokens, each for B / n pictures.  shape: of the latents, [B, h, w, 4].
 * Returns: (transfer full); NULL if that failed (ask vel_context_check) */
VelDenoiser *vel_denoiser_new (VelContext *ctx, const VelNetwork *network, unsigned n, const VelCondition *const *conditions, VelShape shape);
/* Other conditions of the same shapes from now on, [n]; what was recorded holds for them too. */
void vel_denoiser_bind (VelContext *ctx, VelDenoiser *self, const VelCondition *const *conditions);
void vel_denoiser_free (VelDenoiser *self);
/* Evaluations from now on are of step k, from 0, of n: for controls that act in some of them. */
void vel_denoiser_set_step (VelDenoiser *self, unsigned step, unsigned n_steps);
/* x: [b, h, w, 4] = latent + sigma * noise; B is a multiple of b, and each b rows of the network get the same.  times: rows of
 * vel_times_get for this sigma, [n, width] or [1, width].  raw: (out) (optional) the network's output in fp32, valid until the next call.
 * -> [B, h, w, 4], denoised, fp32 */
VelTensor *vel_denoiser_run (VelContext *ctx, VelDenoiser *self, VelTensor *x, double sigma, VelTensor *times, VelTensor **raw);
/* After an evaluation whose result was not finite: does it again and looks at every layer. Returns: (nullable) the first culprit */
const char *vel_denoiser_find_culprit (VelDenoiser *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelDenoiser, vel_denoiser_free)
