/* Heun's step from one noise level to the next: Karras et al. 2022, algorithm 2.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "plugins/plugin.h"

/* With slope d = (x - denoised) / sigma: ahead = x + d dt, and then x' = x + (d + d ahead) / 2 dt. scratch: three tensors like x.
 * False if the host said so. */
static inline bool
heun_step (const VelSamplerHost *host, VelRun *run, VelTensor *x, VelTensor *const scratch[3], double sigma, double next)
{
  VelTensor *denoised = scratch[0], *ahead = scratch[1], *denoised_ahead = scratch[2];
  double half = (next - sigma) / 2;

  if (!host->denoise (run, denoised, x, sigma))
    return false;
  if (next == 0) {
    host->combine (run, x, 1, (double[]) { 1 }, &denoised);
    return true;
  }
  host->combine (run, ahead, 2, (double[]) { next / sigma, 1 - next / sigma }, (VelTensor *[]) { x, denoised });
  if (!host->denoise (run, denoised_ahead, ahead, next))
    return false;
  host->combine (run, x, 4, (double[]) { 1 + half / sigma, -half / sigma, half / next, -half / next },
                 (VelTensor *[]) { x, denoised, ahead, denoised_ahead });
  return true;
}
