/* Noise added back before a step: Karras et al. 2022, algorithm 2; k-diffusion's s_churn, s_tmin, s_tmax, s_noise.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <math.h>

#include "plugins/plugin.h"

#define CHURN_PARAMS \
  { "s_churn", "Churn", "How much noise is added back before steps.", 0, 100, 0 }, \
  { "s_tmin", "Churn from", "Lowest noise level at which churn acts.", 0, HUGE_VAL, 0 }, \
  { "s_tmax", "Churn up to", "Highest noise level at which churn acts.", 0, HUGE_VAL, HUGE_VAL }, \
  { "s_noise", "Noise strength", "Multiplies the noise that is added.", 0, 2, 1 }

/* Raises x from sigma to the noise level it returns. noise: scratch, like x. Where nothing is added no noise is drawn. */
static inline double
churn (const VelSamplerHost *host, VelRun *run, VelTensor *x, VelTensor *noise, double sigma, unsigned n_steps)
{
  double gamma = fmin (host->param (run, "s_churn") / n_steps, sqrt (2) - 1), raised;

  if (!(gamma > 0) || sigma < host->param (run, "s_tmin") || sigma > host->param (run, "s_tmax"))
    return sigma;
  raised = sigma * (gamma + 1);
  host->noise (run, noise);
  host->combine (run, x, 2, (double[]) { 1, host->param (run, "s_noise") * sqrt (raised * raised - sigma * sigma) },
                 (VelTensor *[]) { x, noise });
  return raised;
}
