/* numpy's SeedSequence.  SPDX-License-Identifier: Apache-2.0
 * numpy/random/bit_generator.pyx, after O'Neill's "Developing a seed_seq alternative" (2015). */
#include "engine/tensor/seed-sequence.h"

#define MOST_WORDS (VEL_SEED_POOL + 4) /* a padded pool and two numbers of 64 bits */

/* Appends a number's words, low one first; 0 is one word. Returns: the new count */
static unsigned
append_number (guint32 *words, unsigned n, guint64 number)
{
  do {
    words[n++] = (guint32) number;
    number >>= 32;
  } while (number != 0);
  return n;
}

static guint32
hash (guint32 value, guint32 *constant)
{
  value ^= *constant;
  *constant *= 0x931e8875u;
  value *= *constant;
  return value ^ value >> 16;
}

static guint32
mix (guint32 x, guint32 y)
{
  guint32 result = 0xca01f9ddu * x - 0x4973f715u * y;

  return result ^ result >> 16;
}

/* Mixes n words and gives the first of the state. words has room for a pool, zeros behind the n. */
static guint32
first_word (const guint32 *words, unsigned n)
{
  guint32 pool[VEL_SEED_POOL], constant = 0x43b0d7e5u, word;

  for (unsigned i = 0; i < VEL_SEED_POOL; i++)
    pool[i] = hash (words[i], &constant);
  for (unsigned from = 0; from < VEL_SEED_POOL; from++)
    for (unsigned to = 0; to < VEL_SEED_POOL; to++)
      if (from != to)
        pool[to] = mix (pool[to], hash (pool[from], &constant));
  for (unsigned from = VEL_SEED_POOL; from < n; from++)
    for (unsigned to = 0; to < VEL_SEED_POOL; to++)
      pool[to] = mix (pool[to], hash (words[from], &constant));

  word = (pool[0] ^ 0x8b51f9ddu) * (0x8b51f9ddu * 0x58f38dedu);
  return word ^ word >> 16;
}

guint32
vel_seed_sequence_root (guint64 entropy)
{
  guint32 words[MOST_WORDS] = { 0 };

  return first_word (words, append_number (words, 0, entropy));
}

/* The entropy is padded to a whole pool, so that no key is taken for a part of it. */
guint32
vel_seed_sequence_child (guint64 entropy, guint64 key, guint64 depth)
{
  guint32 words[MOST_WORDS] = { 0 };

  append_number (words, 0, entropy);
  return first_word (words, append_number (words, append_number (words, VEL_SEED_POOL, key), depth));
}
