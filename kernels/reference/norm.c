/* Group and layer normalisation; mean and variance in two passes, in double.  SPDX-License-Identifier: Apache-2.0 */
#include "kernels/reference/reference.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
  double mean, factor; /* (x - mean) * factor has mean 0 and variance 1 */
} Moments;

/* Over `rows` rows of `n` numbers that lie `stride` apart. */
static Moments
moments (const float *x, size_t rows, size_t n, size_t stride, double eps)
{
  double sum = 0, squares = 0, count = (double) rows * (double) n;
  double mean;

  for (size_t row = 0; row < rows; row++)
    for (size_t i = 0; i < n; i++)
      sum += x[row * stride + i];
  mean = sum / count;
  for (size_t row = 0; row < rows; row++)
    for (size_t i = 0; i < n; i++)
      squares += (x[row * stride + i] - mean) * (x[row * stride + i] - mean);
  return (Moments){ mean, 1 / sqrt (squares / count + eps) };
}

void
vel_reference_group_norm (VelBackend *backend, const VelGroupNormArgs *args)
{
  size_t size = args->channels / args->groups, first = args->channels - args->x2_channels, count = args->batch * args->pixels;
  float *x = malloc (count * args->channels * sizeof *x + 1), *out = args->out;

  /* One tensor of the two; and what is read stays as it was while out is written. */
  for (size_t pixel = 0; pixel < count; pixel++)
    for (size_t c = 0; c < args->channels; c++)
      x[pixel * args->channels + c] = vel_reference_two (args->x, args->x2, first, args->x2_channels, pixel, c);
  for (size_t picture = 0; picture < args->batch; picture++)
    for (size_t group = 0; group < args->groups; group++) {
      size_t start = picture * args->pixels * args->channels + group * size;
      Moments m = moments (x + start, args->pixels, size, args->channels, args->eps);

      for (size_t pixel = 0; pixel < args->pixels; pixel++)
        for (size_t i = 0; i < size; i++) {
          size_t channel = group * size + i, at = start + pixel * args->channels + i;
          double value = (x[at] - m.mean) * m.factor * args->gamma[channel] + args->beta[channel];

          out[at] = (float) (args->silu ? vel_reference_activation (VEL_ACTIVATION_SILU, value) : value);
        }
    }
  free (x);
}

void
vel_reference_layer_norm (VelBackend *backend, const VelLayerNormArgs *args)
{
  for (size_t row = 0; row < args->rows; row++) {
    const float *x = (const float *) args->x + row * args->channels;
    float *out = (float *) args->out + row * args->channels;
    Moments m = moments (x, 1, args->channels, args->channels, args->eps);

    for (size_t i = 0; i < args->channels; i++)
      out[i] = (float) ((x[i] - m.mean) * m.factor * args->gamma[i] + args->beta[i]);
  }
}
