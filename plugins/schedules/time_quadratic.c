/* UniPC's timesteps as squares of even numbers.  SPDX-License-Identifier: Apache-2.0 */
#include "plugins/schedules/unipc-times.h"

#define N_(text) text /* for the translators' tools */

/* Timestep t stands for (t + 1) / n_table there. */
static void
time_quadratic (const VelNoiseLevels *levels, const double *params, unsigned n_steps, double *sigmas)
{
  unsigned n = count (levels, params, n_steps);
  double high = sqrt (levels->n_table);

  for (unsigned i = 0; i <= n; i++) {
    double root = (1 * (double) i + high * (n - i)) / n;

    sigmas[i] = level_at (levels, i < n ? fmax (root * root - 1, 0) : 0);
  }
}

VEL_PLUGIN_EXPORT const VelSchedule vel_schedule = {
  VEL_PLUGIN_ABI, "time_quadratic", N_ ("Time, quadratic (UniPC)"), NULL, N_ ("Small steps in time at the end, as A1111's UniPC can take them."),
  .sigmas = time_quadratic, .count = count,
};
