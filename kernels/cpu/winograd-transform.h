/* The small matrices of Winograd's convolution, applied to eight numbers at once.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Lavin & Gray 2015: for tiles of m by m outputs, Y = A^T [(G g G^T) * (B^T d B)] A. The points are 0, 1, -1 for m = 2, and 0, 2/3,
 * -2/3, 3/2, -3/2 for m = 4: with the usual 1, -1, 2, -2 the matrices have larger numbers and rounding costs twice as much (fp32,
 * 320 channels: 3.4e-6 relative; these: 1.6e-6; the direct sum: 1.0e-6). Vectors of a tile's side are read and written `step`
 * apart. */
#pragma once

#include "kernels/cpu/vector.h"

#define VEL_WINOGRAD_SIDE 6 /* of the largest tile: m + 2 */
#define VEL_WINOGRAD_POINTS (VEL_WINOGRAD_SIDE * VEL_WINOGRAD_SIDE)

#define NEAR (2.f / 3) /* the points of m = 4; their product is 1 */
#define FAR (3.f / 2)
#define SQUARES (97.f / 36) /* NEAR^2 + FAR^2 */

/* B^T: m + 2 inputs */
VEL_INLINE void
winograd_input (unsigned m, const V8 *d, unsigned step, V8 *out, unsigned out_step)
{
  if (m == 2) {
    out[0] = d[0] - d[2 * step];
    out[out_step] = d[step] + d[2 * step];
    out[2 * out_step] = d[2 * step] - d[step];
    out[3 * out_step] = d[step] - d[3 * step];
  } else {
    V8 d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step];
    V8 near_even = fma8 (splat8 (-FAR * FAR), d2, d4), near_odd = fma8 (splat8 (-FAR * FAR), d1, d3);
    V8 far_even = fma8 (splat8 (-NEAR * NEAR), d2, d4), far_odd = fma8 (splat8 (-NEAR * NEAR), d1, d3);

    out[0] = fma8 (splat8 (-SQUARES), d2, d[0] + d4);
    out[out_step] = fma8 (splat8 (NEAR), near_odd, near_even);
    out[2 * out_step] = fma8 (splat8 (-NEAR), near_odd, near_even);
    out[3 * out_step] = fma8 (splat8 (FAR), far_odd, far_even);
    out[4 * out_step] = fma8 (splat8 (-FAR), far_odd, far_even);
    out[5 * out_step] = fma8 (splat8 (-SQUARES), d3, d1 + d[5 * step]);
  }
}

/* G: three weights */
VEL_INLINE void
winograd_weight (unsigned m, const V8 *g, unsigned step, V8 *out, unsigned out_step)
{
  V8 g0 = g[0], g1 = g[step], g2 = g[2 * step];

  if (m == 2) {
    V8 outer = (g0 + g2) * 0.5f, inner = g1 * 0.5f;

    out[0] = g0;
    out[out_step] = outer + inner;
    out[2 * out_step] = outer - inner;
    out[3 * out_step] = g2;
  } else {
    V8 near_even = fma8 (g2, splat8 (NEAR * NEAR), g0) * (-81.f / 130), near_odd = g1 * (-27.f / 65);
    V8 far_even = fma8 (g2, splat8 (FAR * FAR), g0) * (8.f / 65), far_odd = g1 * (12.f / 65);

    out[0] = g0;
    out[out_step] = near_even + near_odd;
    out[2 * out_step] = near_even - near_odd;
    out[3 * out_step] = far_even + far_odd;
    out[4 * out_step] = far_even - far_odd;
    out[5 * out_step] = g2;
  }
}

/* A^T: m outputs */
VEL_INLINE void
winograd_output (unsigned m, const V8 *s, unsigned step, V8 *out, unsigned out_step)
{
  V8 sum1 = s[step] + s[2 * step], difference1 = s[step] - s[2 * step];

  if (m == 2) {
    out[0] = s[0] + sum1;
    out[out_step] = difference1 - s[3 * step];
  } else {
    V8 sum2 = s[3 * step] + s[4 * step], difference2 = s[3 * step] - s[4 * step];

    out[0] = s[0] + sum1 + sum2;
    out[out_step] = fma8 (splat8 (FAR), difference2, NEAR * difference1);
    out[2 * out_step] = fma8 (splat8 (FAR * FAR), sum2, NEAR * NEAR * sum1);
    out[3 * out_step] = fma8 (splat8 (FAR * FAR * FAR), difference2, fma8 (splat8 (NEAR * NEAR * NEAR), difference1, s[5 * step]));
  }
}

#undef NEAR
#undef FAR
#undef SQUARES
