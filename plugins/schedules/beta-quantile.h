/* Quantiles of the beta distribution with both shapes 0.6.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <float.h>
#include <math.h>

#define SHAPE 0.6 /* both of them */

/* The regularized incomplete beta function with a = b = SHAPE, 0 < x <= 1/2: a continued fraction by Lentz's method (Numerical Recipes,
 * 6.4). Good to the last digits. */
static double
lower_beta (double x)
{
  const double a = SHAPE, scale = exp (lgamma (2 * a) - 2 * lgamma (a) + a * (log (x) + log1p (-x))) / a;
  double c = 1, d = 1 / (1 - 2 * a * x / (a + 1)), value = d;

  for (int m = 1; m < 500; m++) {
    double even = m * (a - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), odd = -(a + m) * (2 * a + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    double change;

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

/* Where the distribution has the share p, by halving: an ulp in the end. It is its own mirror image about one half. */
static double
quantile (double p)
{
  double low = 0, high = 0.5;

  if (p <= 0 || p >= 1)
    return p;
  if (p > 0.5)
    return 1 - quantile (1 - p);
  for (int i = 0; i < 64; i++) {
    double middle = (low + high) / 2;

    *(lower_beta (middle) < p ? &low : &high) = middle;
  }
  return (low + high) / 2;
}
