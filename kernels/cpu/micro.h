/* The innermost loop of every product: up to 6 rows by one panel.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/cpu/isa.h"

#define VEL_MICRO_ROWS 6

/* c[i][j] = or += sum over k of a[i][k] * b[k][j],  j < VEL_PANEL, k < n.
 * a: one pointer a row.  b: [n, VEL_PANEL], 32-byte aligned.  c: rows c_stride apart. */
typedef void (*VelMicro) (const float *const *a, const float *b, size_t n, float *c, size_t c_stride, bool accumulate);

/* For 1 .. VEL_MICRO_ROWS rows: vel_isa_micro[rows - 1]. */
extern const VelMicro vel_isa_micro[VEL_MICRO_ROWS];

/* The same for the first half of the panel's columns only; the others are left as they are. */
extern const VelMicro vel_isa_micro_half[VEL_MICRO_ROWS];

/* Numbers of a packed weight as fp32. to: 32-byte aligned; count: a multiple of 8. */
void vel_isa_expand (float *to, const void *data, VelType type, size_t at, size_t count);
