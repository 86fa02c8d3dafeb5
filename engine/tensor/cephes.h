/* Logarithm, sine and cosine as the Cephes library approximates them in single precision.
 * SPDX-License-Identifier: Apache-2.0
 *
 * torch draws normal values with these polynomials (its avx_mathfun.h), each product that feeds a sum fused with it. libm's results
 * differ by a few units in the last place; noise is to be the same to the last bit. */
#pragma once

/* x: positive and not denormal */
float vel_cephes_log (float x);
/* x: 0 .. 8192 */
void vel_cephes_sincos (float x, float *sine, float *cosine);
