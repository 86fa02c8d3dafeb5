/* DPM-Solver++(2M) SDE.  SPDX-License-Identifier: Apache-2.0
 * Lu et al. 2022, "DPM-Solver++"; k-diffusion sample_dpmpp_2m_sde with its usual solver_type, midpoint. */
#include "plugins/samplers/sde-2m.h"

#define N_(text) text /* for the translators' tools */

static bool
dpmpp_2m_sde (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  return sde_2m (host, run, x, sigmas, n_steps, SDE_MIDPOINT);
}

static const VelPluginParam params[] = { ANCESTRAL_PARAMS (1), { NULL } };

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "dpmpp_2m_sde", "DPM++ 2M SDE", "k_dpmpp_2m_sde|sample_dpmpp_2m_sde|dpmpp_2m_sde_gpu|dpm++2m sde",
  N_ ("Fine detail: DPM++ 2M with noise on the way."),
  .flags = VEL_SAMPLER_ANCESTRAL, .schedule = "exponential", .params = params, .run = dpmpp_2m_sde,
};
