/* Evenly spaced timesteps, from the noisiest to the first.  SPDX-License-Identifier: Apache-2.0
 * k-diffusion external.py DiscreteSchedule.get_sigmas. */
#include "plugins/plugin.h"

#define N_(text) text /* for the translators' tools */

static void
normal (const VelNoiseLevels *levels, const double *params, unsigned n_steps, double *sigmas)
{
  double first = levels->sigma_to_t (levels->model, levels->sigma_max), last = levels->sigma_to_t (levels->model, levels->sigma_min);

  for (unsigned i = 0; i < n_steps; i++)
    sigmas[i] = levels->t_to_sigma (levels->model, n_steps > 1 ? first + (last - first) * i / (n_steps - 1) : first);
  sigmas[n_steps] = 0;
}

VEL_PLUGIN_EXPORT const VelSchedule vel_schedule = {
  VEL_PLUGIN_ABI, "normal", N_ ("Normal"), "default|discrete|uniform", N_ ("Even steps through the training's noise levels."),
  .sigmas = normal,
};
