/* A power of even steps in the logarithm of the noise.  SPDX-License-Identifier: Apache-2.0
 * k-diffusion get_sigmas_polyexponential, rho = 1, as AUTOMATIC1111 1.10 has it. */
#include <math.h>

#include "plugins/plugin.h"

#define N_(text) text /* for the translators' tools */

static const VelPluginParam params[] = {
  { "rho", N_ ("Rho"), N_ ("The larger, the sooner a schedule leaves the high noise levels; Karras has 7, Polyexponential 1."), 0.1, 100, 1 },
  { NULL },
};

static void
polyexponential (const VelNoiseLevels *levels, const double *values, unsigned n_steps, double *sigmas)
{
  double low = log (levels->sigma_min), high = log (levels->sigma_max), rho = values != NULL ? values[0] : params[0].standard;

  for (unsigned i = 0; i < n_steps; i++)
    sigmas[i] = exp (low + pow (n_steps > 1 ? 1 - (double) i / (n_steps - 1) : 1, rho) * (high - low));
  sigmas[n_steps] = 0;
}

VEL_PLUGIN_EXPORT const VelSchedule vel_schedule = {
  VEL_PLUGIN_ABI, "polyexponential", N_ ("Polyexponential"), "get_sigmas_polyexponential", N_ ("A relative of the exponential schedule."),
  .params = params, .sigmas = polyexponential,
};
