/* DPM-Solver-fast: steps of third order in even time, as many as the model calls allow, and what is left in smaller ones.
 * SPDX-License-Identifier: Apache-2.0
 * Lu et al. 2022, "DPM-Solver"; k-diffusion sample_dpm_fast, with A1111's eta. It stops at the lowest noise level above 0. */
#include "plugins/samplers/ancestral.h"
#include "plugins/samplers/dpm-solver.h"

#define N_(text) text /* for the translators' tools */

/* One step of the given order. x: where all model calls ask, so that each counts as a step. scratch: four tensors like x */
static bool
step (const VelSamplerHost *host, VelRun *run, VelTensor *x, VelTensor *const scratch[4], double sigma, double next, unsigned order)
{
  VelTensor *begin = scratch[0], *eps = scratch[1], *eps_1 = scratch[2], *eps_2 = scratch[3];
  double r = order == 3 ? 1 / 3.0 : 1 / 2.0, third = level_between (sigma, next, 2 / 3.0);

  host->combine (run, begin, 1, (double[]) { 1 }, &x);
  if (!find_slope (host, run, eps, x, sigma))
    return false;
  if (order == 1) {
    step_1 (host, run, x, begin, eps, sigma, next);
    return true;
  }
  step_1 (host, run, x, begin, eps, sigma, level_between (sigma, next, r));
  if (!find_slope (host, run, eps_1, x, level_between (sigma, next, r)))
    return false;
  if (order == 2) {
    step_2 (host, run, x, begin, eps, eps_1, sigma, next, r);
    return true;
  }
  step_3 (host, run, x, begin, eps, eps_1, sigma, third, 2);
  if (!find_slope (host, run, eps_2, x, third))
    return false;
  step_3 (host, run, x, begin, eps, eps_2, sigma, next, 3 / 2.0);
  return true;
}

static bool
dpm_fast (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  VelTensor *const scratch[4] = { host->new_like (run, x), host->new_like (run, x), host->new_like (run, x), host->new_like (run, x) };
  double eta = host->param (run, "eta"), s_noise = host->param (run, "s_noise");
  double high = sigmas[0], low = sigmas[n_steps] > 0 ? sigmas[n_steps] : sigmas[n_steps - 1];
  unsigned n = n_steps / 3 + 1;

  if (!(low < high)) /* a single step has no time to pass */
    return find_slope (host, run, scratch[0], x, high) && (step_1 (host, run, x, x, scratch[0], high, 0), true);
  for (unsigned i = 0; i < n; i++) {
    double sigma = level_between (high, low, (double) i / n), next = i + 1 < n ? level_between (high, low, (i + 1.0) / n) : low, up;
    double down = fmax (low, split_step (sigma, next, eta, &up));
    unsigned order = n_steps % 3 != 0 ? (i + 1 < n ? 3 : n_steps % 3) : i + 2 < n ? 3 : n - i;

    if (!step (host, run, x, scratch, sigma, down, order))
      return false;
    add_noise (host, run, x, scratch[0], up > 0 ? sqrt (next * next - down * down) * s_noise : 0);
  }
  return true;
}

static const VelPluginParam params[] = { ANCESTRAL_PARAMS (1), { NULL } };

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "dpm_fast", "DPM fast", "k_dpm_fast|sample_dpm_fast", N_ ("Lively; of many steps a few large ones are made."),
  .flags = VEL_SAMPLER_ANCESTRAL, .params = params, .run = dpm_fast,
};
