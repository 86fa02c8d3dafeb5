/* The reference programs' noise, as values.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/tensor/random.h"

#include <math.h>
#include <string.h>

#include "engine/tensor/cephes.h"

#define N_WORDS 624 /* Matsumoto and Nishimura 1998: MT19937 */
#define SHIFT 397

void
vel_random_init (VelRandom *self, VelRandomKind kind, guint64 seed)
{
  memset (self, 0, sizeof *self);
  self->kind = kind;
  self->seed = seed;
  self->state[0] = (guint32) seed;
  for (guint32 i = 1; i < N_WORDS; i++)
    self->state[i] = 1812433253u * (self->state[i - 1] ^ self->state[i - 1] >> 30) + i;
  self->next = N_WORDS;
}

static void
twist (guint32 *state)
{
  for (unsigned i = 0; i < N_WORDS; i++) {
    guint32 joined = (state[i] & 0x80000000u) | (state[(i + 1) % N_WORDS] & 0x7fffffffu);

    state[i] = state[(i + SHIFT) % N_WORDS] ^ joined >> 1 ^ (joined & 1 ? 0x9908b0dfu : 0);
  }
}

static guint32
next_word (VelRandom *self)
{
  guint32 word;

  if (self->next == N_WORDS) {
    twist (self->state);
    self->next = 0;
  }
  word = self->state[self->next++];
  word ^= word >> 11;
  word ^= word << 7 & 0x9d2c5680u;
  word ^= word << 15 & 0xefc60000u;
  return word ^ word >> 18;
}

/* 24 bits, 0 <= u < 1 */
static float
uniform_float (VelRandom *self)
{
  return (float) (next_word (self) & 0xffffff) * 0x1p-24f;
}

/* 53 bits of two words, the first one high */
static double
uniform_double (VelRandom *self)
{
  guint64 high = next_word (self), low = next_word (self);

  return (double) ((high << 32 | low) & 0x1fffffffffffffull) * 0x1p-53;
}

/* Box-Muller on 16 uniform values in place: the first eight give radii, the others angles. */
static void
fill_16 (float *values)
{
  for (unsigned i = 0; i < 8; i++) {
    float radius = sqrtf (-2 * vel_cephes_log (1 - values[i]));
    float sine, cosine;

    vel_cephes_sincos (6.28318530717958647692f * values[i + 8], &sine, &cosine);
    values[i] = radius * cosine;
    values[i + 8] = radius * sine;
  }
}

static void
draw_16 (VelRandom *self, float *values)
{
  for (unsigned i = 0; i < 16; i++)
    values[i] = uniform_float (self);
  fill_16 (values);
}

/* torch's normal_fill. A ragged end is not filled up: its last 16 values, some of them finished, are drawn anew. */
static void
fill_many (VelRandom *self, float *out, gsize count)
{
  for (gsize i = 0; i < count; i++)
    out[i] = uniform_float (self);
  for (gsize i = 0; i + 16 <= count; i += 16)
    fill_16 (out + i);
  if (count % 16 != 0)
    draw_16 (self, out + count - 16);
}

static double
next_normal (VelRandom *self)
{
  double angle, radius;

  if (self->has_cached) {
    self->has_cached = FALSE;
    return self->cached;
  }
  angle = 2 * G_PI * uniform_double (self);
  radius = sqrt (-2 * log1p (-uniform_double (self)));
  self->cached = radius * sin (angle);
  self->has_cached = TRUE;
  return radius * cos (angle);
}

/* One block of Philox 4x32-10: counter (call, 0, thread, 0), key the seed. */
static void
philox (guint64 seed, guint32 call, guint32 thread, guint32 counter[4])
{
  guint32 key[2] = { (guint32) seed, (guint32) (seed >> 32) };

  counter[0] = call;
  counter[1] = 0;
  counter[2] = thread;
  counter[3] = 0;
  for (unsigned round = 0; round < 10; round++) {
    guint64 first = (guint64) counter[0] * 0xd2511f53u, second = (guint64) counter[2] * 0xcd9e8d57u;

    counter[0] = (guint32) (second >> 32) ^ counter[1] ^ key[0];
    counter[1] = (guint32) second;
    counter[2] = (guint32) (first >> 32) ^ counter[3] ^ key[1];
    counter[3] = (guint32) first;
    key[0] += 0x9e3779b9u;
    key[1] += 0xbb67ae85u;
  }
}

/* The middle of a word's part of the range unit * 2^32. As in numpy, product and sum are each rounded, never fused. */
static float
middle (guint32 word, float unit)
{
  float product = (float) ((double) (float) word * unit);

  return product + unit / 2;
}

/* AUTOMATIC1111 1.10 modules/rng_philox.py box_muller, in single precision; curand's _curand_box_muller has the cosine as a second value.
 */
static float
box_muller (const guint32 words[2], gboolean second)
{
  const float unit = 2.3283064e-10f, turn = (float) ((double) 2.3283064e-10f * 6.2831855);
  float u = middle (words[0], unit), v = middle (words[1], turn);

  return sqrtf (-2 * logf (u)) * (second ? cosf (v) : sinf (v));
}

/* Each thread has one value of every stride, four in a round. */
static void
fill_philox (VelRandom *self, float *out, gsize count)
{
  gsize most = self->kind.threads, all = (count + VEL_RANDOM_BLOCK - 1) / VEL_RANDOM_BLOCK * VEL_RANDOM_BLOCK;
  gsize stride = most > 0 ? MIN (most, all) : all;

  if (count == 0)
    return;
  for (gsize i = 0; i < count; i++) {
    gsize lap = i / stride;
    guint32 words[4];

    philox (self->seed, self->calls + (guint32) (lap / 4), (guint32) (i % stride), words);
    out[i] = box_muller (&words[lap % 4 / 2 * 2], lap % 2 == 1);
  }
  self->calls += (guint32) ((count - 1) / (4 * stride) + 1);
}

void
vel_random_normal (VelRandom *self, float *out, gsize count)
{
  if (self->kind.philox) {
    fill_philox (self, out, count);
  } else if (count >= 16) {
    fill_many (self, out, count);
  } else {
    for (gsize i = 0; i < count; i++)
      out[i] = (float) next_normal (self);
  }
}
