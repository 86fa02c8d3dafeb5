/* Steps gather at both ends, as a beta distribution has it.  SPDX-License-Identifier: Apache-2.0
 * Lee et al. 2024, "Beta Sampling is All You Need"; AUTOMATIC1111 1.10 modules/sd_schedulers.py beta_scheduler: even quantiles,
 * of Beta (0.6, 0.6) as it comes, between the lowest and the highest sigma. */
#include "plugins/schedules/beta-quantile.h"

#define N_(text) text /* for the translators' tools */

static const VelPluginParam params[] = { BETA_PARAMS, { NULL } };

static void
beta (const VelNoiseLevels *levels, const double *values, unsigned n_steps, double *sigmas)
{
  for (unsigned i = 0; i < n_steps; i++) {
    double share = quantile (n_steps > 1 ? 1 - (double) i / (n_steps - 1) : 1, shapes_of (values));

    sigmas[i] = levels->sigma_min + (levels->sigma_max - levels->sigma_min) * share;
  }
  sigmas[n_steps] = 0;
}

VEL_PLUGIN_EXPORT const VelSchedule vel_schedule = {
  VEL_PLUGIN_ABI, "beta", "Beta", NULL, N_ ("Small steps at both ends, large ones between."), .params = params, .sigmas = beta,
};
