/* Improved pseudo numerical methods: Adams and Bashforth's weights for even steps, whatever the steps.  SPDX-License-Identifier: Apache-2.0
 * Liu et al. 2022, "Pseudo Numerical Methods for Diffusion Models", and Zhang and Chen 2022, DEIS, where it is called iPNDM;
 * ComfyUI sample_ipndm, max_order = 4. */
#include "plugins/samplers/slopes.h"

#define N_(text) text /* for the translators' tools */

static unsigned
weigh (const double *sigmas, unsigned n, double weights[MOST_SLOPES])
{
  n = sigmas[1] > 0 ? n : 1; /* the last step goes straight to the clean picture */
  for (unsigned j = 0; j < n; j++)
    weights[j] = (sigmas[1] - sigmas[0]) * adams_bashforth[n - 1][j];
  return n;
}

static bool
ipndm (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  return slopes_run (host, run, x, sigmas, n_steps, 4, weigh);
}

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "ipndm", "IPNDM", "sample_ipndm", N_ ("Quick and exact where the steps are even."), .run = ipndm,
};
