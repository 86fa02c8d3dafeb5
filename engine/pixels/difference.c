/* Distances, filtered and bent.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/pixels/difference.h"

#include <math.h>

#define REACH 2 /* of the filter */
#define SIDE (2 * REACH + 1)
#define SPREAD 1.5

/* What lies around a place, sorted by value. */
typedef struct {
  double values[SIDE * SIDE], weights[SIDE * SIDE];
  guint n;
  double sum; /* of weights */
} Window;

/* A bell that comes down to zero one place beyond the filter's reach. */
static void
make_kernel (double *kernel)
{
  double zero = exp (-(REACH + 1) * (REACH + 1) / (SPREAD * SPREAD));

  for (int y = -REACH; y <= REACH; y++)
    for (int x = -REACH; x <= REACH; x++)
      *kernel++ = MAX (0, (exp (-(x * x + y * y) / (SPREAD * SPREAD)) - zero) / (1 - zero));
}

static void
insert (Window *self, double value, double weight)
{
  guint i = self->n++;

  for (; i > 0 && self->values[i - 1] > value; i--) {
    self->values[i] = self->values[i - 1];
    self->weights[i] = self->weights[i - 1];
  }
  self->values[i] = value;
  self->weights[i] = weight;
  self->sum += weight;
}

/* The weighted mean of what lies between two shares of the sorted weights, which are at least 1 apart. */
static double
mean_between (const Window *self, double from, double to)
{
  double low = self->sum * from, high = self->sum * to, below = 0, sum = 0, weights = 0;

  if (high - low < 1) {
    double middle = (low + high) / 2;

    low = middle - 0.5;
    high = middle + 0.5;
    if (high > self->sum) {
      high = self->sum;
      low = self->sum - 1;
    }
    if (low < 0) {
      low = 0;
      high = 1;
    }
  }
  for (guint i = 0; i < self->n; i++) {
    double above = below + self->weights[i], part = MIN (high, above) - MAX (low, below);

    if (part > 0) {
      sum += self->values[i] * part;
      weights += part;
    }
    below = above;
  }
  return weights > 0 ? sum / weights : 0;
}

static float *
filter (const float *from, int width, int height, double low, double high)
{
  float *out = g_new (float, (gsize) width *height);
  double kernel[SIDE * SIDE];

  make_kernel (kernel);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      Window window = { .n = 0 };

      for (int j = MAX (y - REACH, 0); j <= MIN (y + REACH, height - 1); j++)
        for (int i = MAX (x - REACH, 0); i <= MIN (x + REACH, width - 1); i++)
          insert (&window, from[(gsize) j * width + i], kernel[(j - y + REACH) * SIDE + i - x + REACH]);
      out[(gsize) y * width + x] = (float) mean_between (&window, low, high);
    }
  return out;
}

/* The distance at which half of the start is left. */
static float
half_way (const VelDifference *self, float repaint)
{
  float kept = 1 - powf (CLAMP (repaint, 0, 1), (float) (self->preservation / 2));
  float share = (float) (0.5 * (1 - self->influence)) + kept * (float) self->influence;

  return (float) self->threshold * (share / (1.00001f - share));
}

static guint8
to_grey (const VelDifference *self, float distance, float half)
{
  float start = 1 / (1 + powf (distance / half, (float) self->contrast)); /* its share */
  float grey = 255 * (1 - start * start * start * (start * (6 * start - 15) + 10));

  return isnan (grey) ? 0 : (guint8) CLAMP (grey, 0, 255); /* no number: nothing moved, and nothing may */
}

VelBitmap *
vel_difference_mask (const VelDifference *self, const float *distances, const float *repaint, guint width, guint height)
{
  g_autofree float *most = filter (distances, (int) width, (int) height, 0.9, 1);
  g_autofree float *usual = filter (most, (int) width, (int) height, 0.25, 0.75);
  VelBitmap *mask = vel_bitmap_new (width, height, 1);

  for (gsize i = 0; i < vel_bitmap_bytes (mask); i++)
    mask->data[i] = to_grey (self, usual[i], half_way (self, repaint[i]));
  return mask;
}
