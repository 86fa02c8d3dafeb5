/* A refined exponential solver: the guess of the step before gives a second order.  SPDX-License-Identifier: Apache-2.0
 * Zhang et al. 2023, "Improved Order Analysis and Design of Exponential Integrator for Diffusion Models Sampling"; ComfyUI
 * sample_res_multistep; with eta 1 its sample_res_multistep_ancestral. Time is t = -log sigma. */
#include "plugins/samplers/ancestral.h"

#define N_(text) text /* for the translators' tools */

static bool
res_multistep (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  VelTensor *denoised = host->new_like (run, x), *before = host->new_like (run, x), *noise = host->new_like (run, x);
  double eta = host->param (run, "eta"), s_noise = host->param (run, "s_noise"), down_before = 0;

  for (unsigned i = 0; i < n_steps; i++) {
    double up, down = split_step (sigmas[i], sigmas[i + 1], eta, &up), keep = down / sigmas[i], look = 0;
    VelTensor *last = before;

    if (!host->denoise (run, denoised, x, sigmas[i]))
      return false;
    if (i > 0 && down > 0) {
      double h = log (sigmas[i] / down), c2 = log (down_before / sigmas[i - 1]) / h;

      look = (h - 1 + keep) / h / c2; /* h phi_2 (-h) / c2 */
    }
    host->combine (run, x, i > 0 ? 3 : 2, (double[]) { keep, 1 - keep - look, look }, (VelTensor *[]) { x, denoised, before });
    add_noise (host, run, x, noise, up * s_noise);
    down_before = down;
    before = denoised;
    denoised = last;
  }
  return true;
}

static const VelPluginParam params[] = { ANCESTRAL_PARAMS (0), { NULL } };

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "res_multistep", "Res Multistep", "sample_res_multistep", N_ ("A close relative of DPM++ 2M."),
  .params = params, .run = res_multistep,
};
