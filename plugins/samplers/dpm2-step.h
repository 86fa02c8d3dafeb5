/* DPM-Solver-2's step from one noise level to the next, by the slope half-way down.  SPDX-License-Identifier: Apache-2.0
 * Lu et al. 2022, "DPM-Solver", algorithm 1; k-diffusion sample_dpm_2. */
#pragma once

#include <math.h>

#include "plugins/plugin.h"

/* With slope d = (x - denoised) / sigma: middle = x + d (half - sigma), and then x' = x + d middle (next - sigma), half in log sigma.
 * denoised, middle: scratch, like x. False if the host said so. */
static inline bool
dpm2_step (const VelSamplerHost *host, VelRun *run, VelTensor *x, VelTensor *denoised, VelTensor *middle, double sigma, double next)
{
  double half = sqrt (sigma * next);

  if (!host->denoise (run, denoised, x, sigma))
    return false;
  if (next == 0) {
    host->combine (run, x, 1, (double[]) { 1 }, &denoised);
    return true;
  }
  host->combine (run, middle, 2, (double[]) { half / sigma, 1 - half / sigma }, (VelTensor *[]) { x, denoised });
  if (!host->denoise (run, denoised, middle, half))
    return false;
  host->combine (run, x, 3, (double[]) { 1, (next - sigma) / half, (sigma - next) / half }, (VelTensor *[]) { x, middle, denoised });
  return true;
}
