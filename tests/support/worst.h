/* How large the worst inputs are.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Under sanitizers, which are slow, less. No clock is read: what is quadratic in such a size takes longer than a test may run. */
#pragma once

#include <glib.h>

static inline gsize
worst_size (gsize size)
{
  return g_getenv ("VELATURA_TEST_BRIEFLY") ? size / 32 : size;
}
