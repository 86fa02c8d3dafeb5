/* DPM-Solver-2: each step takes the slope found half-way down.  SPDX-License-Identifier: Apache-2.0
 * Lu et al. 2022, "DPM-Solver", algorithm 1, with the noise of Karras et al. 2022; k-diffusion sample_dpm_2. */
#include "plugins/samplers/churn.h"
#include "plugins/samplers/dpm2-step.h"

#define N_(text) text /* for the translators' tools */

static bool
dpm2 (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  VelTensor *denoised = host->new_like (run, x), *middle = host->new_like (run, x);

  for (unsigned i = 0; i < n_steps; i++)
    if (!dpm2_step (host, run, x, denoised, middle, churn (host, run, x, denoised, sigmas[i], n_steps), sigmas[i + 1]))
      return false;
  return true;
}

static const VelPluginParam params[] = { CHURN_PARAMS, { NULL } };

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "dpm2", "DPM2", "dpm_2|k_dpm_2|sample_dpm_2|kdpm2 discrete",
  N_ ("More exact than Euler, twice the work a step; a relative of Heun."),
  .flags = VEL_SAMPLER_DISCARD_PENULTIMATE | VEL_SAMPLER_TWO_CALLS, .schedule = "karras", .params = params, .run = dpm2,
};
