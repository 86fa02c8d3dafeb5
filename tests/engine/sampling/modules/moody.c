/* A param whose default is outside its range.  SPDX-License-Identifier: Apache-2.0 */
#include "plugins/plugin.h"

static bool
stay (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  return true;
}

static const VelPluginParam params[] = { { "mood", "Mood", "A number.", 0, 1, 2 }, { NULL } };

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = { VEL_PLUGIN_ABI, "moody", "Moody", .params = params, .run = stay };
