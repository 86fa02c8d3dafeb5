/* Steps gather at both ends, at timesteps of the training alone.  SPDX-License-Identifier: Apache-2.0
 * Lee et al. 2024, "Beta Sampling is All You Need"; ComfyUI comfy/samplers.py beta_scheduler: quantiles, of Beta (0.6, 0.6) as it
 * comes, rounded to timesteps, those that meet taken once. */
#include "plugins/schedules/beta-quantile.h"

#define N_(text) text /* for the translators' tools */

static const VelPluginParam params[] = { BETA_PARAMS, { NULL } };

/* The timestep of a step. */
static unsigned
timestep (const VelNoiseLevels *levels, const double *values, unsigned i, unsigned n_steps)
{
  return (unsigned) rint (quantile (1 - (double) i / n_steps, shapes_of (values)) * (levels->n_table - 1));
}

static unsigned
count (const VelNoiseLevels *levels, const double *values, unsigned n_steps)
{
  unsigned n = 1;

  for (unsigned i = 1; i < n_steps; i++)
    n += timestep (levels, values, i, n_steps) != timestep (levels, values, i - 1, n_steps);
  return n;
}

static void
beta_table (const VelNoiseLevels *levels, const double *values, unsigned n_steps, double *sigmas)
{
  for (unsigned i = 0; i < n_steps; i++)
    if (i == 0 || timestep (levels, values, i, n_steps) != timestep (levels, values, i - 1, n_steps))
      *sigmas++ = levels->table[timestep (levels, values, i, n_steps)];
  *sigmas = 0;
}

VEL_PLUGIN_EXPORT const VelSchedule vel_schedule = {
  VEL_PLUGIN_ABI, "beta_table", "Beta (ComfyUI)", NULL, N_ ("As Beta, but only at noise levels the network was trained on."),
  .params = params, .sigmas = beta_table, .count = count,
};
