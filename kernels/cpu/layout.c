/* What only moves elements, and the timesteps' waves.  SPDX-License-Identifier: Apache-2.0 */
#include "kernels/cpu/backend.h"

#include <math.h>
#include <string.h>

#define CHUNK_BYTES 65536
#define SQUARE 32 /* side of what is transposed at once */

typedef struct {
  const VelConcatArgs *args;
  size_t rows; /* of a task */
} Concat;

static void
concat_task (void *data, size_t task, unsigned thread)
{
  const Concat *self = data;
  const VelConcatArgs *args = self->args;
  size_t size = vel_type_size (args->type), a_bytes = args->a_channels * size, b_bytes = args->b_channels * size;
  size_t end = vel_min ((task + 1) * self->rows, args->rows);

  for (size_t row = task * self->rows; row < end; row++) {
    char *out = (char *) args->out + row * (a_bytes + b_bytes);

    memcpy (out, (const char *) args->a + row * a_bytes, a_bytes);
    memcpy (out + a_bytes, (const char *) args->b + row * b_bytes, b_bytes);
  }
}

void
vel_cpu_concat (VelBackend *backend, const VelConcatArgs *args)
{
  size_t row_bytes = (args->a_channels + args->b_channels) * vel_type_size (args->type);
  Concat self = { args, row_bytes > 0 ? vel_divide_up (CHUNK_BYTES, row_bytes) : 1 };

  vel_pool_run (backend->pool, vel_divide_up (args->rows, self.rows), concat_task, &self);
}

/* The same as the reference: rounded to fp32 where the programs compared with round. */
void
vel_cpu_sinusoid (VelBackend *backend, const VelSinusoidArgs *args)
{
  vel_kernels_reference ()->sinusoid (backend, args);
}

/* A band of SQUARE rows of x. */
static void
transpose_task (void *data, size_t task, unsigned thread)
{
  const VelTransposeArgs *args = data;
  size_t bands = vel_divide_up (args->rows, SQUARE), picture = task / bands, first = task % bands * SQUARE;
  size_t end = vel_min (first + SQUARE, args->rows), start = picture * args->rows * args->columns;
  const float *x = (const float *) args->x + start;
  float *out = (float *) args->out + start;

  for (size_t corner = 0; corner < args->columns; corner += SQUARE)
    for (size_t column = corner; column < vel_min (corner + SQUARE, args->columns); column++)
      for (size_t row = first; row < end; row++)
        out[column * args->rows + row] = x[row * args->columns + column];
}

void
vel_cpu_transpose (VelBackend *backend, const VelTransposeArgs *args)
{
  vel_pool_run (backend->pool, args->batch * vel_divide_up (args->rows, SQUARE), transpose_task, (void *) args);
}

/* One index of the outermost axis. */
static void
rearrange_task (void *data, size_t task, unsigned thread)
{
  VelRearrangeArgs part = *(const VelRearrangeArgs *) data;

  part.x = (const float *) part.x + (ptrdiff_t) task * part.strides[0];
  part.out = (float *) part.out + task * part.size[1] * part.size[2] * part.size[3] * part.size[4];
  part.size[0] = 1;
  vel_kernels_reference ()->rearrange (NULL, &part);
}

void
vel_cpu_rearrange (VelBackend *backend, const VelRearrangeArgs *args)
{
  vel_pool_run (backend->pool, args->size[0], rearrange_task, (void *) args);
}
