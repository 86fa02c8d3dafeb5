/* Python's random choices.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/text/chooser.h"

#define N 624
#define M 397

static void
init_simple (VelChooser *self, guint32 seed)
{
  self->state[0] = seed;
  for (guint i = 1; i < N; i++)
    self->state[i] = 1812433253u * (self->state[i - 1] ^ (self->state[i - 1] >> 30)) + i;
}

void
vel_chooser_init (VelChooser *self, guint64 seed)
{
  const guint32 key[] = { (guint32) seed, (guint32) (seed >> 32) };
  const guint length = key[1] != 0 ? 2 : 1;
  guint i = 1, j = 0;

  init_simple (self, 19650218u);
  for (guint k = N; k > 0; k--) {
    self->state[i] = (self->state[i] ^ ((self->state[i - 1] ^ (self->state[i - 1] >> 30)) * 1664525u)) + key[j] + j;
    j = (j + 1) % length;
    if (++i == N) {
      self->state[0] = self->state[N - 1];
      i = 1;
    }
  }
  for (guint k = N - 1; k > 0; k--) {
    self->state[i] = (self->state[i] ^ ((self->state[i - 1] ^ (self->state[i - 1] >> 30)) * 1566083941u)) - i;
    if (++i == N) {
      self->state[0] = self->state[N - 1];
      i = 1;
    }
  }
  self->state[0] = 0x80000000u;
  self->next = N;
}

static guint32
next_word (VelChooser *self)
{
  guint32 y;

  if (self->next == N) {
    for (guint i = 0; i < N; i++) {
      y = (self->state[i] & 0x80000000u) | (self->state[(i + 1) % N] & 0x7fffffffu);
      self->state[i] = self->state[(i + M) % N] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0);
    }
    self->next = 0;
  }
  y = self->state[self->next++];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680u;
  y ^= (y << 15) & 0xefc60000u;
  return y ^ (y >> 18);
}

guint32
vel_chooser_choose (VelChooser *self, guint32 n)
{
  guint bits = g_bit_storage (n);
  guint32 choice;

  g_assert (n >= 1);
  do
    choice = next_word (self) >> (32 - bits);
  while (choice >= n);
  return choice;
}
