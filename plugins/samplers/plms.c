/* Pseudo linear multistep.  SPDX-License-Identifier: Apache-2.0
 * Liu et al. 2022, "Pseudo Numerical Methods for Diffusion Models"; AUTOMATIC1111 1.10 modules/sd_samplers_timesteps_impl.py plms:
 * a first step by Heun's method, then Adams and Bashforth's of second, third and fourth order, all on eps. */
#include <math.h>

#include "plugins/samplers/slope.h"

#define N_(text) text /* for the translators' tools */

/* x is variance preserving: x = sqrt (kept) clean + sqrt (1 - kept) eps, kept = 1 / (1 + sigma^2). */
static bool
find_eps (const VelSamplerHost *host, VelRun *run, VelTensor *eps, VelTensor *x, double sigma)
{
  if (!host->denoise (run, eps, x, sigma))
    return false;
  host->combine (run, eps, 2, (double[]) { sqrt (1 + 1 / (sigma * sigma)), -1 / sigma }, (VelTensor *[]) { x, eps });
  return true;
}

/* out: x at the next noise level with eps the sum of n weighted ones */
static void
move (const VelSamplerHost *host, VelRun *run, VelTensor *out, VelTensor *x, double sigma, double next, unsigned n, const double *weights,
      VelTensor *const *eps)
{
  double scale = sqrt (1 + next * next), all[MOST_ORDERS + 1] = { sqrt (1 + sigma * sigma) / scale };
  VelTensor *terms[MOST_ORDERS + 1] = { x };

  for (unsigned i = 0; i < n; i++) {
    all[i + 1] = weights[i] * (next - sigma) / scale;
    terms[i + 1] = eps[i];
  }
  host->combine (run, out, n + 1, all, terms);
}

static bool
plms (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  VelTensor *eps[MOST_ORDERS]; /* the newest first */
  VelTensor *ahead = host->new_like (run, x);

  for (unsigned i = 0; i < MOST_ORDERS; i++)
    eps[i] = host->new_like (run, x);
  for (unsigned i = 0; i < n_steps; i++) {
    VelTensor *oldest = eps[MOST_ORDERS - 1];

    for (unsigned k = MOST_ORDERS - 1; k > 0; k--)
      eps[k] = eps[k - 1];
    eps[0] = oldest;
    if (!find_eps (host, run, eps[0], x, sigmas[i]))
      return false;
    if (i == 0) {
      move (host, run, ahead, x, sigmas[0], sigmas[1], 1, adams_bashforth[0], eps);
      if (!find_eps (host, run, eps[1], ahead, sigmas[1])) /* a place not used yet, and not asked for later */
        return false;
      move (host, run, x, x, sigmas[0], sigmas[1], 2, (double[]) { 0.5, 0.5 }, eps);
    } else {
      unsigned n = i < MOST_ORDERS ? i + 1 : MOST_ORDERS;

      move (host, run, x, x, sigmas[i], sigmas[i + 1], n, adams_bashforth[n - 1], eps);
    }
  }
  return true;
}

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "plms", "PLMS", "pndm|k_plms|sample_plms",
  N_ ("Of the first programs, like DDIM but quicker to settle; brings its own steps."),
  .flags = VEL_SAMPLER_VARIANCE_PRESERVING | VEL_SAMPLER_OWN_TIMESTEPS, .run = plms,
};
