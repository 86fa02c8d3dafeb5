/* Matrix products, summed in double: the judge is more exact than what it judges.  SPDX-License-Identifier: Apache-2.0 */
#include "kernels/reference/reference.h"

static double
dot (const float *x, const float *row, size_t n)
{
  double sum = 0;

  for (size_t i = 0; i < n; i++)
    sum += (double) x[i] * row[i];
  return sum;
}

void
vel_reference_linear (VelBackend *backend, const VelLinearArgs *args)
{
  const VelPacked *weight = args->weight;
  const float *residual = args->residual;
  float *out = args->out;
  size_t columns = weight->gated ? weight->out / 2 : weight->out;

  for (size_t row = 0; row < args->rows; row++) {
    const float *x = (const float *) args->x + row * weight->in;

    for (size_t column = 0; column < columns; column++) {
      size_t i = row * columns + column;
      double value = dot (x, weight->values + column * weight->in, weight->in);

      if (args->bias != NULL)
        value += args->bias[column];
      if (weight->gated) {
        double gate = dot (x, weight->values + (columns + column) * weight->in, weight->in);

        if (args->bias != NULL)
          gate += args->bias[columns + column];
        value *= vel_reference_activation (VEL_ACTIVATION_GELU, gate);
      } else
        value = vel_reference_activation (args->activation, value);
      out[i] = (float) (residual != NULL ? value + residual[i] : value);
    }
  }
}

/* One number of a change, before its scale. */
static double
change_at (const VelMergeTerm *term, size_t row, size_t column, size_t columns)
{
  double product = 0;

  if (term->rank == 0)
    return vel_reference_load (term->up, term->type, row * columns + column);
  for (size_t r = 0; r < term->rank; r++)
    product += vel_reference_load (term->up, term->type, row * term->rank + r)
               * vel_reference_load (term->down, term->type, r * columns + column);
  return product;
}

/* W = W0 + the sum of scale * change, number by number. */
void
vel_reference_merge (VelBackend *backend, const VelMergeArgs *args, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    VelPacked *weight = args[i].weight;
    size_t columns = weight->in * weight->taps;

    for (size_t row = 0; row < weight->out; row++)
      for (size_t column = 0; column < columns; column++) {
        double sum = args[i].original->values[row * columns + column];

        for (unsigned t = 0; t < args[i].n; t++) {
          const VelMergeTerm *term = &args[i].terms[t];

          if (row >= term->first && row - term->first < term->rows)
            sum += term->scale * change_at (term, row - term->first, column, columns);
        }
        weight->values[row * columns + column] = (float) sum;
      }
  }
}
