/* UniPC's even timesteps.  SPDX-License-Identifier: Apache-2.0 */
#include "plugins/schedules/unipc-times.h"

#define N_(text) text /* for the translators' tools */

static void
time_uniform (const VelNoiseLevels *levels, const double *params, unsigned n_steps, double *sigmas)
{
  unsigned n = count (levels, params, n_steps);

  for (unsigned i = 0; i <= n; i++)
    sigmas[i] = level_at (levels, (double) (levels->n_table - 1) * (n - i) / n);
}

VEL_PLUGIN_EXPORT const VelSchedule vel_schedule = {
  VEL_PLUGIN_ABI, "time_uniform", N_ ("Time, even (UniPC)"), NULL, N_ ("Even steps in time to the training's first noise level, as A1111's UniPC takes them."),
  .sigmas = time_uniform, .count = count,
};
