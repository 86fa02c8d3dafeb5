/* How a picture goes on beyond its edges.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Mirrored, its edge not twice: OpenCV's BORDER_REFLECT_101. */
static inline long
mirror (long i, long n)
{
  if (n == 1)
    return 0;
  while (i < 0 || i >= n)
    i = i < 0 ? -i : 2 * (n - 1) - i;
  return i;
}
