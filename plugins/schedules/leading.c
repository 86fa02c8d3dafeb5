/* Evenly spaced timesteps from 1 on.  SPDX-License-Identifier: Apache-2.0
 * diffusers schedulers, timestep_spacing "leading" with steps_offset 1, as Stable Diffusion's files configure them. */
#include "plugins/plugin.h"

#define N_(text) text /* for the translators' tools */

static void
leading (const VelNoiseLevels *levels, const double *params, unsigned n_steps, double *sigmas)
{
  unsigned stride = levels->n_table / n_steps;

  for (unsigned i = 0; i < n_steps; i++) {
    unsigned t = (n_steps - 1 - i) * stride + 1;

    sigmas[i] = levels->table[t < levels->n_table ? t : levels->n_table - 1];
  }
  sigmas[n_steps] = 0;
}

VEL_PLUGIN_EXPORT const VelSchedule vel_schedule = {
  VEL_PLUGIN_ABI, "leading", "Leading (diffusers)", NULL, N_ ("Even steps that begin a little below the highest noise level."),
  .sigmas = leading,
};
