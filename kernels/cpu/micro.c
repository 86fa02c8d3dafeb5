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
  VEL_UNROLL
  for (unsigned i = 0; i < rows; i++) {
    V8 x = splat8 (a[i][k]);

    VEL_UNROLL
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

  VEL_UNROLL
  for (unsigned i = 0; i < rows; i++) {
    row[i] = a[i];
    VEL_UNROLL
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
  VEL_UNROLL
  for (unsigned i = 0; i < rows; i++)
    VEL_UNROLL
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

/* Even and odd steps have sums of their own: six alone would wait for each other. */
VEL_INLINE void
multiply_half (const float *const *a, const float *b, size_t n, float *c, size_t c_stride, bool accumulate, unsigned rows)
{
  const float *row[VEL_MICRO_ROWS];
  V8 even[VEL_MICRO_ROWS], odd[VEL_MICRO_ROWS];
  size_t k = 0;

  VEL_UNROLL
  for (unsigned i = 0; i < rows; i++) {
    row[i] = a[i];
    even[i] = accumulate ? load8 (c + i * c_stride) : splat8 (0);
    odd[i] = splat8 (0);
  }
  for (; k + 2 <= n; k += 2) {
    V8 first = load8 (b + k * VEL_PANEL), second = load8 (b + (k + 1) * VEL_PANEL);

    VEL_UNROLL
    for (unsigned i = 0; i < rows; i++) {
      even[i] = accumulate8 (even[i], splat8 (row[i][k]), first);
      odd[i] = accumulate8 (odd[i], splat8 (row[i][k + 1]), second);
    }
  }
  for (; k < n; k++)
    VEL_UNROLL
  for (unsigned i = 0; i < rows; i++)
    even[i] = accumulate8 (even[i], splat8 (row[i][k]), load8 (b + k * VEL_PANEL));
  VEL_UNROLL
  for (unsigned i = 0; i < rows; i++)
    store8 (c + i * c_stride, even[i] + odd[i]);
}

#define MICRO_HALF(rows)                                                                                                                   \
  static void micro_half_##rows (const float *const *a, const float *b, size_t n, float *c, size_t c_stride, bool accumulate)              \
  {                                                                                                                                        \
    multiply_half (a, b, n, c, c_stride, accumulate, rows);                                                                                \
  }

MICRO_HALF (1)
MICRO_HALF (2)
MICRO_HALF (3)
MICRO_HALF (4)
MICRO_HALF (5)
MICRO_HALF (6)

const VelMicro vel_isa_micro_half[VEL_MICRO_ROWS] = { micro_half_1, micro_half_2, micro_half_3, micro_half_4, micro_half_5, micro_half_6 };

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
