/* The slope of x over sigma, which is the network's eps, and weights for following several.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "plugins/plugin.h"

/* slope = (x - denoised) / sigma. False if the host said so. */
static inline bool
find_slope (const VelSamplerHost *host, VelRun *run, VelTensor *slope, VelTensor *x, double sigma)
{
  if (!host->denoise (run, slope, x, sigma))
    return false;
  host->combine (run, slope, 2, (double[]) { 1 / sigma, -1 / sigma }, (VelTensor *[]) { x, slope });
  return true;
}

/* Adams and Bashforth's weights of the n newest slopes over even steps, in row n - 1, the newest first. */
#define MOST_ORDERS 4
static const double adams_bashforth[MOST_ORDERS][MOST_ORDERS] __attribute__ ((unused)) = {
  { 1 },
  { 3 / 2.0, -1 / 2.0 },
  { 23 / 12.0, -16 / 12.0, 5 / 12.0 },
  { 55 / 24.0, -59 / 24.0, 37 / 24.0, -9 / 24.0 },
};
