/* Logarithm, sine and cosine in single precision, after S. Moshier's Cephes (logf.c, sinf.c).  SPDX-License-Identifier: Apache-2.0 */
#include "engine/tensor/cephes.h"

#include <math.h>

/* Horner's rule with fused steps, highest power first. */
static float
polynomial (float x, const float *terms, unsigned n)
{
  float sum = terms[0];

  for (unsigned i = 1; i < n; i++)
    sum = fmaf (sum, x, terms[i]);
  return sum;
}

/* log x = e log 2 + log m with m in [sqrt 1/2, sqrt 2); log 2 in two parts, the first exact in few bits */
float
vel_cephes_log (float x)
{
  static const float terms[] = { 7.0376836292e-2f,  -1.1514610310e-1f, 1.1676998740e-1f,  -1.2420140846e-1f, 1.4249322787e-1f,
                                 -1.6668057665e-1f, 2.0000714765e-1f,  -2.4999993993e-1f, 3.3333331174e-1f };
  int exponent;
  float m = frexpf (x, &exponent), e, square, sum;

  if (m < 0.707106781186547524f) {
    exponent--;
    m = m + m;
  }
  m -= 1;
  e = (float) exponent;
  square = m * m;
  sum = polynomial (m, terms, sizeof terms / sizeof *terms) * m;
  sum = fmaf (sum, square, e * -2.12194440e-4f);
  sum = fmaf (square, -0.5f, sum);
  return fmaf (e, 0.693359375f, m + sum);
}

/* The octant j of x is rounded to an even one, pi/4 j is taken off in three parts, and j says which polynomial is whose and the signs. */
void
vel_cephes_sincos (float x, float *sine, float *cosine)
{
  static const float cosine_terms[] = { 2.443315711809948e-5f, -1.388731625493765e-3f, 4.166664568298827e-2f };
  static const float sine_terms[] = { -1.9515295891e-4f, 8.3321608736e-3f, -1.6666654611e-1f };
  int octant = ((int) (x * 1.27323954473516f) + 1) & ~1;
  float y = (float) octant, square, near_one, near_x;

  x = fmaf (y, -0.78515625f, x);
  x = fmaf (y, -2.4187564849853515625e-4f, x);
  x = fmaf (y, -3.77489497744594108e-8f, x);
  square = x * x;
  near_one = polynomial (square, cosine_terms, 3) * square;
  near_one = fmaf (near_one, square, square * -0.5f) + 1;
  near_x = polynomial (square, sine_terms, 3) * square;
  near_x = fmaf (near_x, x, x);

  *sine = octant & 2 ? near_one : near_x;
  *cosine = octant & 2 ? near_x : near_one;
  if (octant & 4)
    *sine = -*sine;
  if (((octant - 2) & 4) == 0)
    *cosine = -*cosine;
}
