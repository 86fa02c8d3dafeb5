/* A picture blurred row by row, as OpenCV's GaussianBlur does it, in memory for no more rows than one result needs.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <math.h>
#include <string.h>

#include "plugins/plugin.h"
#include "plugins/preprocessors/mirror.h"

typedef struct {
  const VelPluginPicture *picture;
  long reach;
  float *weights;  /* [2 reach + 1] */
  float *rows;     /* [kept, width, 3]: rows blurred along themselves, row y in place y % kept */
  float *line;     /* [width + 2 reach, 3] */
  long kept, next; /* rows from 0 to next - 1 have been through `rows` */
} Gaussian;

/* The middle one is taken as 1. */
static inline double
gaussian_weight (long distance, double sigma)
{
  return exp (-(double) distance * (double) distance / (2 * sigma * sigma));
}

/* reach: of the weights, which the caller fills in. False if the host said so. */
static inline bool
gaussian_open (Gaussian *self, const VelPreprocessorHost *host, VelPreparation *run, const VelPluginPicture *picture, long reach)
{
  long count = 2 * reach + 1;

  *self = (Gaussian){ .picture = picture, .reach = reach, .kept = count < (long) picture->height ? count : (long) picture->height };
  return (self->weights = host->memory (run, (size_t) count, sizeof (float))) != NULL &&
         (self->line = host->memory (run, (size_t) (picture->width + 2 * reach) * 3, sizeof (float))) != NULL &&
         (self->rows = host->memory (run, (size_t) self->kept * picture->width * 3, sizeof (float))) != NULL;
}

/* Weights as for pictures of floats: as far as 4 sigma, the sum 1. */
static inline bool
gaussian_open_real (Gaussian *self, const VelPreprocessorHost *host, VelPreparation *run, const VelPluginPicture *picture, double sigma)
{
  long reach = (lrint (sigma * 8 + 1) | 1) / 2;
  double sum = 0;

  if (!gaussian_open (self, host, run, picture, reach))
    return false;
  for (long i = -reach; i <= reach; i++)
    sum += gaussian_weight (i, sigma);
  for (long i = -reach; i <= reach; i++)
    self->weights[i + reach] = (float) (gaussian_weight (i, sigma) / sum);
  return true;
}

static inline void
gaussian_blur_along (Gaussian *self, long y)
{
  size_t n = (size_t) self->picture->width * 3;
  long width = (long) self->picture->width;
  const uint8_t *from = self->picture->rgb + (size_t) y * n;
  float *to = self->rows + (size_t) (y % self->kept) * n;

  for (long x = -self->reach; x < width + self->reach; x++)
    for (long c = 0; c < 3; c++)
      self->line[(x + self->reach) * 3 + c] = from[mirror (x, width) * 3 + c];
  memset (to, 0, n * sizeof (float));
  for (long k = 0; k <= 2 * self->reach; k++)
    for (size_t i = 0; i < n; i++)
      to[i] += self->weights[k] * self->line[(size_t) k * 3 + i];
}

/* out: [width, 3], row y of the result; rows are asked for in order, from 0. */
static inline void
gaussian_row (Gaussian *self, long y, float *out)
{
  size_t n = (size_t) self->picture->width * 3;
  long height = (long) self->picture->height;

  for (; self->next < height && self->next <= y + self->reach; self->next++)
    gaussian_blur_along (self, self->next);
  memset (out, 0, n * sizeof (float));
  for (long k = -self->reach; k <= self->reach; k++) {
    const float *row = self->rows + (size_t) (mirror (y + k, height) % self->kept) * n;

    for (size_t i = 0; i < n; i++)
      out[i] += self->weights[k + self->reach] * row[i];
  }
}
