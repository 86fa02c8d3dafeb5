/* DPM-Solver-2 steps that go too far down and add fresh noise.  SPDX-License-Identifier: Apache-2.0
 * Lu et al. 2022, "DPM-Solver"; k-diffusion sample_dpm_2_ancestral. */
#include "plugins/samplers/ancestral.h"
#include "plugins/samplers/dpm2-step.h"

#define N_(text) text /* for the translators' tools */

static bool
dpm2_ancestral (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  VelTensor *denoised = host->new_like (run, x), *middle = host->new_like (run, x);
  double eta = host->param (run, "eta"), s_noise = host->param (run, "s_noise");

  for (unsigned i = 0; i < n_steps; i++) {
    double up, down = split_step (sigmas[i], sigmas[i + 1], eta, &up);

    if (!dpm2_step (host, run, x, denoised, middle, sigmas[i], down))
      return false;
    add_noise (host, run, x, denoised, up * s_noise);
  }
  return true;
}

static const VelPluginParam params[] = { ANCESTRAL_PARAMS (1), { NULL } };

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "dpm2_a", "DPM2 a", "dpm_2_ancestral|k_dpm_2_a|k_dpm_2_ancestral|sample_dpm_2_ancestral|kdpm2 ancestral discrete",
  N_ ("DPM2 that adds noise on the way: lively and slow."),
  .flags = VEL_SAMPLER_ANCESTRAL | VEL_SAMPLER_DISCARD_PENULTIMATE | VEL_SAMPLER_TWO_CALLS, .schedule = "karras", .params = params, .run = dpm2_ancestral,
};
