/* Inputs of the cases.  SPDX-License-Identifier: Apache-2.0 */
#include "tests/cases/cases.h"

#include "kernels/half.h"

#include <stdio.h>
#include <stdlib.h>

#define GUARD 64           /* elements before and behind a result that must stay as they were */
#define GUARD_VALUE 12352.f /* exact in every type */

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

static float
rounded (float value, VelType type)
{
  return type == VEL_F16    ? vel_half_to_float (vel_half_from_float (value))
         : type == VEL_BF16 ? vel_bfloat_to_float (vel_bfloat_from_float (value))
                            : value;
}

static void
store (void *to, size_t i, VelType type, float value)
{
  uint16_t half = type == VEL_F16 ? vel_half_from_float (value) : vel_bfloat_from_float (value);

  if (type == VEL_F32)
    ((float *) to)[i] = value;
  else
    ((uint16_t *) to)[i] = half;
}

static float
load (const void *from, size_t i, VelType type)
{
  const uint16_t *halves = from;

  return type == VEL_F16 ? vel_half_to_float (halves[i]) : type == VEL_BF16 ? vel_bfloat_to_float (halves[i]) : ((const float *) from)[i];
}

/* A card rounds what the file has to its own type. */
void *
vel_case_weight (const VelCaseTarget *target, size_t n, VelType type, unsigned seed, double scale)
{
  float *values = vel_case_values (n, seed, scale);
  void *out = malloc (n * sizeof (float) + 1);

  for (size_t i = 0; i < n; i++)
    store (out, i, type, rounded (rounded (values[i], type), target->rounding));
  free (values);
  return out;
}

void *
vel_case_input_of (const VelCaseTarget *target, size_t n, const float *values)
{
  size_t bytes = n * vel_type_size (target->type);
  void *host = malloc (bytes + 1), *device = target->kernels->alloc (target->backend, bytes + 1);

  for (size_t i = 0; i < n; i++)
    store (host, i, target->type, rounded (values[i], target->rounding));
  target->kernels->upload (target->backend, device, host, bytes);
  free (host);
  return device;
}

void *
vel_case_input (const VelCaseTarget *target, size_t n, unsigned seed, double scale)
{
  float *values = vel_case_values (n, seed, scale);
  void *device = vel_case_input_of (target, n, values);

  free (values);
  return device;
}

float *
vel_case_table (const VelCaseTarget *target, size_t n, unsigned seed, double scale)
{
  float *values = vel_case_values (n, seed, scale), *device = target->kernels->alloc (target->backend, n * sizeof *values + 1);

  target->kernels->upload (target->backend, device, values, n * sizeof *values);
  free (values);
  return device;
}

void
vel_case_free (const VelCaseTarget *target, const void *memory)
{
  target->kernels->free (target->backend, (void *) memory);
}

void *
vel_case_result (const VelCaseTarget *target, size_t n, const float *start)
{
  size_t size = vel_type_size (target->type), all = n + 2 * GUARD;
  char *host = malloc (all * size), *device = target->kernels->alloc (target->backend, all * size);

  for (size_t i = 0; i < all; i++)
    store (host, i, target->type, start != NULL && i >= GUARD && i < GUARD + n ? rounded (start[i - GUARD], target->rounding) : GUARD_VALUE);
  target->kernels->upload (target->backend, device, host, all * size);
  free (host);
  return device + GUARD * size;
}

void
vel_case_take (const VelCaseTarget *target, void *result, size_t n, float *out)
{
  size_t size = vel_type_size (target->type), all = n + 2 * GUARD;
  char *host = malloc (all * size), *device = (char *) result - GUARD * size;

  target->kernels->download (target->backend, host, device, all * size);
  for (size_t i = 0; i < GUARD; i++)
    if (load (host, i, target->type) != GUARD_VALUE || load (host, GUARD + n + i, target->type) != GUARD_VALUE) {
      fprintf (stderr, "an op wrote outside of its result, %s it\n", load (host, i, target->type) != GUARD_VALUE ? "before" : "behind");
      abort ();
    }
  for (size_t i = 0; i < n; i++)
    out[i] = load (host, GUARD + i, target->type);
  target->kernels->free (target->backend, device);
  free (host);
}

const char *
vel_case_type_name (VelType type)
{
  return type == VEL_F16 ? "fp16" : type == VEL_BF16 ? "bf16" : "fp32";
}
