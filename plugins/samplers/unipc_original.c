/* UniPC as its authors' code and AUTOMATIC1111 run it: over timesteps of its own, variance preserving, bh1 of order 3.
 * SPDX-License-Identifier: Apache-2.0
 * AUTOMATIC1111 1.10 modules/sd_samplers_timesteps_impl.py unipc, modules/models/diffusion/uni_pc/uni_pc.py. */
#include "plugins/samplers/unipc.h"

#define N_(text) text /* for the translators' tools */

static bool
unipc_original (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  return run_unipc (host, run, x, sigmas, n_steps, true);
}

static const VelPluginParam params[] = { UNIPC_PARAMS (BH1, 3), { NULL } };

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "unipc_original", "UniPC (A1111)", NULL, N_ ("UniPC as A1111 has it, with its settings; a little noise is left at the end."),
  .flags = VEL_SAMPLER_VARIANCE_PRESERVING | VEL_SAMPLER_OWN_SCHEDULE, .schedule = "time_uniform", .params = params, .run = unipc_original,
};
