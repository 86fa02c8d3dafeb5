/* Even steps in the angle whose tangent is sigma.  SPDX-License-Identifier: Apache-2.0
 * Sabour et al. 2024, "Align Your Steps", equation 8; AUTOMATIC1111 1.10 modules/sd_schedulers.py kl_optimal, which ends at the lowest
 * noise level and not at 0. */
#include <math.h>

#include "plugins/plugin.h"

#define N_(text) text /* for the translators' tools */

static void
kl_optimal (const VelNoiseLevels *levels, const double *params, unsigned n_steps, double *sigmas)
{
  double low = atan (levels->sigma_min), high = atan (levels->sigma_max);

  for (unsigned i = 0; i <= n_steps; i++)
    sigmas[i] = tan (high + (low - high) * i / n_steps);
}

VEL_PLUGIN_EXPORT const VelSchedule vel_schedule = {
  VEL_PLUGIN_ABI, "kl_optimal", "KL Optimal", NULL, N_ ("Small steps at the end, found by reckoning; leaves a trace of noise."),
  .sigmas = kl_optimal,
};
