/* DPM-Solver++(2S): the whole step with the clean picture guessed half-way, and fresh noise.  SPDX-License-Identifier: Apache-2.0
 * Lu et al. 2022, "DPM-Solver++", algorithm 1, r = 1/2; k-diffusion sample_dpmpp_2s_ancestral. */
#include "plugins/samplers/ancestral.h"

#define N_(text) text /* for the translators' tools */

static bool
dpmpp_2s_ancestral (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  VelTensor *denoised = host->new_like (run, x), *middle = host->new_like (run, x);
  double eta = host->param (run, "eta"), s_noise = host->param (run, "s_noise");

  for (unsigned i = 0; i < n_steps; i++) {
    double sigma = sigmas[i], up, down = split_step (sigma, sigmas[i + 1], eta, &up), half = sqrt (sigma * down), keep = down / sigma;

    if (!host->denoise (run, denoised, x, sigma))
      return false;
    if (down > 0) {
      host->combine (run, middle, 2, (double[]) { half / sigma, 1 - half / sigma }, (VelTensor *[]) { x, denoised });
      if (!host->denoise (run, denoised, middle, half))
        return false;
    }
    host->combine (run, x, 2, (double[]) { keep, 1 - keep }, (VelTensor *[]) { x, denoised });
    add_noise (host, run, x, denoised, up * s_noise);
  }
  return true;
}

static const VelPluginParam params[] = { ANCESTRAL_PARAMS (1), { NULL } };

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "dpmpp_2s_a", "DPM++ 2S a", "dpmpp_2s_ancestral|k_dpmpp_2s_a|sample_dpmpp_2s_ancestral|dpm++2s a|dpmsolver singlestep",
  N_ ("Lively and rich in detail, twice the work a step."),
  .flags = VEL_SAMPLER_ANCESTRAL | VEL_SAMPLER_TWO_CALLS, .schedule = "karras", .params = params, .run = dpmpp_2s_ancestral,
};
