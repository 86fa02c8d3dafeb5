/* Heun's method: each step looks ahead and averages two slopes.  SPDX-License-Identifier: Apache-2.0
 * Karras et al. 2022, algorithm 2; k-diffusion sample_heun. */
#include "plugins/samplers/churn.h"
#include "plugins/samplers/heun-step.h"

#define N_(text) text /* for the translators' tools */

static bool
heun (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  VelTensor *const scratch[3] = { host->new_like (run, x), host->new_like (run, x), host->new_like (run, x) };

  for (unsigned i = 0; i < n_steps; i++)
    if (!heun_step (host, run, x, scratch, churn (host, run, x, scratch[0], sigmas[i], n_steps), sigmas[i + 1]))
      return false;
  return true;
}

static const VelPluginParam params[] = { CHURN_PARAMS, { NULL } };

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "heun", "Heun", "k_heun|sample_heun|heun discrete", N_ ("More exact than Euler, twice the work a step."),
  .flags = VEL_SAMPLER_TWO_CALLS, .params = params, .run = heun,
};
