/* DPM-Solver's steps of first, second and third order on eps = (x - clean) / sigma.
 * SPDX-License-Identifier: Apache-2.0
 * Lu et al. 2022, "DPM-Solver"; k-diffusion DPMSolver. Time is t = -log sigma; h = log (sigma / next). */
#pragma once

#include <math.h>

#include "plugins/samplers/slope.h"

/* The noise level at the part r of a step. */
static inline double
level_between (double sigma, double next, double r)
{
  return sigma * pow (next / sigma, r);
}

static inline void
step_1 (const VelSamplerHost *host, VelRun *run, VelTensor *out, VelTensor *x, VelTensor *eps, double sigma, double next)
{
  host->combine (run, out, 2, (double[]) { 1, next - sigma }, (VelTensor *[]) { x, eps });
}

/* eps_1: at the part r of the step */
static inline void
step_2 (const VelSamplerHost *host, VelRun *run, VelTensor *out, VelTensor *x, VelTensor *eps, VelTensor *eps_1, double sigma, double next,
        double r)
{
  double length = next - sigma, bend = length / (2 * r);

  host->combine (run, out, 3, (double[]) { 1, length - bend, bend }, (VelTensor *[]) { x, eps, eps_1 });
}

/* eps_1: at the part r of the step; over: how much of what lies between eps and eps_1 a whole step has. For the point at 2/3, where
 * eps_2 is asked for, and for the step's end with that one. */
static inline void
step_3 (const VelSamplerHost *host, VelRun *run, VelTensor *out, VelTensor *x, VelTensor *eps, VelTensor *eps_1, double sigma, double next,
        double over)
{
  double length = next - sigma, h = log (sigma / next), bend = -next * over * (expm1 (h) / h - 1);

  host->combine (run, out, 3, (double[]) { 1, length - bend, bend }, (VelTensor *[]) { x, eps, eps_1 });
}
