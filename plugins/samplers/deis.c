/* Diffusion exponential integrator: a polynomial in the time of a variance-preserving process, through three slopes.
 * SPDX-License-Identifier: Apache-2.0
 * Zhang and Chen 2022, "Fast Sampling of Diffusion Models with Exponential Integrator", tAB-DEIS; ComfyUI sample_deis, max_order = 3,
 * deis_mode = tab: its integrals are sums of 10000 points, both ends counted whole. */
#include <math.h>

#include "plugins/samplers/slopes.h"

#define N_(text) text /* for the translators' tools */
#define N_POINTS 10000

/* beta (t) = least + slope t */
typedef struct {
  double least, slope;
} Process;

/* The one that has sigma 0.002 at t = 0.001 and 80 at t = 1. */
static Process
process_new (void)
{
  const double first = 1e-3, low = log1p (0.002 * 0.002), high = log1p (80.0 * 80.0);
  double slope = 2 * (low / first - high) / (first - 1);

  return (Process) { high - slope / 2, slope };
}

static double
process_time (const Process *self, double sigma)
{
  return (sqrt (self->least * self->least + 2 * self->slope * log1p (sigma * sigma)) - self->least) / self->slope;
}

/* d sigma / dt */
static double
process_rise (const Process *self, double t)
{
  double kept = exp (-0.5 * t * t * self->slope - t * self->least);

  return 0.5 * (self->least + self->slope * t) / sqrt (kept * (1 - kept));
}

/* times: of this step and of the one after at [1], those before at [-1] and so on */
static double
weigh (const Process *process, const double *times, unsigned n, unsigned j)
{
  double sum = 0, length = times[1] - times[0];

  for (unsigned i = 0; i < N_POINTS; i++) {
    double t = times[0] + length * i / (N_POINTS - 1);

    sum += process_rise (process, t) * lagrange (times, n, j, t);
  }
  return sum * length / N_POINTS;
}

static bool
deis (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  Slopes slopes = slopes_new (host, run, x, 3);
  Process process = process_new ();
  double times[4] = { 0 }; /* two steps before, the last, this one, the next */

  for (unsigned i = 0; i < n_steps; i++) {
    double weights[MOST_SLOPES] = { sigmas[i + 1] - sigmas[i] };
    unsigned n;

    if (!slopes_find (&slopes, host, run, x, sigmas[i]))
      return false;
    n = sigmas[i + 1] > 0 ? slopes.n_known : 1;
    for (unsigned k = 0; k < n; k++)
      times[2 - k] = process_time (&process, sigmas[i - k]);
    times[3] = process_time (&process, sigmas[i + 1]);
    for (unsigned j = 0; n > 1 && j < n; j++)
      weights[j] = weigh (&process, times + 2, n, j);
    slopes_follow (&slopes, host, run, x, n, weights);
  }
  return true;
}

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "deis", "DEIS", "sample_deis|deis multistep",
  N_ ("Clear pictures in few steps where guidance is low."), .run = deis,
};
