/* DPM-Solver++ on the stochastic path: two guesses a step, noise before each.  SPDX-License-Identifier: Apache-2.0
 * Lu et al. 2022, "DPM-Solver++", with ancestral noise; k-diffusion sample_dpmpp_sde, r = 1/2. */
#include "plugins/samplers/ancestral.h"

#define N_(text) text /* for the translators' tools */

/* out: x moved from sigma to next with the given clean picture, noise of the path from sigma to next included. noise: scratch */
static void
move (const VelSamplerHost *host, VelRun *run, VelTensor *out, VelTensor *x, VelTensor *denoised, VelTensor *noise, double sigma, double next)
{
  double up, down = split_step (sigma, next, host->param (run, "eta"), &up), add = up * host->param (run, "s_noise");

  if (add > 0)
    host->brownian (run, noise, sigma, next);
  host->combine (run, out, add > 0 ? 3 : 2, (double[]) { down / sigma, 1 - down / sigma, add }, (VelTensor *[]) { x, denoised, noise });
}

static bool
dpmpp_sde (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  VelTensor *denoised = host->new_like (run, x), *middle = host->new_like (run, x), *noise = host->new_like (run, x);

  for (unsigned i = 0; i < n_steps; i++) {
    double sigma = sigmas[i], next = sigmas[i + 1], half = sqrt (sigma * next);

    if (!host->denoise (run, denoised, x, sigma))
      return false;
    if (next > 0) {
      move (host, run, middle, x, denoised, noise, sigma, half);
      if (!host->denoise (run, denoised, middle, half))
        return false;
    }
    move (host, run, x, x, denoised, noise, sigma, next);
  }
  return true;
}

static const VelPluginParam params[] = { ANCESTRAL_PARAMS (1), { NULL } };

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "dpmpp_sde", "DPM++ SDE", "k_dpmpp_sde|sample_dpmpp_sde|dpmpp_sde_gpu|dpm++sde|dpmsolver sde",
  N_ ("Good pictures in very few steps, twice the work each; noise on the way."),
  .flags = VEL_SAMPLER_ANCESTRAL | VEL_SAMPLER_TWO_CALLS, .schedule = "karras", .params = params, .run = dpmpp_sde,
};
