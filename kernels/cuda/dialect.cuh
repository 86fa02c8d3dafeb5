/* The language that kernels are written in: CUDA C++, and for tests the host's C++ with an emulator behind the same names.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   types      f16, bf16 (16 bits), vec4 and vec2 (16 and 8 bytes of a row at once)
 *   launch     VEL_LAUNCH (kernel, grid, block, bytes of shared memory, stream, arguments...)
 *   shared     VEL_SHARED (T, name): the block's dynamic shared memory, 1024-byte aligned; one per kernel
 *   warp       shuffle_xor, shuffle: values of the other 31 threads; all 32 take part
 *   copies     copy16_async, copy16_async_cached, copy_commit, copy_wait<N>: global to shared memory behind the threads' backs; what they bring is there for the
 *              others after copy_wait and __syncthreads
 *   matrices   load_matrix_x4 (ldmatrix), multiply_16x8x16 (mma.sync): d += a b, 16 bits in, fp32 out
 *   warpgroups warpgroup.cuh
 *   numbers    to_float, from_float<T> (nearest even), pack2<T>, unpack2<T>, multiply_rounded and add_rounded (never one fused operation) */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __CUDACC__

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

typedef __half f16;
typedef __nv_bfloat16 bf16;
typedef cudaStream_t VelStream;
typedef uint4 vec4;
typedef uint2 vec2;

#define VEL_GLOBAL __global__
#define VEL_CONSTANT __grid_constant__ /* of a parameter that is never copied */
#define VEL_DEVICE __device__ __forceinline__
#define VEL_UNROLL _Pragma ("unroll")
#define VEL_UNROLL_4 _Pragma ("unroll 4")
#define VEL_SHARED(T, name) \
  extern __shared__ __align__ (1024) unsigned char vel_shared_[]; \
  T *name = (T *) vel_shared_

/* More than 48 KB of shared memory has to be asked for. */
#define VEL_LAUNCH(kernel, grid, block, shared_bytes, stream, ...) \
  do { \
    if ((shared_bytes) > 48 * 1024) \
      cudaFuncSetAttribute (kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int) (shared_bytes)); \
    kernel<<<grid, block, shared_bytes, stream>>> (__VA_ARGS__); \
  } while (0)

static VEL_DEVICE float
to_float (float x)
{
  return x;
}

static VEL_DEVICE float
to_float (f16 x)
{
  return __half2float (x);
}

static VEL_DEVICE float
to_float (bf16 x)
{
  return __bfloat162float (x);
}

template <typename T> VEL_DEVICE T from_float (float x);

template <>
VEL_DEVICE float
from_float<float> (float x)
{
  return x;
}

template <>
VEL_DEVICE f16
from_float<f16> (float x)
{
  return __float2half_rn (x);
}

template <>
VEL_DEVICE bf16
from_float<bf16> (float x)
{
  return __float2bfloat16_rn (x);
}

static VEL_DEVICE float
exp_fast (float x)
{
  return __expf (x);
}

/* 0 where |b| > 2^126 */
static VEL_DEVICE float
divide_fast (float a, float b)
{
  return __fdividef (a, b);
}

static VEL_DEVICE float
exp2_fast (float x)
{
  float y;

  asm ("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

static VEL_DEVICE float
multiply_rounded (float a, float b)
{
  return __fmul_rn (a, b);
}

static VEL_DEVICE float
add_rounded (float a, float b)
{
  return __fadd_rn (a, b);
}

template <typename T>
VEL_DEVICE T
shuffle_xor (T value, int mask)
{
  return __shfl_xor_sync (~0u, value, mask);
}

template <typename T>
VEL_DEVICE T
shuffle (T value, int lane)
{
  return __shfl_sync (~0u, value, lane);
}

/* Zeros where `valid` is false; `global` is not read then. */
static VEL_DEVICE void
copy16_async (void *shared, const void *global, bool valid)
{
#if __CUDA_ARCH__ >= 800
  unsigned to = (unsigned) __cvta_generic_to_shared (shared);
  int bytes = valid ? 16 : 0;

  asm volatile ("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(global), "r"(bytes) : "memory");
#else
  *(uint4 *) shared = valid ? *(const uint4 *) global : make_uint4 (0, 0, 0, 0);
#endif
}

/* The same, for what another copy of this block will want soon: it stays in the nearest cache. */
static VEL_DEVICE void
copy16_async_cached (void *shared, const void *global, bool valid)
{
#if __CUDA_ARCH__ >= 800
  unsigned to = (unsigned) __cvta_generic_to_shared (shared);
  int bytes = valid ? 16 : 0;

  asm volatile ("cp.async.ca.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(global), "r"(bytes) : "memory");
#else
  copy16_async (shared, global, valid);
#endif
}

static VEL_DEVICE void
copy_commit (void)
{
#if __CUDA_ARCH__ >= 800
  asm volatile ("cp.async.commit_group;" ::: "memory");
#endif
}

/* Until at most N of this thread's groups are on their way. */
template <int N>
VEL_DEVICE void
copy_wait (void)
{
#if __CUDA_ARCH__ >= 800
  asm volatile ("cp.async.wait_group %0;" ::"n"(N) : "memory");
#endif
}

/* Four 8 x 8 matrices of 16 bits; thread i names the row i % 8 of matrix i / 8. r[m]: row lane / 4, columns 2 (lane % 4) and the next. */
static VEL_DEVICE void
load_matrix_x4 (uint32_t r[4], const void *row)
{
  unsigned from = (unsigned) __cvta_generic_to_shared (row);

  asm volatile ("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                : "r"(from)
                : "memory");
}

/* The same, each matrix transposed. */
static VEL_DEVICE void
load_matrix_x4_transposed (uint32_t r[4], const void *row)
{
  unsigned from = (unsigned) __cvta_generic_to_shared (row);

  asm volatile ("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                : "r"(from)
                : "memory");
}

/* d [16, 8] += a [16, 16] b [16, 8]. With g = lane / 4 and t = 2 (lane % 4): d = (g, t), (g, t + 1), (g + 8, t), (g + 8, t + 1); a[0] = (g, t
 * ..), a[1] = (g + 8, t ..), a[2] = (g, t + 8 ..), a[3] = (g + 8, t + 8 ..); b[0] = (t .., g), b[1] = (t + 8 .., g). */
template <typename T> VEL_DEVICE void multiply_16x8x16 (float d[4], const uint32_t a[4], const uint32_t b[2]);

template <>
VEL_DEVICE void
multiply_16x8x16<f16> (float d[4], const uint32_t a[4], const uint32_t b[2])
{
#if __CUDA_ARCH__ >= 800
  asm volatile ("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  asm volatile ("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
                : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                : "r"(a[0]), "r"(a[1]), "r"(b[0]));
  asm volatile ("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
                : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                : "r"(a[2]), "r"(a[3]), "r"(b[1]));
#endif
}

/* Cards before 8.0 have no such instruction, and the table does not offer the type there. */
template <>
VEL_DEVICE void
multiply_16x8x16<bf16> (float d[4], const uint32_t a[4], const uint32_t b[2])
{
#if __CUDA_ARCH__ >= 800
  asm volatile ("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  __trap ();
#endif
}

#else /* the host, with the emulator */

#include "kernels/cuda/emulator/dialect-host.h"

#endif

/* Two numbers side by side, the first in the low half. */
template <typename T>
VEL_DEVICE uint32_t
pack2 (float a, float b)
{
  union {
    T halves[2];
    uint32_t both;
  } pair;

  static_assert (sizeof (T) == 2, "two in 32 bits");
  pair.halves[0] = from_float<T> (a);
  pair.halves[1] = from_float<T> (b);
  return pair.both;
}

template <typename T>
VEL_DEVICE void
unpack2 (uint32_t both, float &a, float &b)
{
  union {
    uint32_t both;
    T halves[2];
  } pair;

  static_assert (sizeof (T) == 2, "two in 32 bits");
  pair.both = both;
  a = to_float (pair.halves[0]);
  b = to_float (pair.halves[1]);
}
