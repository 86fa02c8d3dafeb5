/* DPM-Solver++(2M) SDE by Heun's way.  SPDX-License-Identifier: Apache-2.0
 * Lu et al. 2022, "DPM-Solver++"; k-diffusion sample_dpmpp_2m_sde, solver_type heun. */
#include "plugins/samplers/sde-2m.h"

#define N_(text) text /* for the translators' tools */

static bool
dpmpp_2m_sde_heun (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  return sde_2m (host, run, x, sigmas, n_steps, SDE_HEUN);
}

static const VelPluginParam params[] = { ANCESTRAL_PARAMS (1), { NULL } };

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "dpmpp_2m_sde_heun", "DPM++ 2M SDE Heun", "k_dpmpp_2m_sde_heun|sample_dpmpp_2m_sde_heun|dpmpp_2m_sde_heun_gpu",
  N_ ("DPM++ 2M SDE that leans more on the step before."),
  .flags = VEL_SAMPLER_ANCESTRAL, .schedule = "exponential", .params = params, .run = dpmpp_2m_sde_heun,
};
