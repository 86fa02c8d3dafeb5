/* Blurs by whole numbers.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/pixels/blur.h"

#include <math.h>
#include <string.h>

#define PASSES 3

/* One line's blur, in place. line: the line's values; scratch: as many. */
typedef void (*LineFunc) (gpointer data, guint8 *line, guint8 *scratch, guint n);

/* Every channel of every row, or of every column. */
static void
each_line (VelBitmap *self, gboolean upright, LineFunc func, gpointer data)
{
  guint n = upright ? self->height : self->width, lines = (upright ? self->width : self->height) * self->channels;
  gsize row = (gsize) self->width * self->channels, step = upright ? row : self->channels;
  g_autofree guint8 *line = g_malloc (n), *scratch = g_malloc (n);

  for (guint i = 0; i < lines; i++) {
    guint8 *at = self->data + (upright ? i : i / self->channels * row + i % self->channels);

    for (guint k = 0; k < n; k++)
      line[k] = at[k * step];
    func (data, line, scratch, n);
    for (guint k = 0; k < n; k++)
      at[k * step] = line[k];
  }
}

/* OpenCV's */

typedef struct {
  int reach;
  guint *weights; /* [2 reach + 1], of 256 in all */
} Kernel;

/* cv::getGaussianKernel, then to eight bits with what rounding leaves carried on, the rest in the middle. */
static void
make_kernel (Kernel *self, guint sigma)
{
  int n;
  double sum = 1, carried = 0;
  guint used = 0;

  self->reach = (int) (2.5 * sigma + 0.5);
  n = 2 * self->reach + 1;
  self->weights = g_new (guint, n);
  for (int i = 0; i < self->reach; i++)
    sum += 2 * exp ((double) (2 * i + 1 - n) * (2 * i + 1 - n) * -0.125 / ((double) sigma * sigma));
  for (int i = 0; i < self->reach; i++) {
    double share = exp ((double) (2 * i + 1 - n) * (2 * i + 1 - n) * -0.125 / ((double) sigma * sigma)) / sum * 256 + carried;
    double whole = rint (share);

    carried = share - whole;
    self->weights[i] = self->weights[n - 1 - i] = (guint) whole;
    used += 2 * (guint) whole;
  }
  self->weights[self->reach] = 256 - used;
}

/* The picture goes on mirrored, its edge not twice. */
static guint
mirror (gint64 i, guint n)
{
  if (n == 1)
    return 0;
  while (i < 0 || i >= n)
    i = i < 0 ? -i : 2 * ((gint64) n - 1) - i;
  return (guint) i;
}

static void
convolve (gpointer data, guint8 *line, guint8 *scratch, guint n)
{
  const Kernel *self = data;

  for (guint i = 0; i < n; i++) {
    guint sum = 128;

    for (int k = -self->reach; k <= self->reach; k++)
      sum += self->weights[k + self->reach] * line[mirror ((gint64) i + k, n)];
    scratch[i] = (guint8) MIN (sum >> 8, 255);
  }
  memcpy (line, scratch, n);
}

void
vel_bitmap_blur (VelBitmap *self, guint sigma)
{
  Kernel kernel;

  if (sigma == 0)
    return;
  make_kernel (&kernel, sigma);
  each_line (self, FALSE, convolve, &kernel);
  each_line (self, TRUE, convolve, &kernel);
  g_free (kernel.weights);
}

/* Pillow's */

typedef struct {
  gint64 radius;
  guint32 weight, edge; /* of 2^24: of what lies within the radius, and of the two just beyond */
} Box;

/* The radius whose box, three times, has this variance; its broken part falls to the edges. */
static float
box_radius (double radius)
{
  float variance = (float) (radius * radius / PASSES), length = (float) sqrt (12.0 * variance + 1.0);
  float whole = (float) floor ((length - 1.0) / 2.0);
  float part = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance);

  part /= 6 * (variance - (whole + 1) * (whole + 1));
  return whole + part;
}

static void
box_line (const Box *self, const guint8 *line, guint8 *out, gint64 n)
{
  guint32 sum = 0;

  for (gint64 k = -self->radius; k <= self->radius; k++)
    sum += line[CLAMP (k, 0, n - 1)];
  for (gint64 i = 0; i < n; i++) {
    guint8 before = line[CLAMP (i - self->radius - 1, 0, n - 1)], after = line[CLAMP (i + self->radius + 1, 0, n - 1)];

    out[i] = (guint8) ((sum * self->weight + (guint32) (before + after) * self->edge + (1u << 23)) >> 24);
    sum += after - (guint32) line[CLAMP (i - self->radius, 0, n - 1)];
  }
}

static void
box_three_times (gpointer data, guint8 *line, guint8 *scratch, guint n)
{
  for (guint i = 0; i < PASSES; i++) {
    box_line (data, line, scratch, n);
    memcpy (line, scratch, n);
  }
}

void
vel_bitmap_blur_boxes (VelBitmap *self, double radius)
{
  float wide = box_radius (radius);
  Box box = { .radius = (gint64) wide };

  if (wide == 0)
    return;
  box.weight = (guint32) ((1 << 24) / (wide * 2 + 1));
  box.edge = ((1u << 24) - (guint32) (box.radius * 2 + 1) * box.weight) / 2;
  each_line (self, FALSE, box_three_times, &box);
  each_line (self, TRUE, box_three_times, &box);
}
