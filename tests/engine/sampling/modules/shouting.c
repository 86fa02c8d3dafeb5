/* An id that no command line would take.  SPDX-License-Identifier: Apache-2.0 */
#include "plugins/plugin.h"

static void
fall (const VelNoiseLevels *levels, const double *params, unsigned n_steps, double *sigmas)
{
  for (unsigned i = 0; i <= n_steps; i++)
    sigmas[i] = n_steps - i;
}

VEL_PLUGIN_EXPORT const VelSchedule vel_schedule = { VEL_PLUGIN_ABI, "Shouting!", "Shouting", .sigmas = fall };
