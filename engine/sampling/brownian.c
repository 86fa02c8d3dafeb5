/* A Brownian path over sigma.  SPDX-License-Identifier: Apache-2.0
 * Each interval is halved at a point rounded to six decimals; a half's increment follows from the whole's and a normal value whose seed is
 * the node's own. Nothing is remembered: a step visits some fifty nodes, little beside a network. */
#include "engine/sampling/brownian.h"

#include <math.h>
#include <string.h>

#include "engine/tensor/seed-sequence.h"

/* One question on its way down the tree. */
typedef struct {
  const VelBrownian *path;
  double from, to; /* what is asked for, rounded */
  float *out;
  gsize count;
  gboolean began;  /* out holds a part of the sum */
} Walk;

/* Python's round (x, 6), which is decimal */
static double
round_time (double time)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE * 8];

  return g_ascii_strtod (g_ascii_formatd (text, sizeof text, "%.6f", time), NULL);
}

static void
draw (const VelBrownian *self, guint32 seed, float *out, gsize count)
{
  VelRandom random;

  vel_random_init (&random, self->kind, seed);
  vel_random_normal (&random, out, count);
}

static void
add (Walk *walk, const float *increment)
{
  if (!walk->began)
    memcpy (walk->out, increment, walk->count * sizeof *increment);
  else
    for (gsize i = 0; i < walk->count; i++)
      walk->out[i] += increment[i];
  walk->began = TRUE;
}

/* Splits [start, end] at the middle. whole: its increment, becomes the right half's; returns the left one's. */
static float *
split (const Walk *walk, double start, double middle, double end, guint64 key, unsigned depth, float *whole)
{
  float *left = g_new (float, walk->count);
  double per_length = 1 / (end - start), before = middle - start, after = end - middle;
  float share = (float) before, scale = (float) per_length, spread = (float) sqrt (before * after * per_length);

  draw (walk->path, vel_seed_sequence_child (walk->path->seed, key, depth), left, walk->count);
  for (gsize i = 0; i < walk->count; i++) {
    volatile float mean = whole[i] * share, noise = left[i] * spread; /* each product rounded, never fused */

    mean = mean * scale;
    left[i] = mean + noise;
    whole[i] -= left[i];
  }
  return left;
}

/* Adds what of [start, end] is asked for, from left to right. whole: its increment, (transfer full) */
static void
visit (Walk *walk, double start, double end, guint64 key, unsigned depth, float *whole)
{
  g_autofree float *right = whole, *left = NULL;
  double middle;

  if (walk->from <= start && walk->to >= end) {
    add (walk, whole);
    return;
  }
  middle = round_time (0.5 * (end + start));
  left = split (walk, start, middle, end, key, depth, right);
  if (walk->from < middle)
    visit (walk, start, middle, 2 * key, depth + 1, g_steal_pointer (&left));
  if (walk->to > middle)
    visit (walk, middle, end, 2 * key + 1, depth + 1, g_steal_pointer (&right));
}

void
vel_brownian_init (VelBrownian *self, VelRandomKind kind, guint64 seed, double low, double high)
{
  *self = (VelBrownian) { kind, seed, (float) low, (float) high };
}

void
vel_brownian_step (const VelBrownian *self, double from, double to, float *out, gsize count)
{
  double start = round_time (self->low), end = round_time (self->high);
  float distance = (float) to - (float) from, divisor = sqrtf (fabsf (distance)), root = (float) sqrt (self->high - self->low);
  Walk walk = { .path = self, .out = out, .count = count };
  float *whole = g_new (float, count);

  walk.from = round_time (CLAMP ((double) MIN ((float) from, (float) to), start, end));
  walk.to = round_time (CLAMP ((double) MAX ((float) from, (float) to), start, end));
  memset (out, 0, count * sizeof *out);
  draw (self, vel_seed_sequence_root (self->seed), whole, count);
  for (gsize i = 0; i < count; i++)
    whole[i] *= root;
  if (walk.from < walk.to)
    visit (&walk, start, end, 0, 0, whole);
  else
    g_free (whole);
  for (gsize i = 0; i < count; i++)
    out[i] = (distance < 0 ? -out[i] : out[i]) / divisor;
}
