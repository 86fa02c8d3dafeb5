/* What the arithmetic units can do at most: the figure others are a share of.  SPDX-License-Identifier: Apache-2.0 */
#include "kernels/cpu/isa.h"
#include "kernels/cpu/vector.h"

/* data: steps, each of ten times eight multiplications and additions. */
void
vel_isa_multiply_registers (void *data, size_t task, unsigned thread)
{
  V8 sums[10], x = splat8 (0.999f), y = splat8 (0.001f);

  VEL_UNROLL
  for (unsigned i = 0; i < 10; i++)
    sums[i] = splat8 ((float) i);
  for (size_t step = *(const size_t *) data; step > 0; step--) {
    VEL_UNROLL
    for (unsigned i = 0; i < 10; i++)
      sums[i] = fma8 (sums[i], x, y);
    __asm__ volatile(""); /* keeps the loop a loop */
  }
  VEL_UNROLL
  for (unsigned i = 0; i < 10; i++)
    __asm__ volatile("" : : "m"(sums[i])); /* and its results wanted */
}
