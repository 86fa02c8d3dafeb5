/* Python's random.Random (seed).choice: MT19937 seeded with the whole number, and as many of its high bits as a choice needs.
 * SPDX-License-Identifier: Apache-2.0
 * Matsumoto & Nishimura 1998, init_by_array; CPython Lib/random.py _randbelow_with_getrandbits. */
#pragma once

#include <glib.h>

typedef struct {
  guint32 state[624];
  guint next;
} VelChooser;

void vel_chooser_init (VelChooser *self, guint64 seed);
/* n >= 1. Returns: 0 … n - 1 */
guint32 vel_chooser_choose (VelChooser *self, guint32 n);
