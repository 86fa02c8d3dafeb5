/* Linear multistep: a polynomial through the last four slopes is followed.  SPDX-License-Identifier: Apache-2.0
 * Adams and Bashforth's method over uneven steps; k-diffusion sample_lms, order = 4. */
#include "plugins/samplers/slopes.h"

#define N_(text) text /* for the translators' tools */

static bool
lms (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  Slopes slopes = slopes_new (host, run, x, 4);

  for (unsigned i = 0; i < n_steps; i++) {
    double weights[MOST_SLOPES];

    if (!slopes_find (&slopes, host, run, x, sigmas[i]))
      return false;
    for (unsigned j = 0; j < slopes.n_known; j++)
      weights[j] = lagrange_integral (sigmas + i, slopes.n_known, j);
    slopes_follow (&slopes, host, run, x, slopes.n_known, weights);
  }
  return true;
}

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "lms", "LMS", "k_lms|sample_lms|lms discrete",
  N_ ("Exact for its work where steps are many; coarse where they are few."), .run = lms,
};
