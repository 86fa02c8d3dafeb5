/* First noise: drawn, turned, laid into the middle.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/sampling/first-noise.h"

#include <math.h>
#include <string.h>

#define SHORTEST 8
#define LONGEST 4096

guint64
vel_first_noise_seed (const VelFirstNoise *self, gint64 picture)
{
  return self->seed + (self->strength == 0 ? (guint64) picture : 0);
}

/* A column of one plane: where its rows begin, and how far apart they are. */
typedef struct {
  float *low;
  const float *high;
  gint64 n, stride;
} Column;

/* The cosine between the two, each rounded to length 1 as the reference keeps it. */
static float
cosine (Column column)
{
  double low = 0, high = 0, dot = 0;
  float low_length, high_length;

  for (gint64 i = 0; i < column.n; i++) {
    low += (double) column.low[i * column.stride] * column.low[i * column.stride];
    high += (double) column.high[i * column.stride] * column.high[i * column.stride];
  }
  low_length = (float) sqrt (low);
  high_length = (float) sqrt (high);
  for (gint64 i = 0; i < column.n; i++)
    dot += (double) (column.low[i * column.stride] / low_length) * (column.high[i * column.stride] / high_length);
  return (float) dot;
}

/* Along the great circle. Columns of a single row lie on a line: there the circle is none, and the way is straight. */
static void
turn (Column column, double strength)
{
  float angle = acosf (CLAMP (cosine (column), -1, 1)), sine = sinf (angle);
  gboolean straight = sine < 1e-6f;
  float keep = straight ? (float) (1 - strength) : sinf ((float) (1 - strength) * angle) / sine;
  float add = straight ? (float) strength : sinf ((float) strength * angle) / sine;

  for (gint64 i = 0; i < column.n; i++)
    column.low[i * column.stride] = keep * column.low[i * column.stride] + add * column.high[i * column.stride];
}

/* low, high: [channels, height, width]. Each column of each plane is a vector of its own. Where they all but agree the reference mixes
 * straight, and the wrong way round: strength is then the share of `low`. */
static void
slerp (double strength, float *low, const float *high, gint64 channels, gint64 height, gint64 width)
{
  gsize count = (gsize) (channels * height * width);
  double sum = 0;

  for (gint64 i = 0; i < channels * width; i++) {
    gint64 at = i / width * height * width + i % width;

    sum += cosine ((Column){ low + at, high + at, height, width });
  }
  if (sum / (double) (channels * width) > 0.9995) {
    for (gsize i = 0; i < count; i++)
      low[i] = low[i] * (float) strength + high[i] * (float) (1 - strength);
    return;
  }
  for (gint64 i = 0; i < channels * width; i++) {
    gint64 at = i / width * height * width + i % width;

    turn ((Column){ low + at, high + at, height, width }, strength);
  }
}

/* The middle of `from` over the middle of `planes`, as much of it as fits. */
static void
lay_into_middle (const float *from, gint64 from_height, gint64 from_width, float *planes, gint64 channels, gint64 height, gint64 width)
{
  gint64 dx = (width - from_width) / 2, dy = (height - from_height) / 2, w, h, x, y;

  /* Python's division rounds down */
  dx -= (width - from_width) % 2 < 0;
  dy -= (height - from_height) % 2 < 0;
  w = dx >= 0 ? from_width : from_width + 2 * dx;
  h = dy >= 0 ? from_height : from_height + 2 * dy;
  x = MAX (dx, 0);
  y = MAX (dy, 0);
  dx = MAX (-dx, 0);
  dy = MAX (-dy, 0);
  for (gint64 c = 0; c < channels; c++)
    for (gint64 row = 0; row < h; row++)
      memcpy (planes + (c * height + y + row) * width + x, from + (c * from_height + dy + row) * from_width + dx,
              (gsize) w * sizeof *planes);
}

void
vel_first_noise_draw (const VelFirstNoise *self, gint64 picture, gint64 channels, gint64 height, gint64 width, VelRandom *stream,
                      float *planes)
{
  guint64 seed = vel_first_noise_seed (self, picture);
  gboolean resized = self->from_height > 0 && self->from_width > 0 && (self->from_height != height || self->from_width != width);
  gint64 from_height = resized ? self->from_height : height, from_width = resized ? self->from_width : width;
  gsize count = (gsize) (channels * from_height * from_width);
  g_autofree float *other = self->strength != 0 ? g_new (float, count) : NULL, *from = resized ? g_new (float, count) : NULL;
  float *noise = resized ? from : planes;
  VelRandom fresh;

  vel_random_init (stream, self->kind, seed);
  vel_random_normal (stream, planes, (gsize) (channels * height * width));
  if (resized) {
    vel_random_init (&fresh, self->kind, seed);
    vel_random_normal (&fresh, from, count);
  }
  if (other) {
    vel_random_init (&fresh, self->kind, self->variation + (guint64) picture);
    vel_random_normal (&fresh, other, count);
    slerp (self->strength, noise, other, channels, from_height, from_width);
  }
  if (resized)
    lay_into_middle (from, from_height, from_width, planes, channels, height, width);
  if (self->seed_offset)
    vel_random_init (stream, self->kind, seed + self->seed_offset);
}

typedef struct {
  const VelFirstNoise *noise;
  VelRandom *streams;
  VelShape shape;
} Filling;

static void
fill_picture (gpointer data, gint64 picture, float *planes, gsize count)
{
  const Filling *self = data;

  vel_first_noise_draw (self->noise, picture, self->shape.size[3], self->shape.size[1], self->shape.size[2], &self->streams[picture],
                        planes);
}

static void
fill_all (gpointer data, gint64 picture, float *planes, gsize count)
{
  const Filling *self = data;

  vel_random_init (self->streams, self->noise->kind, self->noise->seed);
  vel_random_normal (self->streams, planes, count);
}

void
vel_first_noise_fill (VelContext *ctx, const VelFirstNoise *self, VelRandom *streams, VelTensor *out)
{
  vel_planes_fill (ctx, out, self->together, self->together ? fill_all : fill_picture, &(Filling){ self, streams, out->shape });
}

gboolean
vel_seed_resize_parse (const char *text, guint *width, guint *height)
{
  const char *x = text + strcspn (text, "xX");
  g_autofree char *first = g_strndup (text, (gsize) (x - text));
  guint64 sides[2];

  if (!*x || !g_ascii_string_to_unsigned (first, 10, SHORTEST, LONGEST, &sides[0], NULL) ||
      !g_ascii_string_to_unsigned (x + 1, 10, SHORTEST, LONGEST, &sides[1], NULL))
    return FALSE;
  *width = (guint) sides[0];
  *height = (guint) sides[1];
  return TRUE;
}

char *
vel_seed_resize_check (const char *text)
{
  guint width, height;

  return vel_seed_resize_parse (text, &width, &height) ? g_strdup_printf ("%ux%u", width, height) : NULL;
}
