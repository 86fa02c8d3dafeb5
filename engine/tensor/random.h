/* The reference programs' noise, as values.
 * SPDX-License-Identifier: Apache-2.0
 *
 * VEL_RANDOM_CPU is torch.Generator on the CPU: MT19937 seeded with the low 32 bits, torch.randn's two algorithms
 *   (aten/src/ATen/native/cpu/DistributionTemplates.h: normal_fill from 16 values on, else Box-Muller in double with a cache that
 *   outlives the call).
 * VEL_RANDOM_NV is Philox 4x32-10 (Salmon et al. 2011) as A1111's "NV" and a CUDA card without end draw it; call k has offset k.
 * A real card runs only so many threads at once. What exceeds them torch hands to the same threads again, and those use the rest of the
 * four words of their block, then the next block (aten/src/ATen/native/cuda/DistributionTemplates.h: calc_execution_policy, four values a
 * thread and round), so that call k begins as many blocks on as the rounds before it were. A card's own sine is coarser: its values agree
 * to some 1e-6, not to the bit. */
#pragma once

#include <glib.h>

typedef struct {
  gboolean philox;
  guint32 threads; /* a card's: how many run at once, a multiple of VEL_RANDOM_BLOCK; 0: without end */
} VelRandomKind;

#define VEL_RANDOM_CPU ((VelRandomKind){ FALSE, 0 })
#define VEL_RANDOM_NV ((VelRandomKind){ TRUE, 0 })
#define VEL_RANDOM_BLOCK 256 /* threads that start together */

/* "cpu", "nv", "cuda:SMS" or "cuda:SMSxTHREADS": a card with that many multiprocessors, each of which runs that many threads at once.
 * Without THREADS it is what the cards with this number of multiprocessors run: 1536 (GeForce RTX 30, 40 and 50), but
 *   1024 for 22 (GTX 1660), 30 (RTX 2060) and 40 (RTX 2070 Super, T4);
 *   2048 for 10, 15, 19 (GTX 1060, 1070, 1070 Ti), 108 (A100), 114, 132 (H100, H200) and 148 (B200).
 * Where a number belongs to cards of two generations (a T4 and a laptop's RTX 3070), THREADS says which one is meant.
 * FALSE if the text is none of these. */
gboolean vel_random_kind_parse (const char *text, VelRandomKind *kind);
/* Returns: (transfer full); the text as above in its plain form, or NULL if it is none */
char *vel_random_kind_check (const char *text);

typedef struct {
  VelRandomKind kind;
  guint64 seed;
  guint32 calls;      /* Philox: rounds drawn so far, one for each tensor that fits a card's threads */
  guint32 state[624]; /* CPU: MT19937 */
  unsigned next;
  gboolean has_cached; /* CPU: second value of a Box-Muller pair */
  double cached;
} VelRandom;

void vel_random_init (VelRandom *self, VelRandomKind kind, guint64 seed);
/* One torch.randn of `count` values, continuing the stream. */
void vel_random_normal (VelRandom *self, float *out, gsize count);
