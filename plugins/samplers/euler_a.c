/* Euler steps that go too far down and add fresh noise.  SPDX-License-Identifier: Apache-2.0
 * k-diffusion sample_euler_ancestral. */
#include "plugins/samplers/ancestral.h"

#define N_(text) text /* for the translators' tools */

static bool
euler_ancestral (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  VelTensor *denoised = host->new_like (run, x), *noise = host->new_like (run, x);
  double eta = host->param (run, "eta"), s_noise = host->param (run, "s_noise");

  for (unsigned i = 0; i < n_steps; i++) {
    double up, down = split_step (sigmas[i], sigmas[i + 1], eta, &up), keep = down / sigmas[i];
    bool noisy = up * s_noise > 0;

    if (!host->denoise (run, denoised, x, sigmas[i]))
      return false;
    if (noisy)
      host->noise (run, noise);
    host->combine (run, x, noisy ? 3 : 2, (double[]) { keep, 1 - keep, up * s_noise }, (VelTensor *[]) { x, denoised, noise });
  }
  return true;
}

static const VelPluginParam params[] = { ANCESTRAL_PARAMS (1), { NULL } };

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "euler_a", "Euler a", "euler_ancestral|euler ancestral|k_euler_a|k_euler_ancestral|sample_euler_ancestral",
  N_ ("Lively: adds noise on the way, so the picture keeps changing with the number of steps."),
  .flags = VEL_SAMPLER_ANCESTRAL, .params = params, .run = euler_ancestral,
};
