/* Trajectory consistency: a whole guess, brought back to less noise than the next step wants, and fresh noise for the rest.
 * SPDX-License-Identifier: Apache-2.0
 * Zheng et al. 2024, "Trajectory Consistency Distillation", algorithm 4; diffusers TCDScheduler, whose eta is the paper's gamma. */
#include <math.h>

#include "plugins/plugin.h"

#define N_(text) text /* for the translators' tools */

/* The level between: timestep floor ((1 - eta) t) where t is the next step's. Without noise that is the next level itself. */
static double
level_between (const VelSamplerHost *host, VelRun *run, double next, double eta)
{
  double t = host->sigma_to_t (run, next), between = host->t_to_sigma (run, floorf ((float) (1 - eta) * (float) t));

  if (next == 0)
    return between; /* of timestep 0: the table's lowest, which is where the reference program ends too */
  return eta > 0 ? fmin (between, next) : next;
}

/* x is variance preserving: x = sqrt (abar) clean + sqrt (1 - abar) eps, abar = 1 / (1 + sigma^2). */
static bool
tcd (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  VelTensor *denoised = host->new_like (run, x), *noise = host->new_like (run, x);
  double eta = host->param (run, "eta");

  for (unsigned i = 0; i < n_steps; i++) {
    double kept = 1 / (1 + sigmas[i] * sigmas[i]), kept_next = 1 / (1 + sigmas[i + 1] * sigmas[i + 1]);
    double between = level_between (host, run, sigmas[i + 1], eta), kept_between = 1 / (1 + between * between);
    double of_eps = sqrt ((1 - kept_between) / (1 - kept)), of_denoised = sqrt (kept_between) - of_eps * sqrt (kept);
    bool noisy = eta > 0 && i + 1 < n_steps;
    double stay = noisy ? sqrt (kept_next / kept_between) : 1;

    if (!host->denoise (run, denoised, x, sigmas[i]))
      return false;
    if (noisy)
      host->noise (run, noise);
    /* eps = (x - sqrt (abar) denoised) / sqrt (1 - abar) */
    host->combine (run, x, noisy ? 3 : 2, (double[]) { stay * of_eps, stay * of_denoised, sqrt (fmax (0, 1 - stay * stay)) },
                   (VelTensor *[]) { x, denoised, noise });
  }
  return true;
}

static const VelPluginParam params[] = {
  { "eta", "Eta", "How much fresh noise a step adds.", 0, 1, 0.3 },
  { NULL },
};

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "tcd", "TCD", "k_tcd|sample_tcd|tcdscheduler",
  N_ ("For models and LoRAs that were made for it: any number of steps from one, without guidance."),
  .flags = VEL_SAMPLER_VARIANCE_PRESERVING | VEL_SAMPLER_ANCESTRAL | VEL_SAMPLER_OWN_SCHEDULE, .schedule = "lcm", .params = params,
  .run = tcd,
};
