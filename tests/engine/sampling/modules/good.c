/* A user's sampler, with the id of one that ships: it takes its place.  SPDX-License-Identifier: Apache-2.0 */
#include "plugins/plugin.h"

static bool
stay (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  return true;
}

static const VelPluginParam params[] = {
  { "mood", "Mood", "A number.", -1, 1, 0.5 },
  { "turns", "Turns", "A whole number.", 1, 4, 2, VEL_PLUGIN_WHOLE },
  { "shy", "Shy", "Yes or no.", 0, 1, 1, VEL_PLUGIN_YES_NO },
  { "way", "Way", "One of three.", 0, 2, 1, VEL_PLUGIN_CHOICE, "left|middle|right" },
  { NULL },
};

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "heun", "Häun", "my heun|the-other", .params = params, .run = stay,
};
