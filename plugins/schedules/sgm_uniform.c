/* Evenly spaced timesteps that stop one step before the first.  SPDX-License-Identifier: Apache-2.0
 * AUTOMATIC1111 1.10 modules/sd_schedulers.py sgm_uniform, after Stability AI's generative-models. */
#include "plugins/plugin.h"

#define N_(text) text /* for the translators' tools */

static void
sgm_uniform (const VelNoiseLevels *levels, const double *params, unsigned n_steps, double *sigmas)
{
  double first = levels->sigma_to_t (levels->model, levels->sigma_max), last = levels->sigma_to_t (levels->model, levels->sigma_min);

  for (unsigned i = 0; i < n_steps; i++)
    sigmas[i] = levels->t_to_sigma (levels->model, first + (last - first) * i / n_steps);
  sigmas[n_steps] = 0;
}

VEL_PLUGIN_EXPORT const VelSchedule vel_schedule = {
  VEL_PLUGIN_ABI, "sgm_uniform", "SGM Uniform", "sgm|sgmuniform", N_ ("Even steps that keep away from the last noise level."),
  .sigmas = sgm_uniform,
};
