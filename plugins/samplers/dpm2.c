/* DPM-Solver-2: each step takes the slope found half-way down.  SPDX-License-Identifier: Apache-2.0
 * Lu et al. 2022, "DPM-Solver", algorithm 1, with the noise of Karras et al. 2022; k-diffusion sample_dpm_2. */
#include "plugins/samplers/churn.h"

#define N_(text) text /* for the translators' tools */

/* With slope d = (x - denoised) / sigma: middle = x + d (half - sigma), and then x' = x + d middle (next - sigma). */
static bool
dpm2 (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  VelTensor *denoised = host->new_like (run, x), *middle = host->new_like (run, x);

  for (unsigned i = 0; i < n_steps; i++) {
    double sigma = churn (host, run, x, denoised, sigmas[i], n_steps), next = sigmas[i + 1];
    double half = sqrt (sigma * next); /* in log sigma */

    if (!host->denoise (run, denoised, x, sigma))
      return false;
    if (next == 0) {
      host->combine (run, x, 1, (double[]) { 1 }, (VelTensor *[]) { denoised });
      continue;
    }
    host->combine (run, middle, 2, (double[]) { half / sigma, 1 - half / sigma }, (VelTensor *[]) { x, denoised });
    if (!host->denoise (run, denoised, middle, half))
      return false;
    host->combine (run, x, 3, (double[]) { 1, (next - sigma) / half, (sigma - next) / half }, (VelTensor *[]) { x, middle, denoised });
  }
  return true;
}

static const VelPluginParam params[] = { CHURN_PARAMS, { NULL } };

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "dpm2", "DPM2", "dpm_2|k_dpm_2|sample_dpm_2|kdpm2 discrete",
  N_ ("More exact than Euler, twice the work a step; a relative of Heun."),
  .flags = VEL_SAMPLER_DISCARD_PENULTIMATE, .schedule = "karras", .params = params, .run = dpm2,
};
