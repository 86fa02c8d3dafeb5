/* Products of the small matrices that make a layer's change.  SPDX-License-Identifier: Apache-2.0
 *
 * In float, as the programs that trained them did, in a fixed order: a file makes the same change everywhere. Columns are done in pieces
 * whose rows of b stay in the nearest cache. */
#include "engine/lora/delta-job.h"

#include <string.h>

enum { PIECE = 1024 };

void
vel_delta_add_row (float *restrict out, const float *a, const float *restrict b, gsize stride, gsize inner, gsize n)
{
  gsize k = 0;

  for (; k + 4 <= inner; k += 4) {
    const float *b0 = b + k * stride, *b1 = b0 + stride, *b2 = b1 + stride, *b3 = b2 + stride;
    float a0 = a[k], a1 = a[k + 1], a2 = a[k + 2], a3 = a[k + 3];

    for (gsize j = 0; j < n; j++)
      out[j] += (a0 * b0[j] + a1 * b1[j]) + (a2 * b2[j] + a3 * b3[j]);
  }
  for (; k < inner; k++)
    for (gsize j = 0; j < n; j++)
      out[j] += a[k] * b[k * stride + j];
}

void
vel_delta_add_product (float *out, const float *a, const float *b, gsize rows, gsize inner, gsize columns)
{
  for (gsize first = 0; first < columns; first += PIECE)
    for (gsize row = 0; row < rows; row++)
      vel_delta_add_row (out + row * columns + first, a + row * inner, b + first, columns, inner, MIN (columns - first, PIECE));
}

void
vel_delta_product (float *out, const float *a, const float *b, gsize rows, gsize inner, gsize columns)
{
  memset (out, 0, rows * columns * sizeof *out);
  vel_delta_add_product (out, a, b, rows, inner, columns);
}

void
vel_delta_transpose (float *out, const float *a, gsize rows, gsize columns)
{
  for (gsize row = 0; row < rows; row++)
    for (gsize column = 0; column < columns; column++)
      out[column * rows + row] = a[row * columns + column];
}

gboolean
vel_delta_fold (const VelDeltaJob *job, float *out, const float *mid, const float *down, gsize rows, gsize inner, gsize columns, gsize taps,
                GError **error)
{
  g_autofree float *planes = NULL, *product = NULL;

  if (taps == 1) {
    vel_delta_product (out, mid, down, rows, inner, columns);
    return TRUE;
  }
  planes = vel_delta_new (job, taps, inner, error);
  product = planes ? vel_delta_new (job, taps, columns, error) : NULL;
  if (!product)
    return FALSE;
  for (gsize row = 0; row < rows; row++) {
    vel_delta_transpose (planes, mid + row * inner * taps, inner, taps);
    vel_delta_product (product, planes, down, taps, inner, columns);
    vel_delta_transpose (out + row * columns * taps, product, taps, columns);
  }
  return TRUE;
}
