/* DPM-Solver-23: steps as long as the two orders agree.  SPDX-License-Identifier: Apache-2.0
 * Lu et al. 2022, "DPM-Solver", algorithm 3 with a controller of step lengths; k-diffusion sample_dpm_adaptive and
 * PIDStepSizeController with their usual numbers, A1111's eta. It stops at the lowest noise level above 0. */
#include "plugins/samplers/ancestral.h"
#include "plugins/samplers/dpm-solver.h"

#define N_(text) text /* for the translators' tools */
#define ABSOLUTE 0.0078
#define RELATIVE 0.05
#define SHORTEST 1e-6 /* steps of this length are taken whatever the error */

typedef struct {
  VelTensor *eps, *eps_1, *eps_2, *point, *low, *high;
} Scratch;

/* Both guesses of a step; eps is known where x is the same as before. */
static bool
guess (const VelSamplerHost *host, VelRun *run, const Scratch *on, VelTensor *x, double sigma, double next, bool known)
{
  double first = level_between (sigma, next, 1 / 3.0), second = level_between (sigma, next, 2 / 3.0);

  if (!known && !find_slope (host, run, on->eps, x, sigma))
    return false;
  step_1 (host, run, on->point, x, on->eps, sigma, first);
  if (!find_slope (host, run, on->eps_1, on->point, first))
    return false;
  step_2 (host, run, on->low, x, on->eps, on->eps_1, sigma, next, 1 / 3.0);
  step_3 (host, run, on->point, x, on->eps, on->eps_1, sigma, second, 2);
  if (!find_slope (host, run, on->eps_2, on->point, second))
    return false;
  step_3 (host, run, on->high, x, on->eps, on->eps_2, sigma, next, 3 / 2.0);
  return true;
}

/* What the next step's length is multiplied by. */
static double
judge (double error, double order)
{
  return 1 + atan (pow (1 / (error + 1e-8), 1 / order) - 1);
}

static bool
dpm_adaptive (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  Scratch on = { host->new_like (run, x), host->new_like (run, x), host->new_like (run, x),
                 host->new_like (run, x), host->new_like (run, x), host->new_like (run, x) };
  VelTensor *before = host->new_like (run, x);
  double eta = host->param (run, "eta"), s_noise = host->param (run, "s_noise"), h = 0.05, sigma = sigmas[0];
  double lowest = sigmas[n_steps] > 0 ? sigmas[n_steps] : sigmas[n_steps - 1];
  bool known = false;

  host->combine (run, before, 1, (double[]) { 1 }, &x);
  while (log (sigma / lowest) > 1e-5) {
    double next = fmax (lowest, sigma * exp (-h)), up, down = fmax (lowest, split_step (sigma, next, eta, &up)), factor;

    if (!guess (host, run, &on, x, sigma, down, known))
      return false;
    factor = judge (host->distance (run, on.low, on.high, before, ABSOLUTE, RELATIVE), eta > 0 ? 1.5 : 3);
    known = factor < 0.81 && h > SHORTEST; /* refused; numbers out of bounds are not, the host sees them in the end */
    h *= isfinite (factor) ? factor : HUGE_VAL;
    if (known)
      continue;
    host->combine (run, before, 1, (double[]) { 1 }, &on.low);
    host->combine (run, x, 1, (double[]) { 1 }, &on.high);
    add_noise (host, run, x, on.point, up > 0 ? sqrt (next * next - down * down) * s_noise : 0);
    sigma = next;
  }
  return true;
}

static const VelPluginParam params[] = { ANCESTRAL_PARAMS (1), { NULL } };

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "dpm_adaptive", "DPM adaptive", "k_dpm_ad|k_dpm_adaptive|sample_dpm_adaptive",
  N_ ("Takes as many steps as it finds necessary, whatever is asked for."),
  .flags = VEL_SAMPLER_ANCESTRAL | VEL_SAMPLER_OWN_STEPS, .params = params, .run = dpm_adaptive,
};
