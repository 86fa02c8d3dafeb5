/* Heun++: looks two steps ahead and weighs the slopes by their noise levels.  SPDX-License-Identifier: Apache-2.0
 * After Karras et al. 2022, algorithm 2; ComfyUI sample_heunpp2. */
#include "plugins/samplers/churn.h"

#define N_(text) text /* for the translators' tools */

/* out = x + length * the slope found at another point, (at - denoised) / sigma */
static void
step (const VelSamplerHost *host, VelRun *run, VelTensor *out, VelTensor *x, VelTensor *at, VelTensor *denoised, double sigma, double length)
{
  host->combine (run, out, 3, (double[]) { 1, length / sigma, -length / sigma }, (VelTensor *[]) { x, at, denoised });
}

static bool
heunpp2 (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  VelTensor *denoised = host->new_like (run, x), *ahead = host->new_like (run, x), *denoised_ahead = host->new_like (run, x);
  VelTensor *moved = host->new_like (run, x);

  for (unsigned i = 0; i < n_steps; i++) {
    double sigma = churn (host, run, x, denoised, sigmas[i], n_steps), length = sigmas[i + 1] - sigma;
    unsigned n_ahead = n_steps - 1 - i < 2 ? n_steps - 1 - i : 2;
    double rest = 1; /* of the weights, for the first slope */

    if (!host->denoise (run, denoised, x, sigma))
      return false;
    step (host, run, ahead, x, x, denoised, sigma, length);
    host->combine (run, moved, 1, (double[]) { 1 }, &x);
    for (unsigned k = 1; k <= n_ahead; k++) {
      double level = sigmas[i + k], weight = level / ((n_ahead + 1) * sigmas[0]);

      if (!host->denoise (run, denoised_ahead, ahead, level))
        return false;
      step (host, run, moved, moved, ahead, denoised_ahead, level, weight * length);
      if (k < n_ahead)
        step (host, run, ahead, ahead, ahead, denoised_ahead, level, sigmas[i + k + 1] - level);
      rest -= weight;
    }
    step (host, run, x, moved, x, denoised, sigma, rest * length);
  }
  return true;
}

static const VelPluginParam params[] = { CHURN_PARAMS, { NULL } };

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "heunpp2", "HeunPP2", "heun++ 2|heun++|sample_heunpp2", N_ ("Heun that looks further ahead, three times the work a step."),
  .params = params, .run = heunpp2,
};
