/* Every k-th entry of the network's own noise levels.  SPDX-License-Identifier: Apache-2.0
 * ComfyUI comfy/samplers.py simple_scheduler. */
#include "plugins/plugin.h"

#define N_(text) text /* for the translators' tools */

static void
simple (const VelNoiseLevels *levels, const double *params, unsigned n_steps, double *sigmas)
{
  double stride = (double) levels->n_table / n_steps;

  for (unsigned i = 0; i < n_steps; i++)
    sigmas[i] = levels->table[levels->n_table - 1 - (unsigned) (i * stride)];
  sigmas[n_steps] = 0;
}

VEL_PLUGIN_EXPORT const VelSchedule vel_schedule = {
  VEL_PLUGIN_ABI, "simple", N_ ("Simple"), NULL, N_ ("Picks among the training's noise levels without computing new ones."), .sigmas = simple,
};
