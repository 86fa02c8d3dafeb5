/* Multistep methods: a step follows the slopes d = (x - denoised) / sigma of the steps before, too.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "plugins/samplers/slope.h"

#define MOST_SLOPES 4

/* The newest first, as many as the method keeps. */
typedef struct {
  VelTensor *slopes[MOST_SLOPES];
  unsigned n_kept, n_known;
} Slopes;

static inline Slopes
slopes_new (const VelSamplerHost *host, VelRun *run, const VelTensor *x, unsigned n_kept)
{
  Slopes self = { .n_kept = n_kept };

  for (unsigned i = 0; i < n_kept; i++)
    self.slopes[i] = host->new_like (run, x);
  return self;
}

/* Finds the slope at x; the oldest is forgotten. False if the host said so. */
static inline bool
slopes_find (Slopes *self, const VelSamplerHost *host, VelRun *run, VelTensor *x, double sigma)
{
  VelTensor *newest = self->slopes[self->n_kept - 1];

  for (unsigned i = self->n_kept - 1; i > 0; i--)
    self->slopes[i] = self->slopes[i - 1];
  self->slopes[0] = newest;
  if (self->n_known < self->n_kept)
    self->n_known++;
  return find_slope (host, run, newest, x, sigma);
}

/* x = x + sum of weights[i] * slopes[i] over the n newest */
static inline void
slopes_follow (const Slopes *self, const VelSamplerHost *host, VelRun *run, VelTensor *x, unsigned n, const double *weights)
{
  double all[MOST_SLOPES + 1] = { 1 };
  VelTensor *terms[MOST_SLOPES + 1] = { x };

  for (unsigned i = 0; i < n; i++) {
    all[i + 1] = weights[i];
    terms[i + 1] = self->slopes[i];
  }
  host->combine (run, x, n + 1, all, terms);
}

/* Weights of the newest slopes for one step. sigmas: of this step, the next one at [1], those before at [-1] and so on; n: slopes that are
 * known. Returns: how many of them to follow */
typedef unsigned (*WeighFunc) (const double *sigmas, unsigned n, double weights[MOST_SLOPES]);

/* A whole run: in each step the slope is found, weighed with those before, and followed. */
static inline bool
slopes_run (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps, unsigned n_kept, WeighFunc weigh)
{
  Slopes slopes = slopes_new (host, run, x, n_kept);

  for (unsigned i = 0; i < n_steps; i++) {
    double weights[MOST_SLOPES];

    if (!slopes_find (&slopes, host, run, x, sigmas[i]))
      return false;
    slopes_follow (&slopes, host, run, x, weigh (sigmas + i, slopes.n_known, weights), weights);
  }
  return true;
}

/* At `at`, the polynomial that is 1 at sigmas[0 - j] and 0 at the other n - 1 of sigmas[0], sigmas[-1], … */
static inline double
lagrange (const double *sigmas, unsigned n, unsigned j, double at)
{
  double product = 1;

  for (unsigned k = 0; k < n; k++)
    if (k != j)
      product *= (at - sigmas[-(int) k]) / (sigmas[-(int) j] - sigmas[-(int) k]);
  return product;
}

/* Its integral from sigmas[0] to sigmas[1] by Simpson's rule, which is exact up to the third degree: n <= 4. */
static inline double
lagrange_integral (const double *sigmas, unsigned n, unsigned j)
{
  double from = sigmas[0], to = sigmas[1];

  return (to - from) / 6 * (lagrange (sigmas, n, j, from) + 4 * lagrange (sigmas, n, j, (from + to) / 2) + lagrange (sigmas, n, j, to));
}
