/* The original reverse process: the posterior's mean and its noise.  SPDX-License-Identifier: Apache-2.0
 * Ho et al. 2020, "Denoising Diffusion Probabilistic Models", algorithm 2; ComfyUI sample_ddpm, which knows no eta. */
#include <math.h>

#include "plugins/samplers/ancestral.h"

#define N_(text) text /* for the translators' tools */

/* With abar = 1 / (1 + sigma^2) and x = (clean + sigma eps): the posterior in x of the next noise level. */
static bool
ddpm (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  VelTensor *denoised = host->new_like (run, x);

  for (unsigned i = 0; i < n_steps; i++) {
    double square = sigmas[i] * sigmas[i], next = sigmas[i + 1] * sigmas[i + 1];
    double keep = next / square; /* mean = keep x + (1 - keep) clean, variance next (1 - keep) */

    if (!host->denoise (run, denoised, x, sigmas[i]))
      return false;
    host->combine (run, x, 2, (double[]) { keep, 1 - keep }, (VelTensor *[]) { x, denoised });
    add_noise (host, run, x, denoised, sqrt (next * (1 - keep)));
  }
  return true;
}

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "ddpm", "DDPM", "sample_ddpm", N_ ("The way networks are trained, backwards; wants many steps."),
  .flags = VEL_SAMPLER_ANCESTRAL, .run = ddpm,
};
