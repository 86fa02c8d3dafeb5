/* Latent consistency: each step is a whole guess with fresh noise over it.  SPDX-License-Identifier: Apache-2.0
 * Luo et al. 2023, "Latent Consistency Models", algorithm 3; k-diffusion's form in ComfyUI sample_lcm. */
#include "plugins/samplers/ancestral.h"

#define N_(text) text /* for the translators' tools */

static bool
lcm (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  VelTensor *denoised = host->new_like (run, x);

  for (unsigned i = 0; i < n_steps; i++) {
    if (!host->denoise (run, denoised, x, sigmas[i]))
      return false;
    host->combine (run, x, 1, (double[]) { 1 }, (VelTensor *[]) { denoised });
    add_noise (host, run, x, denoised, sigmas[i + 1]);
  }
  return true;
}

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "lcm", "LCM", "k_lcm|sample_lcm", N_ ("For models and LoRAs that were made for it: two to eight steps, little guidance."),
  .flags = VEL_SAMPLER_ANCESTRAL, .run = lcm,
};
