/* Heun's method: each step looks ahead and averages two slopes.  SPDX-License-Identifier: Apache-2.0
 * Karras et al. 2022, algorithm 2; k-diffusion sample_heun. */
#include "plugins/samplers/churn.h"

#define N_(text) text /* for the translators' tools */

/* With slope d = (x - denoised) / sigma: ahead = x + d dt, and then x' = x + (d + d ahead) / 2 dt. */
static bool
heun (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  VelTensor *denoised = host->new_like (run, x), *ahead = host->new_like (run, x), *denoised_ahead = host->new_like (run, x);

  for (unsigned i = 0; i < n_steps; i++) {
    double sigma = churn (host, run, x, denoised, sigmas[i], n_steps), next = sigmas[i + 1];
    double keep = next / sigma, half = (next - sigma) / 2;

    if (!host->denoise (run, denoised, x, sigma))
      return false;
    if (next == 0) {
      host->combine (run, x, 1, (double[]) { 1 }, (VelTensor *[]) { denoised });
      continue;
    }
    host->combine (run, ahead, 2, (double[]) { keep, 1 - keep }, (VelTensor *[]) { x, denoised });
    if (!host->denoise (run, denoised_ahead, ahead, next))
      return false;
    host->combine (run, x, 4, (double[]) { 1 + half / sigma, -half / sigma, half / next, -half / next },
                   (VelTensor *[]) { x, denoised, ahead, denoised_ahead });
  }
  return true;
}

static const VelPluginParam params[] = { CHURN_PARAMS, { NULL } };

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "heun", "Heun", "k_heun|sample_heun|heun discrete", N_ ("More exact than Euler, twice the work a step."),
  .params = params, .run = heun,
};
