/* Rows, then columns, by weights that are the same for a whole line.  SPDX-License-Identifier: Apache-2.0
 *
 * aten/src/ATen/native/UpSample.h, cpu/UpSampleKernel.cpp; in fp32, as places are rounded there. */
#include "engine/tensor/interpolate.h"

#include <math.h>

/* What makes one number of a line. */
typedef struct {
  gint64 n;
  gint64 *places;
  float *weights;
} Taps;

static float
cubic (float x, float a)
{
  x = fabsf (x);
  if (x <= 1)
    return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((x - 5) * x + 8) * a * x - 4 * a : 0;
}

static float
triangle (float x)
{
  return MAX (1 - fabsf (x), 0);
}

static void
add (Taps *taps, gint64 place, gint64 length, float weight)
{
  taps->places[taps->n] = CLAMP (place, 0, length - 1);
  taps->weights[taps->n++] = weight;
}

static void
find_smooth (Taps *taps, VelInterpolation kind, float scale, gint64 length, gint64 at)
{
  float spread = MAX (scale, 1), support = (kind == VEL_INTERPOLATE_BICUBIC ? 2 : 1) * spread, centre = scale * ((float) at + 0.5f),
        sum = 0;
  gint64 first = MAX ((gint64) (centre - support + 0.5f), 0), last = MIN ((gint64) (centre + support + 0.5f), length);

  for (gint64 i = first; i < last; i++) {
    float x = ((float) i - centre + 0.5f) / spread, weight = kind == VEL_INTERPOLATE_BICUBIC ? cubic (x, -0.5f) : triangle (x);

    add (taps, i, length, weight);
    sum += weight;
  }
  for (gint64 i = 0; i < taps->n; i++)
    taps->weights[i] /= sum;
}

static void
find_taps (Taps *taps, VelInterpolation kind, gboolean smooth, gint64 length, gint64 out_length, gint64 at)
{
  float scale = (float) length / (float) out_length, place = scale * ((float) at + 0.5f) - 0.5f, whole;

  taps->n = 0;
  switch (kind) {
  case VEL_INTERPOLATE_NEAREST:
    add (taps, (gint64) floorf ((float) at * scale), length, 1);
    return;
  case VEL_INTERPOLATE_NEAREST_EXACT:
    add (taps, (gint64) floorf (((float) at + 0.5f) * scale), length, 1);
    return;
  case VEL_INTERPOLATE_BILINEAR:
  case VEL_INTERPOLATE_BICUBIC:
    break;
  }
  if (smooth) {
    find_smooth (taps, kind, scale, length, at);
    return;
  }
  if (kind == VEL_INTERPOLATE_BILINEAR)
    place = MAX (place, 0);
  whole = floorf (place);
  for (int i = kind == VEL_INTERPOLATE_BICUBIC ? -1 : 0; i <= (kind == VEL_INTERPOLATE_BICUBIC ? 2 : 1); i++)
    add (taps, (gint64) whole + i, length,
         kind == VEL_INTERPOLATE_BICUBIC ? cubic (place - whole - (float) i, -0.75f) : triangle (place - whole - (float) i));
}

/* One axis of [outer, length, inner]. Returns: (transfer full) [outer, out_length, inner] */
static float *
interpolate_axis (const float *from, gint64 outer, gint64 length, gint64 inner, gint64 out_length, VelInterpolation kind, gboolean smooth)
{
  gsize most = (gsize) (4 * MAX (length / out_length + 1, 1)) + 4;
  g_autofree gint64 *places = g_new (gint64, most);
  g_autofree float *weights = g_new (float, most);
  float *out = g_new0 (float, (gsize) (outer * out_length * inner));
  Taps taps = { 0, places, weights };

  for (gint64 at = 0; at < out_length; at++) {
    find_taps (&taps, kind, smooth, length, out_length, at);
    for (gint64 o = 0; o < outer; o++)
      for (gint64 t = 0; t < taps.n; t++)
        for (gint64 i = 0; i < inner; i++)
          out[(o * out_length + at) * inner + i] += taps.weights[t] * from[(o * length + taps.places[t]) * inner + i];
  }
  return out;
}

float *
vel_interpolate (const float *from, gint64 height, gint64 width, gint64 channels, gint64 out_height, gint64 out_width,
                 VelInterpolation kind, gboolean smooth)
{
  g_autofree float *wide = interpolate_axis (from, height, width, channels, out_width, kind, smooth);

  return interpolate_axis (wide, 1, height, out_width * channels, out_height, kind, smooth);
}
