/* DPM-Solver++(2M): the denoised picture of the step before gives a second order without a second model call.
 * SPDX-License-Identifier: Apache-2.0
 * Lu et al. 2022, algorithm 2; k-diffusion sample_dpmpp_2m. Time is t = -log sigma. */
#include <math.h>

#include "plugins/plugin.h"

#define N_(text) text /* for the translators' tools */

static bool
dpmpp_2m (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  VelTensor *denoised = host->new_like (run, x), *before = host->new_like (run, x);

  for (unsigned i = 0; i < n_steps; i++) {
    double keep = sigmas[i + 1] / sigmas[i]; /* exp (-h), h the step in t */
    double look = 0;                         /* how far to go on past denoised, away from the one before */
    VelTensor *last = before;

    if (!host->denoise (run, denoised, x, sigmas[i]))
      return false;
    if (i > 0 && sigmas[i + 1] > 0)
      look = log (sigmas[i] / sigmas[i + 1]) / log (sigmas[i - 1] / sigmas[i]) / 2;
    host->combine (run, x, i > 0 ? 3 : 2, (double[]) { keep, (1 - keep) * (1 + look), -(1 - keep) * look },
                   (VelTensor *[]) { x, denoised, before });
    before = denoised;
    denoised = last;
  }
  return true;
}

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "dpmpp_2m", "DPM++ 2M", "k_dpmpp_2m|sample_dpmpp_2m|dpm++2m|dpmsolver++|dpmsolver multistep",
  N_ ("Good pictures in few steps; the same one at any number of steps."),
  .schedule = "karras", .run = dpmpp_2m,
};
