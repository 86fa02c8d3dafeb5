/* The host's side of dialect.cuh: CUDA's words over the emulator.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <math.h>
#include <string.h>
#include <type_traits>

#include "kernels/cuda/emulator/emulator.h"
#include "kernels/half.h"

/* Sixteen bits each, converted as kernels/half.h does: rounding is the card's, to the bit. */
struct f16 {
  uint16_t bits;
};

struct bf16 {
  uint16_t bits;
};

struct alignas (16) vec4 {
  uint32_t x, y, z, w;
};

struct alignas (8) vec2 {
  uint32_t x, y;
};

struct alignas (8) float2 {
  float x, y;
};

struct dim3 {
  unsigned x, y, z;

  dim3 (unsigned a = 1, unsigned b = 1, unsigned c = 1) : x (a), y (b), z (c)
  {
  }
};

typedef int VelStream;

#define VEL_GLOBAL static
#define VEL_CONSTANT
#define VEL_DEVICE inline
#define VEL_UNROLL
#define VEL_UNROLL_4
#define __launch_bounds__(...)
#define __restrict__ __restrict
#define VEL_SHARED(T, name) T *name = (T *) vel_emulator_place.shared

#define threadIdx (vel_emulator_place.thread)
#define blockIdx (vel_emulator_place.block)
#define blockDim (vel_emulator_place.block_size)
#define gridDim (vel_emulator_place.grid)
#define __syncthreads() vel_emulator_sync_block (__FILE__, __LINE__)
#define __syncwarp() vel_emulator_sync_warp (__FILE__, __LINE__)

#define VEL_LAUNCH(kernel, grid, block, shared_bytes, stream, ...) vel_launch_on_host (kernel, grid, block, shared_bytes, __VA_ARGS__)

/* The arguments are evaluated and copied now, as a card's launch copies them: a recording calls the kernel again much later. */
template <typename... Parameters, typename... Arguments>
inline void
vel_launch_on_host (void (*kernel) (Parameters...), dim3 grid, dim3 block, size_t shared_bytes, Arguments... arguments)
{
  vel_emulator_launch ({ grid.x, grid.y, grid.z }, { block.x, block.y, block.z }, shared_bytes,
                       vel_emulator_call ([=] { kernel (arguments...); }));
}

static inline float
to_float (float x)
{
  return x;
}

static inline float
to_float (f16 x)
{
  return vel_emulator_half_to_float (x.bits);
}

static inline float
to_float (bf16 x)
{
  return vel_bfloat_to_float (x.bits);
}

template <typename T>
inline T
from_float (float x)
{
  if constexpr (std::is_same_v<T, f16>)
    return f16{ vel_emulator_half_from_float (x) };
  else if constexpr (std::is_same_v<T, bf16>)
    return bf16{ vel_bfloat_from_float (x) };
  else
    return x;
}

static inline float
exp_fast (float x)
{
  return expf (x);
}

static inline float
divide_fast (float a, float b)
{
  return fabsf (b) > 0x1p126f ? 0 * a : a / b;
}

static inline float
exp2_fast (float x)
{
  return exp2f (x);
}

static inline float
rsqrtf (float x)
{
  return 1 / sqrtf (x);
}

static inline float
multiply_rounded (float a, float b)
{
  return a * b;
}

static inline float
add_rounded (float a, float b)
{
  return a + b;
}

template <typename T>
inline T
shuffle (T value, int lane)
{
  T other;

  static_assert (sizeof (T) % 4 == 0, "whole registers");
  for (size_t i = 0; i < sizeof (T); i += 4)
    vel_emulator_exchange ((const char *) &value + i, lane & 31, (char *) &other + i);
  return other;
}

template <typename T>
inline T
shuffle_xor (T value, int mask)
{
  return shuffle (value, vel_emulator_place.lane ^ mask);
}

static inline void
copy16_async (void *shared, const void *global, bool valid)
{
  vel_emulator_copy (shared, global, valid);
}

static inline void
copy16_async_cached (void *shared, const void *global, bool valid)
{
  vel_emulator_copy (shared, global, valid);
}

static inline void
copy_commit (void)
{
  vel_emulator_copy_commit ();
}

template <int N>
inline void
copy_wait (void)
{
  vel_emulator_copy_wait (N);
}

static inline void
load_matrix_x4 (uint32_t r[4], const void *row)
{
  vel_emulator_load_matrices (r, row, false);
}

static inline void
load_matrix_x4_transposed (uint32_t r[4], const void *row)
{
  vel_emulator_load_matrices (r, row, true);
}

template <typename T>
inline void
multiply_16x8x16 (float d[4], const uint32_t a[4], const uint32_t b[2])
{
  vel_emulator_multiply (d, a, b, std::is_same_v<T, bf16>);
}
