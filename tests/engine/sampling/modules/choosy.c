/* A param with fewer choices than its range says.  SPDX-License-Identifier: Apache-2.0 */
#include "plugins/plugin.h"

static bool
stay (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  return true;
}

static const VelPluginParam params[] = { { "way", "Way", "One of three.", 0, 2, 1, VEL_PLUGIN_CHOICE, "left|right" }, { NULL } };

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = { VEL_PLUGIN_ABI, "choosy", "Choosy", .params = params, .run = stay };
