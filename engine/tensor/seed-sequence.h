/* numpy's SeedSequence: many seeds out of one, and the same ones everywhere.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#define VEL_SEED_POOL 24 /* words, as torchsde's trees have it */

/* First word of numpy.random.SeedSequence (entropy, pool_size=24).generate_state (n). */
guint32 vel_seed_sequence_root (guint64 entropy);
/* The same with spawn_key=(key, depth). */
guint32 vel_seed_sequence_child (guint64 entropy, guint64 key, guint64 depth);
