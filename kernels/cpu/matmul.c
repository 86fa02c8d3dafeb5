/* Linear layers.  SPDX-License-Identifier: Apache-2.0 */
#include "kernels/cpu/product.h"

static void
find_rows (const void *data, size_t first, size_t count, const float **pointers)
{
  const VelLinearArgs *args = data;

  for (size_t i = 0; i < count; i++)
    pointers[i] = (const float *) args->x + (first + i) * args->weight->in;
}

void
vel_isa_linear (VelBackend *backend, const VelLinearArgs *args)
{
  const VelPacked *weight = args->weight;

  vel_isa_product (&(VelProduct) {
    .backend = backend,
    .weight = weight,
    .rows = args->rows,
    .find_rows = find_rows,
    .data = args,
    .store = {
      .out = args->out,
      .columns = weight->out,
      .gated = weight->gated,
      .bias = args->bias,
      .activation = weight->gated ? VEL_ACTIVATION_NONE : args->activation,
      .residual = args->residual,
    },
  });
}
