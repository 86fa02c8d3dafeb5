/* Even steps in the angle whose tangent is sigma, and one more to 0.  SPDX-License-Identifier: Apache-2.0
 * Sabour et al. 2024, "Align Your Steps", equation 8; ComfyUI comfy/samplers.py kl_optimal_scheduler. */
#include <math.h>

#include "plugins/plugin.h"

#define N_(text) text /* for the translators' tools */

static void
kl_optimal_zero (const VelNoiseLevels *levels, const double *params, unsigned n_steps, double *sigmas)
{
  double low = atan (levels->sigma_min), high = atan (levels->sigma_max);

  for (unsigned i = 0; i < n_steps; i++)
    sigmas[i] = tan (n_steps > 1 ? high + (low - high) * i / (n_steps - 1) : high);
  sigmas[n_steps] = 0;
}

VEL_PLUGIN_EXPORT const VelSchedule vel_schedule = {
  VEL_PLUGIN_ABI, "kl_optimal_zero", "KL Optimal (ComfyUI)", NULL, N_ ("Small steps at the end, found by reckoning; leaves no noise."),
  .sigmas = kl_optimal_zero,
};
