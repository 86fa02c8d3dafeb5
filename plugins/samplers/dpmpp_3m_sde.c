/* DPM-Solver++(3M) SDE: the guesses of two steps before give a third order.  SPDX-License-Identifier: Apache-2.0
 * Lu et al. 2022, "DPM-Solver++", with the stochastic term; k-diffusion sample_dpmpp_3m_sde. Time is t = -log sigma. */
#include "plugins/samplers/ancestral.h"

#define N_(text) text /* for the translators' tools */

/* Weights of this guess and of those of one and two steps before; h: this step's length and theirs, n: how many of them there are. */
static void
weigh (double eta, const double h[3], unsigned n, double weights[3])
{
  double h_eta = h[0] * (1 + eta), gain = -expm1 (-h_eta), phi_2 = 1 - gain / h_eta, phi_3 = phi_2 / h_eta - 0.5;
  double first = n > 0 ? phi_2 : 0, second = 0, r0 = h[1] / h[0], r1 = h[2] / h[0]; /* of the divided differences, the newer one first */

  if (n > 1) {
    first += (phi_2 * r0 - phi_3) / (r0 + r1);
    second = -(phi_2 * r0 - phi_3) / (r0 + r1);
  }
  first = n > 0 ? first / r0 : 0;
  second = n > 1 ? second / r1 : 0;
  weights[0] = gain + first;
  weights[1] = second - first;
  weights[2] = -second;
}

static bool
dpmpp_3m_sde (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  VelTensor *guesses[3] = { host->new_like (run, x), host->new_like (run, x), host->new_like (run, x) }; /* the newest first */
  VelTensor *noise = host->new_like (run, x);
  double eta = host->param (run, "eta"), s_noise = host->param (run, "s_noise"), h[3] = { 0 };

  for (unsigned i = 0; i < n_steps; i++) {
    double sigma = sigmas[i], next = sigmas[i + 1], weights[3] = { 1, 0, 0 }, keep = 0, add = 0;
    VelTensor *oldest = guesses[2];

    guesses[2] = guesses[1];
    guesses[1] = guesses[0];
    guesses[0] = oldest;
    if (!host->denoise (run, guesses[0], x, sigma))
      return false;
    if (next > 0) {
      h[2] = h[1];
      h[1] = h[0];
      h[0] = log (sigma / next);
      weigh (eta, h, i, weights);
      keep = exp (-h[0] * (1 + eta));
      add = next * sqrt (-expm1 (-2 * h[0] * eta)) * s_noise;
    }
    if (add > 0)
      host->brownian (run, noise, sigma, next);
    host->combine (run, x, 5, (double[]) { keep, weights[0], weights[1], weights[2], add }, /* a weight of 0 for what is not there yet */
                   (VelTensor *[]) { x, guesses[0], guesses[i > 0 ? 1 : 0], guesses[i > 1 ? 2 : 0], add > 0 ? noise : x });
  }
  return true;
}

static const VelPluginParam params[] = { ANCESTRAL_PARAMS (1), { NULL } };

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "dpmpp_3m_sde", "DPM++ 3M SDE", "k_dpmpp_3m_sde|sample_dpmpp_3m_sde|dpmpp_3m_sde_gpu|dpm++3m sde",
  N_ ("Soft and detailed; wants thirty steps or more."),
  .flags = VEL_SAMPLER_ANCESTRAL | VEL_SAMPLER_DISCARD_PENULTIMATE, .schedule = "exponential", .params = params, .run = dpmpp_3m_sde,
};
