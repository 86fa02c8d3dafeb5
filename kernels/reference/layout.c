/* What only moves elements.  SPDX-License-Identifier: Apache-2.0 */
#include "kernels/reference/reference.h"

#include <string.h>

void
vel_reference_concat (VelBackend *backend, const VelConcatArgs *args)
{
  size_t size = vel_type_size (args->type);
  size_t a_bytes = args->a_channels * size, b_bytes = args->b_channels * size;

  for (size_t row = 0; row < args->rows; row++) {
    char *out = (char *) args->out + row * (a_bytes + b_bytes);

    memcpy (out, (const char *) args->a + row * a_bytes, a_bytes);
    memcpy (out + a_bytes, (const char *) args->b + row * b_bytes, b_bytes);
  }
}

void
vel_reference_transpose (VelBackend *backend, const VelTransposeArgs *args)
{
  size_t size = vel_type_size (args->type), picture_bytes = args->rows * args->columns * size;

  for (size_t picture = 0; picture < args->batch; picture++) {
    const char *x = (const char *) args->x + picture * picture_bytes;
    char *out = (char *) args->out + picture * picture_bytes;

    for (size_t row = 0; row < args->rows; row++)
      for (size_t column = 0; column < args->columns; column++)
        memcpy (out + (column * args->rows + row) * size, x + (row * args->columns + column) * size, size);
  }
}

void
vel_reference_rearrange (VelBackend *backend, const VelRearrangeArgs *args)
{
  const size_t *size = args->size;
  const ptrdiff_t *strides = args->strides;
  float *out = args->out;

  for (size_t i = 0; i < size[0]; i++)
    for (size_t j = 0; j < size[1]; j++)
      for (size_t k = 0; k < size[2]; k++)
        for (size_t l = 0; l < size[3]; l++)
          for (size_t m = 0; m < size[4]; m++) {
            ptrdiff_t at = (ptrdiff_t) i * strides[0] + (ptrdiff_t) j * strides[1] + (ptrdiff_t) k * strides[2] + (ptrdiff_t) l * strides[3]
                           + (ptrdiff_t) m * strides[4];

            *out++ = args->scale * ((const float *) args->x)[at] + args->shift;
          }
}
