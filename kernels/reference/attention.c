/* Attention row by row in double: the scores of one row against all keys, their softmax, the weighted sum of values.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/reference/reference.h"

#include <math.h>
#include <stdlib.h>

static double
score (const float *q, const float *k, size_t n)
{
  double sum = 0;

  for (size_t i = 0; i < n; i++)
    sum += (double) q[i] * k[i];
  return sum;
}

/* Softmax over n scores in place. */
static void
softmax (double *scores, size_t n)
{
  double largest = -INFINITY, sum = 0;

  for (size_t i = 0; i < n; i++)
    if (scores[i] > largest)
      largest = scores[i];
  for (size_t i = 0; i < n; i++)
    sum += scores[i] = exp (scores[i] - largest);
  for (size_t i = 0; i < n; i++)
    scores[i] /= sum;
}

void
vel_reference_attention (VelBackend *backend, const VelAttentionArgs *args)
{
  size_t width = args->heads * args->head_dim;
  double *scores = malloc ((args->keys > 0 ? args->keys : 1) * sizeof *scores);
  float *out = args->out;

  for (size_t picture = 0; picture < args->batch; picture++)
    for (size_t row = 0; row < args->rows; row++)
      for (size_t head = 0; head < args->heads; head++) {
        const float *q = (const float *) args->q + (picture * args->rows + row) * args->q_stride + head * args->head_dim;
        const float *k = (const float *) args->k + picture * args->keys * args->k_stride + head * args->head_dim;
        const float *v = (const float *) args->v + picture * args->keys * args->v_stride + head * args->head_dim;
        float *o = out + (picture * args->rows + row) * width + head * args->head_dim;
        size_t seen = args->causal && row + 1 < args->keys ? row + 1 : args->keys;

        for (size_t key = 0; key < seen && scores != NULL; key++)
          scores[key] = args->scale * score (q, k + key * args->k_stride, args->head_dim);
        if (scores != NULL)
          softmax (scores, seen);
        for (size_t column = 0; column < args->head_dim; column++) {
          double sum = scores != NULL ? 0 : NAN; /* no memory: a result nobody can take for one */

          for (size_t key = 0; key < seen && scores != NULL; key++)
            sum += scores[key] * v[key * args->v_stride + column];
          o[column] = (float) sum;
        }
      }
  free (scores);
}
