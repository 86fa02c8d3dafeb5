/* What happens to a finished sum on its way into memory.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/cpu/isa.h"
#include "kernels/cpu/vector.h"

/* The end of a product: out[row] = activation (sums + bias) + embedding of its picture + residual[row]. */
typedef struct {
  float *out; /* [rows, columns] */
  size_t columns;
  bool gated;        /* a panel is eight values and their eight gates */
  const float *bias; /* [columns], gated [2 columns]; or NULL */
  VelActivation activation;
  const float *embedding; /* [columns] for each picture, or NULL */
  size_t embedding_stride; /* floats from one picture's to the next; 0: one for all */
  size_t pixels;           /* rows of a picture */
  const float *residual; /* [rows, columns] or NULL; may be out */
} VelStore;

/* n of eight numbers, or all. */
VEL_INLINE V8
load_some (const float *from, size_t n)
{
  return n >= 8 ? load8 (from) : load_part (from, n);
}

VEL_INLINE void
store_eight (const VelStore *self, V8 sums, size_t row, size_t column)
{
  size_t n = self->columns - column, at = row * self->columns + column;

  if (self->bias != NULL && !self->gated)
    sums += load_some (self->bias + column, n);
  if (self->activation != VEL_ACTIVATION_NONE)
    sums = activate8 (sums, self->activation);
  if (self->embedding != NULL)
    sums += load_some (self->embedding + row / self->pixels * self->embedding_stride + column, n);
  if (self->residual != NULL)
    sums += load_some (self->residual + at, n);
  if (n >= 8)
    store8 (self->out + at, sums);
  else
    store_part (self->out + at, sums, n);
}

/* The sums of one panel of one row. */
VEL_INLINE void
store_row (const VelStore *self, V8 low, V8 high, size_t row, size_t panel)
{
  size_t column = panel * (self->gated ? VEL_PANEL / 2 : VEL_PANEL);

  if (self->gated) {
    size_t n = self->columns - column;

    if (self->bias != NULL) {
      low += load_some (self->bias + column, n);
      high += load_some (self->bias + self->columns + column, n);
    }
    store_eight (self, low * gelu8 (high), row, column);
  } else {
    store_eight (self, low, row, column);
    if (column + 8 < self->columns)
      store_eight (self, high, row, column + 8);
  }
}
