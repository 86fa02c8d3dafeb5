/* The id of another module in the same folder.  SPDX-License-Identifier: Apache-2.0 */
#include "plugins/plugin.h"

static bool
stay (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  return true;
}

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = { VEL_PLUGIN_ABI, "heun", "Second Heun", .run = stay };
