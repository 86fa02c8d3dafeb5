/* UniPC over any schedule.  SPDX-License-Identifier: Apache-2.0
 * As it stands bh2 of order 2, which is diffusers' UniPCMultistepScheduler as it comes. */
#include "plugins/samplers/unipc.h"

#define N_(text) text /* for the translators' tools */

static bool
unipc (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  return run_unipc (host, run, x, sigmas, n_steps, false);
}

static const VelPluginParam params[] = { UNIPC_PARAMS (BH2, 2), { NULL } };

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "unipc", "UniPC", "uni_pc|uni_pc_bh2|k_unipc|unipc multistep",
  N_ ("Few steps where guidance is low; more, or a Karras schedule, where it is strong."),
  .params = params, .run = unipc,
};
