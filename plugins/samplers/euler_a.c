/* Euler steps that go too far down and add fresh noise.  SPDX-License-Identifier: Apache-2.0
 * k-diffusion sample_euler_ancestral, get_ancestral_step. */
#include <math.h>

#include "plugins/plugin.h"

#define N_(text) text /* for the translators' tools */

/* Splits the step from one noise level to the next: down to `down` without noise, then up again by adding `up` of it. */
static double
split_step (double from, double to, double eta, double *up)
{
  *up = fmin (to, eta * sqrt (to * to * (from * from - to * to) / (from * from)));
  return sqrt (to * to - *up * *up);
}

static bool
euler_ancestral (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  VelTensor *denoised = host->new_like (run, x), *noise = host->new_like (run, x);
  double eta = host->param (run, "eta"), s_noise = host->param (run, "s_noise");

  for (unsigned i = 0; i < n_steps; i++) {
    double up, down = split_step (sigmas[i], sigmas[i + 1], eta, &up), keep = down / sigmas[i];
    bool noisy = up * s_noise > 0;

    if (!host->denoise (run, denoised, x, sigmas[i]))
      return false;
    if (noisy)
      host->noise (run, noise);
    host->combine (run, x, noisy ? 3 : 2, (double[]) { keep, 1 - keep, up * s_noise }, (VelTensor *[]) { x, denoised, noise });
  }
  return true;
}

static const VelPluginParam params[] = {
  { "eta", "Eta", "How much fresh noise a step adds.", 0, 1, 1 },
  { "s_noise", "Noise strength", "Multiplies the noise that is added.", 0, 2, 1 },
  { NULL },
};

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "euler_a", "Euler a", "euler_ancestral|euler ancestral|k_euler_a|k_euler_ancestral|sample_euler_ancestral",
  N_ ("Lively: adds noise on the way, so the picture keeps changing with the number of steps."),
  .flags = VEL_SAMPLER_ANCESTRAL, .params = params, .run = euler_ancestral,
};
