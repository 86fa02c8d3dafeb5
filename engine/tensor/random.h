/* The reference programs' noise, as values.
 * SPDX-License-Identifier: Apache-2.0
 *
 * VEL_RANDOM_CPU is torch.Generator on the CPU: MT19937 seeded with the low 32 bits, torch.randn's two algorithms
 *   (aten/src/ATen/native/cpu/DistributionTemplates.h: normal_fill from 16 values on, else Box-Muller in double with a cache that
 *   outlives the call).
 * VEL_RANDOM_NV is Philox 4x32-10 (Salmon et al. 2011) as A1111's "NV" and a CUDA card draw it; call k has offset k. */
#pragma once

#include <glib.h>

typedef enum {
  VEL_RANDOM_CPU,
  VEL_RANDOM_NV,
} VelRandomKind;

typedef struct {
  VelRandomKind kind;
  guint64 seed;
  guint32 calls;         /* NV: tensors drawn so far */
  guint32 state[624];    /* CPU: MT19937 */
  unsigned next;
  gboolean has_cached;   /* CPU: second value of a Box-Muller pair */
  double cached;
} VelRandom;

void vel_random_init (VelRandom *self, VelRandomKind kind, guint64 seed);
/* One torch.randn of `count` values, continuing the stream. */
void vel_random_normal (VelRandom *self, float *out, gsize count);
