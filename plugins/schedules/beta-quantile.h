/* Quantiles of a beta distribution, and its two shapes as a schedule asks for them.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <float.h>
#include <math.h>

#include "plugins/plugin.h"

typedef struct {
  double a, b;
} Shapes;

#define BETA_PARAMS \
  { "beta_alpha", N_ ("Beta's alpha"), N_ ("The smaller, the more steps where there is little noise."), 0.01, 10, 0.6 }, \
  { "beta_beta", N_ ("Beta's beta"), N_ ("The smaller, the more steps where there is much noise."), 0.01, 10, 0.6 }

/* params: those two, or NULL */
static inline Shapes
shapes_of (const double *params)
{
  return params != NULL ? (Shapes) { params[0], params[1] } : (Shapes) { 0.6, 0.6 };
}

static inline Shapes
mirror (Shapes shapes)
{
  return (Shapes) { shapes.b, shapes.a };
}

/* The regularized incomplete beta function: a continued fraction by Lentz's method (Numerical Recipes, 6.4), from the side on which it
 * converges quickly. Good to the last digits. */
static inline double
lower_beta (double x, Shapes shapes)
{
  const double a = shapes.a, b = shapes.b, outside = log1p (-x);
  double c = 1, d = 1 / (1 - (a + b) * x / (a + 1)), value = d;
  double scale = exp (lgamma (a + b) - (lgamma (a) + lgamma (b)) + (a * (log (x) + outside) + (b - a) * outside)) / a;

  if (x > (a + 1) / (a + b + 2))
    return 1 - lower_beta (1 - x, mirror (shapes));
  for (int m = 1; m < 500; m++) {
    double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)), change;

    d = 1 / (1 + even * d);
    c = 1 + even / c;
    value *= d * c;
    d = 1 / (1 + odd * d);
    c = 1 + odd / c;
    change = d * c;
    value *= change;
    if (fabs (change - 1) < 2 * DBL_EPSILON)
      break;
  }
  return scale * value;
}

/* Where the distribution has the share p, by halving: an ulp in the end. Above one half it is the mirrored one's. */
static inline double
quantile (double p, Shapes shapes)
{
  double low = 0, high = 0.5;

  if (p <= 0 || p >= 1)
    return p;
  if (p > (shapes.a == shapes.b ? 0.5 : lower_beta (0.5, shapes)))
    return 1 - quantile (1 - p, mirror (shapes));
  for (int i = 0; i < 64; i++) {
    double middle = (low + high) / 2;

    *(lower_beta (middle, shapes) < p ? &low : &high) = middle;
  }
  return (low + high) / 2;
}
