/* DDIM's evenly spaced timesteps for other samplers.  SPDX-License-Identifier: Apache-2.0
 * AUTOMATIC1111 1.10 modules/sd_schedulers.py ddim_scheduler; ComfyUI comfy/samplers.py ddim_scheduler.
 * The stride is rounded down, so that some numbers of steps become a few more. */
#include "plugins/plugin.h"

#define N_(text) text /* for the translators' tools */

static unsigned
stride (const VelNoiseLevels *levels, unsigned n_steps)
{
  return n_steps < levels->n_table ? levels->n_table / n_steps : 1;
}

static unsigned
count (const VelNoiseLevels *levels, const double *params, unsigned n_steps)
{
  return (levels->n_table - 2) / stride (levels, n_steps) + 1; /* timesteps 1, 1 + stride, … */
}

static void
ddim (const VelNoiseLevels *levels, const double *params, unsigned n_steps, double *sigmas)
{
  unsigned n = count (levels, params, n_steps);

  for (unsigned i = 0; i < n; i++)
    sigmas[n - 1 - i] = levels->table[1 + i * stride (levels, n_steps)];
  sigmas[n] = 0;
}

VEL_PLUGIN_EXPORT const VelSchedule vel_schedule = {
  VEL_PLUGIN_ABI, "ddim", "DDIM", "ddim_uniform", N_ ("The even timesteps of the sampler DDIM; now and then a few more than asked for."),
  .sigmas = ddim, .count = count,
};
