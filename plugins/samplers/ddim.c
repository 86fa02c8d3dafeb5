/* Denoising diffusion implicit models.  SPDX-License-Identifier: Apache-2.0
 * Song et al. 2020, equation 12; AUTOMATIC1111 1.10 modules/sd_samplers_timesteps_impl.py ddim. */
#include <math.h>

#include "plugins/plugin.h"

#define N_(text) text /* for the translators' tools */

/* x is variance preserving: x = sqrt (abar) clean + sqrt (1 - abar) eps, abar = 1 / (1 + sigma^2). */
static bool
ddim (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  VelTensor *denoised = host->new_like (run, x), *noise = host->new_like (run, x);
  double eta = host->param (run, "eta"), s_noise = host->param (run, "s_noise");

  for (unsigned i = 0; i < n_steps; i++) {
    double kept = 1 / (1 + sigmas[i] * sigmas[i]), kept_next = 1 / (1 + sigmas[i + 1] * sigmas[i + 1]);
    double up = eta * sqrt ((1 - kept_next) / (1 - kept)) * sqrt (1 - kept / kept_next);
    double of_eps = sqrt (fmax (0, 1 - kept_next - up * up));
    bool noisy = up * s_noise > 0;

    if (!host->denoise (run, denoised, x, sigmas[i]))
      return false;
    if (noisy)
      host->noise (run, noise);
    /* eps = (x - sqrt (abar) denoised) / sqrt (1 - abar) */
    host->combine (run, x, noisy ? 3 : 2,
                   (double[]) { of_eps / sqrt (1 - kept), sqrt (kept_next) - of_eps * sqrt (kept / (1 - kept)), up * s_noise },
                   (VelTensor *[]) { x, denoised, noise });
  }
  return true;
}

static const VelPluginParam params[] = {
  { "eta", "Eta", "How much fresh noise a step adds.", 0, 1, 0 },
  { "s_noise", "Noise strength", "Multiplies the noise that is added.", 0, 2, 1 },
  { NULL },
};

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "ddim", "DDIM", "k_ddim|sample_ddim", N_ ("The classic of the first programs; brings its own steps."),
  .flags = VEL_SAMPLER_VARIANCE_PRESERVING | VEL_SAMPLER_OWN_TIMESTEPS, .params = params, .run = ddim,
};
