/* Blurs by whole numbers.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/pixels/blur.h"

#include <math.h>
#include <string.h>

#define PASSES 3

/* One line's blur, in place. line: [n], with `margin` values of its own on either side; sums: [n] of scratch. */
typedef void (*LineFunc) (gconstpointer data, guint8 *line, guint32 *sums, gint64 n);

#define BLOCK 32 /* columns that are fetched together: they lie side by side, a row apart from their next values */

/* Every channel of every row, or of every column. */
static void
each_line (VelBitmap *self, gboolean upright, gint64 margin, LineFunc func, gconstpointer data)
{
  gint64 n = upright ? self->height : self->width, lines = (gint64) (upright ? self->width : self->height) * self->channels;
  gsize row = (gsize) self->width * self->channels, step = upright ? row : self->channels;
  gint64 block = upright ? BLOCK : self->channels, room = n + 2 * margin;
  g_autofree guint8 *all = g_malloc ((gsize) (block * room));
  g_autofree guint32 *sums = g_new (guint32, (gsize) n);

  for (gint64 first = 0; first < lines; first += block) {
    gint64 count = MIN (block, lines - first);
    guint8 *at = self->data + (upright ? (gsize) first : (gsize) (first / self->channels) * row);

    for (gint64 k = 0; k < n; k++)
      for (gint64 i = 0; i < count; i++)
        all[i * room + margin + k] = at[k * step + i];
    for (gint64 i = 0; i < count; i++)
      func (data, all + i * room + margin, sums, n);
    for (gint64 k = 0; k < n; k++)
      for (gint64 i = 0; i < count; i++)
        at[k * step + i] = all[i * room + margin + k];
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
static gint64
mirror (gint64 i, gint64 n)
{
  if (n == 1)
    return 0;
  while (i < 0 || i >= n)
    i = i < 0 ? -i : 2 * (n - 1) - i;
  return i;
}

static void
convolve (gconstpointer data, guint8 *line, guint32 *sums, gint64 n)
{
  const Kernel *self = data;

  for (gint64 i = 1; i <= self->reach; i++) {
    line[-i] = line[mirror (-i, n)];
    line[n - 1 + i] = line[mirror (n - 1 + i, n)];
  }
  for (gint64 i = 0; i < n; i++)
    sums[i] = 128;
  for (int k = -self->reach; k <= self->reach; k++)
    for (gint64 i = 0; i < n; i++)
      sums[i] += self->weights[k + self->reach] * line[i + k];
  for (gint64 i = 0; i < n; i++)
    line[i] = (guint8) MIN (sums[i] >> 8, 255);
}

void
vel_bitmap_blur (VelBitmap *self, guint sigma)
{
  Kernel kernel;

  if (sigma == 0)
    return;
  make_kernel (&kernel, sigma);
  each_line (self, FALSE, kernel.reach, convolve, &kernel);
  each_line (self, TRUE, kernel.reach, convolve, &kernel);
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

/* The edge goes on beyond itself. */
static void
box_line (const Box *self, guint8 *line, guint32 *sums, gint64 n)
{
  gint64 radius = self->radius;
  guint32 sum = 0;

  memset (line - radius - 1, line[0], (gsize) radius + 1);
  memset (line + n, line[n - 1], (gsize) radius + 1);
  for (gint64 k = -radius; k <= radius; k++)
    sum += line[k];
  for (gint64 i = 0; i < n; i++) {
    sums[i] = sum * self->weight + (guint32) (line[i - radius - 1] + line[i + radius + 1]) * self->edge;
    sum += line[i + radius + 1] - (guint32) line[i - radius];
  }
  for (gint64 i = 0; i < n; i++)
    line[i] = (guint8) ((sums[i] + (1u << 23)) >> 24);
}

static void
box_three_times (gconstpointer data, guint8 *line, guint32 *sums, gint64 n)
{
  for (guint i = 0; i < PASSES; i++)
    box_line (data, line, sums, n);
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
  each_line (self, FALSE, box.radius + 1, box_three_times, &box);
  each_line (self, TRUE, box.radius + 1, box_three_times, &box);
}
