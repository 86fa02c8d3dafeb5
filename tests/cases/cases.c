/* Inputs of the cases.  SPDX-License-Identifier: Apache-2.0 */
#include "tests/cases/cases.h"

#include "kernels/half.h"

#include <stdlib.h>

/* Sum of four uniform numbers from a counter; close enough to a bell, and the same everywhere. */
static double
value_at (uint32_t i, uint32_t seed)
{
  uint32_t x = i * 0x9e3779b9u + seed * 0x85ebca6bu;
  double total = 0;

  for (unsigned round = 0; round < 4; round++) {
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    x ^= x >> 16;
    total += x / 4294967296.0 - 0.5;
  }
  return total * 1.7320508;
}

float *
vel_case_values (size_t n, unsigned seed, double scale)
{
  float *values = aligned_alloc (64, (n * sizeof *values + 64) / 64 * 64);

  for (size_t i = 0; i < n; i++)
    values[i] = (float) (value_at ((uint32_t) i, seed) * scale);
  return values;
}

void *
vel_case_weight (size_t n, VelType type, unsigned seed, double scale)
{
  float *values = vel_case_values (n, seed, scale);
  char *halves = (char *) values;

  if (type == VEL_F32)
    return values;
  for (size_t i = 0; i < n; i++) { /* forwards, so that nothing unread is overwritten */
    float value;
    uint16_t half;

    memcpy (&value, (const char *) values + i * sizeof value, sizeof value);
    half = type == VEL_F16 ? vel_half_from_float (value) : vel_bfloat_from_float (value);
    memcpy (halves + i * sizeof half, &half, sizeof half);
  }
  return values;
}

const char *
vel_case_type_name (VelType type)
{
  return type == VEL_F16 ? "fp16" : type == VEL_BF16 ? "bf16" : "fp32";
}
