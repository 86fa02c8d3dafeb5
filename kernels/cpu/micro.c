/* Micro-kernels: 12 sums of eight in registers, two loads and six broadcasts a step.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Without AVX a sum of eight takes two registers, so that half a panel is done at a time. */
#include "kernels/cpu/micro.h"

#include "kernels/cpu/vector.h"

#ifdef __AVX__
#define WIDTH 2 /* vectors of eight at once */
#else
#define WIDTH 1
#endif

VEL_INLINE void
step (V8 sums[VEL_MICRO_ROWS][WIDTH], const float *const *a, const float *b, size_t k, unsigned rows)
{
  V8 columns[WIDTH];

  for (unsigned j = 0; j < WIDTH; j++)
    columns[j] = load8 (b + k * VEL_PANEL + j * 8);
#pragma GCC unroll 6
  for (unsigned i = 0; i < rows; i++) {
    V8 x = splat8 (a[i][k]);

#pragma GCC unroll 2
    for (unsigned j = 0; j < WIDTH; j++)
      sums[i][j] = accumulate8 (sums[i][j], x, columns[j]);
  }
}

VEL_INLINE void
multiply (const float *const *a, const float *b, size_t n, float *c, size_t c_stride, bool accumulate, unsigned rows)
{
  const float *row[VEL_MICRO_ROWS];
  V8 sums[VEL_MICRO_ROWS][WIDTH];
  size_t k = 0;

#pragma GCC unroll 6
  for (unsigned i = 0; i < rows; i++) {
    row[i] = a[i];
#pragma GCC unroll 2
    for (unsigned j = 0; j < WIDTH; j++)
      sums[i][j] = accumulate ? load8 (c + i * c_stride + j * 8) : splat8 (0);
  }
  for (; k + 4 <= n; k += 4) {
    step (sums, row, b, k, rows);
    step (sums, row, b, k + 1, rows);
    step (sums, row, b, k + 2, rows);
    step (sums, row, b, k + 3, rows);
  }
  for (; k < n; k++)
    step (sums, row, b, k, rows);
#pragma GCC unroll 6
  for (unsigned i = 0; i < rows; i++)
#pragma GCC unroll 2
    for (unsigned j = 0; j < WIDTH; j++)
      store8 (c + i * c_stride + j * 8, sums[i][j]);
}

VEL_INLINE void
multiply_panel (const float *const *a, const float *b, size_t n, float *c, size_t c_stride, bool accumulate, unsigned rows)
{
  for (unsigned half = 0; half < VEL_PANEL; half += WIDTH * 8)
    multiply (a, b + half, n, c + half, c_stride, accumulate, rows);
}

#define MICRO(rows)                                                                                                                        \
  static void micro_##rows (const float *const *a, const float *b, size_t n, float *c, size_t c_stride, bool accumulate)                   \
  {                                                                                                                                        \
    multiply_panel (a, b, n, c, c_stride, accumulate, rows);                                                                               \
  }

MICRO (1)
MICRO (2)
MICRO (3)
MICRO (4)
MICRO (5)
MICRO (6)

const VelMicro vel_isa_micro[VEL_MICRO_ROWS] = { micro_1, micro_2, micro_3, micro_4, micro_5, micro_6 };

void
vel_isa_expand (float *to, const void *data, VelType type, size_t at, size_t count)
{
  if (type == VEL_F16)
    for (size_t i = 0; i < count; i += 8)
      store8 (to + i, load_half8 ((const uint16_t *) data + at + i));
  else if (type == VEL_BF16)
    for (size_t i = 0; i < count; i += 8)
      store8 (to + i, load_bfloat8 ((const uint16_t *) data + at + i));
  else
    for (size_t i = 0; i < count; i += 8)
      store8 (to + i, load8 ((const float *) data + at + i));
}
