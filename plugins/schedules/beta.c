/* Steps gather at both ends, as a beta distribution has it.  SPDX-License-Identifier: Apache-2.0
 * Lee et al. 2024, "Beta Sampling is All You Need"; AUTOMATIC1111 1.10 modules/sd_schedulers.py beta_scheduler with its defaults: even
 * quantiles of Beta (0.6, 0.6), between the lowest and the highest sigma. */
#include "plugins/plugin.h"
#include "plugins/schedules/beta-quantile.h"

#define N_(text) text /* for the translators' tools */

static void
beta (const VelNoiseLevels *levels, const double *params, unsigned n_steps, double *sigmas)
{
  for (unsigned i = 0; i < n_steps; i++)
    sigmas[i] = levels->sigma_min + (levels->sigma_max - levels->sigma_min) * quantile (n_steps > 1 ? 1 - (double) i / (n_steps - 1) : 1);
  sigmas[n_steps] = 0;
}

VEL_PLUGIN_EXPORT const VelSchedule vel_schedule = {
  VEL_PLUGIN_ABI, "beta", "Beta", NULL, N_ ("Small steps at both ends, large ones between."), .sigmas = beta,
};
