/* Linear multistep: a polynomial through the last four slopes is followed.  SPDX-License-Identifier: Apache-2.0
 * Adams and Bashforth's method over uneven steps; k-diffusion sample_lms, order = 4. */
#include "plugins/samplers/slopes.h"

#define N_(text) text /* for the translators' tools */

static unsigned
weigh (const double *sigmas, unsigned n, double weights[MOST_SLOPES])
{
  for (unsigned j = 0; j < n; j++)
    weights[j] = lagrange_integral (sigmas, n, j);
  return n;
}

static bool
lms (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  return slopes_run (host, run, x, sigmas, n_steps, 4, weigh);
}

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "lms", "LMS", "k_lms|sample_lms|lms discrete",
  N_ ("Exact for its work where steps are many; coarse where they are few."), .run = lms,
};
