/* DPM-Solver++(2M) on the stochastic path, both ways to use the guess of the step before.  SPDX-License-Identifier: Apache-2.0
 * Lu et al. 2022, "DPM-Solver++"; k-diffusion sample_dpmpp_2m_sde, solver_type. Time is t = -log sigma. */
#pragma once

#include "plugins/samplers/ancestral.h"

typedef enum {
  SDE_MIDPOINT,
  SDE_HEUN,
} SdeKind;

static inline bool
sde_2m (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps, SdeKind kind)
{
  VelTensor *denoised = host->new_like (run, x), *before = host->new_like (run, x), *noise = host->new_like (run, x);
  double eta = host->param (run, "eta"), s_noise = host->param (run, "s_noise"), h_before = 0;

  for (unsigned i = 0; i < n_steps; i++) {
    double sigma = sigmas[i], next = sigmas[i + 1], h = log (sigma / next), h_eta = h * (1 + eta);
    double gain = -expm1 (-h_eta), look = 0, add = next > 0 ? next * sqrt (-expm1 (-2 * h * eta)) * s_noise : 0;
    VelTensor *last = before;

    if (!host->denoise (run, denoised, x, sigma))
      return false;
    if (i > 0 && next > 0) /* how far to go on past denoised, away from the one before */
      look = (kind == SDE_HEUN ? 1 - gain / h_eta : gain / 2) * h / h_before;
    if (add > 0)
      host->brownian (run, noise, sigma, next);
    /* what is not there yet stands for nothing, with a weight of 0 */
    host->combine (run, x, 4, (double[]) { next > 0 ? next / sigma * exp (-h * eta) : 0, gain + look, -look, add },
                   (VelTensor *[]) { x, denoised, i > 0 ? before : denoised, add > 0 ? noise : denoised });
    h_before = h;
    before = denoised;
    denoised = last;
  }
  return true;
}
