/* Small steps where there is little noise.  SPDX-License-Identifier: Apache-2.0
 * Karras et al. 2022, equation 5; k-diffusion get_sigmas_karras. */
#include <math.h>

#include "plugins/plugin.h"

#define N_(text) text /* for the translators' tools */

static const VelPluginParam params[] = {
  { "rho", N_ ("Rho"), N_ ("The larger, the sooner a schedule leaves the high noise levels; Karras has 7, Polyexponential 1."), 0.1, 100, 7 },
  { NULL },
};

static void
karras (const VelNoiseLevels *levels, const double *values, unsigned n_steps, double *sigmas)
{
  double rho = values != NULL ? values[0] : params[0].standard;
  double high = pow (levels->sigma_max, 1 / rho), low = pow (levels->sigma_min, 1 / rho);

  for (unsigned i = 0; i < n_steps; i++)
    sigmas[i] = pow (n_steps > 1 ? high + (low - high) * i / (n_steps - 1) : high, rho);
  sigmas[n_steps] = 0;
}

VEL_PLUGIN_EXPORT const VelSchedule vel_schedule = {
  VEL_PLUGIN_ABI, "karras", "Karras", "get_sigmas_karras", N_ ("Small steps at the end: fine detail with few steps."), .params = params,
  .sigmas = karras,
};
