/* Each noise level the same fraction of the one before.  SPDX-License-Identifier: Apache-2.0
 * k-diffusion get_sigmas_exponential. */
#include <math.h>

#include "plugins/plugin.h"

#define N_(text) text /* for the translators' tools */

static void
exponential (const VelNoiseLevels *levels, const double *params, unsigned n_steps, double *sigmas)
{
  double high = log (levels->sigma_max), low = log (levels->sigma_min);

  for (unsigned i = 0; i < n_steps; i++)
    sigmas[i] = exp (n_steps > 1 ? high + (low - high) * i / (n_steps - 1) : high);
  sigmas[n_steps] = 0;
}

VEL_PLUGIN_EXPORT const VelSchedule vel_schedule = {
  VEL_PLUGIN_ABI, "exponential", N_ ("Exponential"), "get_sigmas_exponential", N_ ("Even steps in the logarithm of the noise: soft and smooth."),
  .sigmas = exponential,
};
