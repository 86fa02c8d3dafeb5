/* Steps that go too far down and up again with fresh noise; k-diffusion get_ancestral_step.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <math.h>

#include "plugins/plugin.h"

#define ANCESTRAL_PARAMS(usual_eta) \
  { "eta", "Eta", "How much fresh noise a step adds.", 0, 1, usual_eta }, \
  { "s_noise", "Noise strength", "Multiplies the noise that is added.", 0, 2, 1 }

/* Splits the step from one noise level to the next: down to what is returned without noise, then up again by adding `up` of it. */
static inline double
split_step (double from, double to, double eta, double *up)
{
  *up = fmin (to, eta * sqrt (to * to * (from * from - to * to) / (from * from)));
  return sqrt (to * to - *up * *up);
}

/* x = x + amount * fresh noise, drawn only where there is any. noise: scratch, like x. */
static inline void
add_noise (const VelSamplerHost *host, VelRun *run, VelTensor *x, VelTensor *noise, double amount)
{
  if (!(amount > 0))
    return;
  host->noise (run, noise);
  host->combine (run, x, 2, (double[]) { 1, amount }, (VelTensor *[]) { x, noise });
}
