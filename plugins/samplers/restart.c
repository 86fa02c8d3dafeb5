/* Heun's method that goes back up once or twice near the end, with fresh noise, and mends what went wrong.
 * SPDX-License-Identifier: Apache-2.0
 * Xu et al. 2023, "Restart Sampling for Improving Generative Processes"; AUTOMATIC1111 1.10 modules/sd_samplers_extra.py
 * restart_sampler: from 20 steps on, once from 0.1 up to 2 over 9 of them; from 36 on, twice over a quarter. */
#include <math.h>

#include "plugins/samplers/ancestral.h"
#include "plugins/samplers/heun-step.h"

#define N_(text) text /* for the translators' tools */

/* Karras et al. 2022, equation 5, and a 0 behind: the levels of a part of the way. */
typedef struct {
  double high, low;
  unsigned n;
} Ladder;

static double
ladder_level (const Ladder *self, unsigned i)
{
  double high = pow (self->high, 1 / 7.0), low = pow (self->low, 1 / 7.0);

  return i >= self->n ? 0 : i == 0 ? self->high : i + 1 == self->n ? self->low : pow (high + (low - high) * i / (self->n - 1), 7);
}

static unsigned
ladder_find_nearest (const Ladder *self, double level)
{
  unsigned nearest = 0;

  for (unsigned i = 1; i <= self->n; i++)
    if (fabs (ladder_level (self, i) - level) < fabs (ladder_level (self, nearest) - level))
      nearest = i;
  return nearest;
}

static bool
descend (const VelSamplerHost *host, VelRun *run, VelTensor *x, VelTensor *const scratch[3], const Ladder *ladder, unsigned from, unsigned to)
{
  for (unsigned i = from; i < to; i++)
    if (!heun_step (host, run, x, scratch, ladder_level (ladder, i), ladder_level (ladder, i + 1)))
      return false;
  return true;
}

static bool
restart (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  VelTensor *const scratch[3] = { host->new_like (run, x), host->new_like (run, x), host->new_like (run, x) };
  unsigned n_again = n_steps >= 36 ? n_steps / 4 : 9, times = n_steps >= 36 ? 2 : 1, top, bottom;
  Ladder whole, again;

  if (n_steps < 20) {
    for (unsigned i = 0; i < n_steps; i++)
      if (!heun_step (host, run, x, scratch, sigmas[i], sigmas[i + 1]))
        return false;
    return true;
  }
  whole = (Ladder) { sigmas[0], sigmas[n_steps - 1], n_steps - n_again * times };
  top = ladder_find_nearest (&whole, 2);
  bottom = ladder_find_nearest (&whole, 0.1);
  again = (Ladder) { ladder_level (&whole, top), ladder_level (&whole, bottom), n_again + 1 };
  if (!descend (host, run, x, scratch, &whole, 0, bottom))
    return false;
  for (unsigned i = 0; i < times && top < bottom; i++) {
    add_noise (host, run, x, scratch[0], sqrt (again.high * again.high - again.low * again.low) * host->param (run, "s_noise"));
    if (!descend (host, run, x, scratch, &again, 0, n_again))
      return false;
  }
  return descend (host, run, x, scratch, &whole, bottom, whole.n);
}

static const VelPluginParam params[] = { { "s_noise", "Noise strength", "Multiplies the noise that is added.", 0, 2, 1 }, { NULL } };

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "restart", "Restart", "sample_restart", N_ ("Heun that goes back near the end to mend mistakes; from 20 steps on."),
  .flags = VEL_SAMPLER_ANCESTRAL | VEL_SAMPLER_TWO_CALLS, .schedule = "karras", .params = params, .run = restart,
};
