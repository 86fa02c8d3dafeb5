/* Memory of the shape in hand, and the noise in it.  SPDX-License-Identifier: Apache-2.0 */
#include "tests/gpu/bench.h"

#include "kernels/half.h"
#include "tests/gpu/fill.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define POOL ((size_t) 4194319) /* a prime, so that no row of a tensor is like another */

void
bench_release (Bench *self)
{
  while (self->n_packed > 0)
    self->kernels->unpack (self->backend, self->packed[--self->n_packed]);
  while (self->n_memory > 0)
    self->kernels->free (self->backend, self->memory[--self->n_memory]);
  self->out_of_memory = false;
}

void *
bench_take (Bench *self, size_t bytes)
{
  void *memory = self->kernels->alloc (self->backend, bytes > 0 ? bytes : 1);

  if (memory == NULL || self->n_memory == COUNT_OF (self->memory)) {
    self->out_of_memory = true;
    if (memory != NULL)
      self->kernels->free (self->backend, memory);
    return NULL;
  }
  return self->memory[self->n_memory++] = memory;
}

/* Eight significant bits and no exponent that fp16 lacks, so that fp32, fp16 and bf16 compute with the same numbers. */
bool
bench_make_pool (Bench *self)
{
  uint64_t key = vel_fnv ("bench", 5);

  self->pool = malloc (POOL * sizeof *self->pool);
  self->typed_pool = malloc (POOL * sizeof (float));
  self->typed = VEL_U8;
  for (size_t i = 0; i < POOL && self->pool != NULL; i++) {
    float value = vel_bfloat_to_float (vel_bfloat_from_float (vel_fill_value (key, (uint32_t) i, 0, 1.7320508f)));

    self->pool[i] = fabsf (value) < 0x1p-14f ? 0 : value;
  }
  return self->pool != NULL && self->typed_pool != NULL;
}

static const char *
find_pool (Bench *self, VelType type)
{
  uint16_t *halves = self->typed_pool;

  if (type == VEL_F32)
    return (const char *) self->pool;
  for (size_t i = 0; i < POOL && self->typed != type; i++)
    halves[i] = type == VEL_F16 ? vel_half_from_float (self->pool[i]) : vel_bfloat_from_float (self->pool[i]);
  self->typed = type;
  return self->typed_pool;
}

void *
bench_noise (Bench *self, VelType type, size_t count, unsigned seed)
{
  size_t size = vel_type_size (type), start = seed * (size_t) 1000003 % POOL;
  const char *pool = find_pool (self, type);
  char *memory = bench_take (self, count * size);

  for (size_t done = 0; done < count && memory != NULL;) {
    size_t n = count - done < POOL - start ? count - done : POOL - start;

    self->kernels->upload (self->backend, memory + done * size, pool + start * size, n * size);
    done += n;
    start = 0;
  }
  return memory;
}

/* Noise in host memory, for packing; free with free. */
static void *
host_noise (Bench *self, VelType type, size_t count, unsigned seed)
{
  size_t size = vel_type_size (type), start = seed * (size_t) 1000003 % POOL;
  const char *pool = find_pool (self, type);
  char *memory = malloc (count * size + 1);

  for (size_t done = 0; done < count && memory != NULL;) {
    size_t n = count - done < POOL - start ? count - done : POOL - start;

    memcpy (memory + done * size, pool + start * size, n * size);
    done += n;
    start = 0;
  }
  return memory;
}

static const VelPacked *
keep_packed (Bench *self, VelPacked *packed)
{
  if (packed == NULL || self->n_packed == COUNT_OF (self->packed)) {
    self->out_of_memory = true;
    return NULL;
  }
  return self->packed[self->n_packed++] = packed;
}

const VelPacked *
bench_pack_linear (Bench *self, VelType type, size_t in, size_t rows, bool gated, unsigned seed)
{
  void *values = host_noise (self, type, in * rows, seed);
  VelWeightRows part = { values, type, rows };
  VelPacked *packed = values != NULL ? self->kernels->pack_linear (self->backend, &(VelPackLinear){ in, 1, &part, gated, type }) : NULL;

  free (values);
  return keep_packed (self, packed);
}

VelPacked *
bench_pack_like (Bench *self, const VelPacked *original)
{
  return original != NULL ? (VelPacked *) keep_packed (self, self->kernels->pack_like (self->backend, original)) : NULL;
}

const VelPacked *
bench_pack_conv (Bench *self, VelType type, size_t in, size_t out, size_t kernel, unsigned seed)
{
  void *values = host_noise (self, type, in * out * kernel * kernel, seed);
  VelPacked *packed =
      values != NULL ? self->kernels->pack_conv (self->backend, &(VelPackConv){ values, type, out, in, kernel, type }) : NULL;

  free (values);
  return keep_packed (self, packed);
}
