/* Euler steps along the probability flow.  SPDX-License-Identifier: Apache-2.0
 * Karras et al. 2022, algorithm 2; k-diffusion sample_euler. */
#include "plugins/samplers/churn.h"

#define N_(text) text /* for the translators' tools */

static bool
euler (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  VelTensor *denoised = host->new_like (run, x);

  for (unsigned i = 0; i < n_steps; i++) {
    double sigma = churn (host, run, x, denoised, sigmas[i], n_steps);
    double keep = sigmas[i + 1] / sigma; /* x' = keep x + (1 - keep) denoised */

    if (!host->denoise (run, denoised, x, sigma))
      return false; /* cancelled or failed; the host knows why */
    host->combine (run, x, 2, (double[]) { keep, 1 - keep }, (VelTensor *[]) { x, denoised });
  }
  return true;
}

static const VelPluginParam params[] = { CHURN_PARAMS, { NULL } };

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "euler", "Euler", "k_euler|sample_euler|euler discrete", N_ ("Simple and quick; the same picture at any number of steps."),
  .params = params, .run = euler,
};
