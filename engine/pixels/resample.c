/* Resampling by whole numbers, one side after the other, each rounded to 8 bits.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/pixels/resample.h"

#include <math.h>
#include <string.h>

#define FRACTION 22 /* bits of a weight behind the point: 32 less 8 of a pixel and 2 for the sum's swing */

/* One side: where from, and the filter there. */
typedef struct {
  guint from;        /* length */
  double start, end; /* the part of `from` that becomes `to` */
  guint64 to;
  guint64 skip; /* of `to`, so many are left out at the beginning, */
  guint count;  /* and so many are made */
  VelFilter filter;
} Side;

/* What makes one pixel of the result. */
typedef struct {
  int first, n;
  int *weights; /* [n] */
} Taps;

static double
sinc (double x)
{
  return x == 0 ? 1 : sin (x * G_PI) / (x * G_PI);
}

static double
weigh (VelFilter filter, double x)
{
  double a = -0.5;

  if (filter == VEL_FILTER_LANCZOS)
    return x >= -3 && x < 3 ? sinc (x) * sinc (x / 3) : 0;
  x = fabs (x);
  if (x < 1)
    return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/* weights: scratch for `most` numbers */
static void
find_taps (const Side *side, guint64 at, double *weights, Taps *taps)
{
  double scale = (side->end - side->start) / (double) side->to, spread = MAX (scale, 1);
  double support = (side->filter == VEL_FILTER_LANCZOS ? 3 : 2) * spread, centre = side->start + ((double) at + 0.5) * scale, sum = 0;
  int first = MAX ((int) (centre - support + 0.5), 0), last = MIN ((int) (centre + support + 0.5), (int) side->from);

  taps->first = first;
  taps->n = last - first;
  for (int i = 0; i < taps->n; i++) {
    weights[i] = weigh (side->filter, (i + first - centre + 0.5) / spread);
    sum += weights[i];
  }
  for (int i = 0; i < taps->n; i++) {
    double weight = (sum != 0 ? weights[i] / sum : weights[i]) * (1 << FRACTION);

    taps->weights[i] = (int) (weight < 0 ? weight - 0.5 : weight + 0.5);
  }
}

/* A line of pixels `stride` bytes apart. */
static void
sum_taps (const Taps *taps, const guint8 *from, gsize stride, guint channels, guint8 *out)
{
  for (guint c = 0; c < channels; c++) {
    int sum = 1 << (FRACTION - 1);

    for (int i = 0; i < taps->n; i++)
      sum += from[(gsize) (taps->first + i) * stride + c] * taps->weights[i];
    out[c] = (guint8) CLAMP (sum >> FRACTION, 0, 255);
  }
}

/* Rows are lines where `upright` is FALSE, else columns are. */
static VelBitmap *
resample_side (const VelBitmap *self, const Side *side, gboolean upright)
{
  VelBitmap *out =
      upright ? vel_bitmap_new (self->width, side->count, self->channels) : vel_bitmap_new (side->count, self->height, self->channels);
  gsize most = (gsize) ceil (3 * MAX ((side->end - side->start) / (double) side->to, 1)) * 2 + 2;
  g_autofree double *weights = g_new (double, most);
  g_autofree int *whole = g_new (int, most);
  guint lines = upright ? self->width : self->height, channels = self->channels;
  gsize row = (gsize) self->width * channels, out_row = (gsize) out->width * channels;
  gsize line = upright ? channels : row, out_line = upright ? channels : out_row;
  gsize step = upright ? row : channels, out_step = upright ? out_row : channels;
  Taps taps = { .weights = whole };

  for (guint at = 0; at < side->count; at++) {
    find_taps (side, side->skip + at, weights, &taps);
    for (guint i = 0; i < lines; i++)
      sum_taps (&taps, self->data + i * line, step, channels, out->data + i * out_line + at * out_step);
  }
  return out;
}

/* As ImagingTransform walks: the place is summed up, not multiplied. */
static VelBitmap *
take_nearest (const VelBitmap *self, guint width, guint height)
{
  VelBitmap *out = vel_bitmap_new (width, height, self->channels);
  double step_x = (double) self->width / width, step_y = (double) self->height / height, y = step_y * 0.5;
  g_autofree guint *columns = g_new (guint, width);
  double x = step_x * 0.5;

  for (guint i = 0; i < width; i++, x += step_x)
    columns[i] = MIN ((guint) x, self->width - 1);
  for (guint j = 0; j < height; j++, y += step_y) {
    const guint8 *row = self->data + (gsize) MIN ((guint) y, self->height - 1) * self->width * self->channels;

    for (guint i = 0; i < width; i++)
      memcpy (out->data + ((gsize) j * width + i) * self->channels, row + (gsize) columns[i] * self->channels, self->channels);
  }
  return out;
}

static gboolean
is_same (const Side *side)
{
  return side->count == side->from && side->to == side->from && side->start == 0 && side->end == side->from;
}

static VelBitmap *
resample_part (const VelBitmap *self, const Side *across, const Side *down)
{
  g_autoptr (VelBitmap) half = is_same (across) ? NULL : resample_side (self, across, FALSE);

  if (is_same (down))
    return half ? g_steal_pointer (&half) : vel_bitmap_dup (self);
  return resample_side (half ? half : self, down, TRUE);
}

VelBitmap *
vel_bitmap_resample (const VelBitmap *self, guint width, guint height, VelFilter filter)
{
  Side across = { self->width, 0, self->width, width, 0, width, filter },
       down = { self->height, 0, self->height, height, 0, height, filter };

  if (filter == VEL_FILTER_NEAREST)
    return take_nearest (self, width, height);
  return resample_part (self, &across, &down);
}

VelResizeMode
vel_resize_mode_from_string (const char *text)
{
  return g_str_equal (text, "stretch") ? VEL_RESIZE_STRETCH : g_str_equal (text, "fit") ? VEL_RESIZE_FIT : VEL_RESIZE_FILL;
}

/* The place of one side's edge drawn out: a part of no extent. */
static VelBitmap *
draw_out (const VelBitmap *self, guint width, guint height, gboolean upright, gboolean far)
{
  double edge = far ? (upright ? self->height : self->width) : 0;
  Side across = { self->width, upright ? 0 : edge, upright ? self->width : edge, width, 0, width, VEL_FILTER_BICUBIC };
  Side down = { self->height, upright ? edge : 0, upright ? edge : self->height, height, 0, height, VEL_FILTER_BICUBIC };

  return resample_part (self, &across, &down);
}

/* gap: what is left before the picture, and behind it or one less. */
static void
fill_beside (VelBitmap *out, const VelBitmap *inside, guint gap, gboolean upright)
{
  g_autoptr (VelBitmap) before = NULL, after = NULL;

  if (gap == 0)
    return;
  before = draw_out (inside, upright ? out->width : gap, upright ? gap : out->height, upright, FALSE);
  after = draw_out (inside, upright ? out->width : gap, upright ? gap : out->height, upright, TRUE);
  vel_bitmap_paste (out, before, 0, 0);
  vel_bitmap_paste (out, after, upright ? 0 : (int) (gap + inside->width), upright ? (int) (gap + inside->height) : 0);
}

/* What stands out is not even made: of a very long picture it would be more than memory holds. */
static VelBitmap *
fill (const VelBitmap *self, guint width, guint height)
{
  gboolean wide = (double) width / height > (double) self->width / self->height;
  guint64 w = wide ? width : (guint64) self->width * height / self->height,
          h = wide ? (guint64) self->height * width / self->width : height;
  Side across = { self->width, 0, self->width, w, w / 2 - width / 2, width, VEL_FILTER_LANCZOS };
  Side down = { self->height, 0, self->height, h, h / 2 - height / 2, height, VEL_FILTER_LANCZOS };

  return resample_part (self, &across, &down);
}

static VelBitmap *
fit (const VelBitmap *self, guint width, guint height)
{
  double ratio = (double) width / height, own = (double) self->width / self->height;
  guint w = ratio < own ? width : (guint) ((guint64) self->width * height / self->height);
  guint h = ratio >= own ? height : (guint) ((guint64) self->height * width / self->width);
  g_autoptr (VelBitmap) inside = vel_bitmap_resample (self, MAX (w, 1), MAX (h, 1), VEL_FILTER_LANCZOS);
  VelBitmap *out = vel_bitmap_new (width, height, self->channels);
  guint x = width / 2 - inside->width / 2, y = height / 2 - inside->height / 2;

  vel_bitmap_paste (out, inside, (int) x, (int) y);
  if (ratio < own)
    fill_beside (out, inside, y, TRUE);
  else if (ratio > own)
    fill_beside (out, inside, x, FALSE);
  return out;
}

VelBitmap *
vel_bitmap_resize (const VelBitmap *self, guint width, guint height, VelResizeMode mode)
{
  switch (mode) {
  case VEL_RESIZE_FILL:
    return fill (self, width, height);
  case VEL_RESIZE_FIT:
    return fit (self, width, height);
  case VEL_RESIZE_STRETCH:
    break;
  }
  return vel_bitmap_resample (self, width, height, VEL_FILTER_LANCZOS);
}
