/* Products by a warpgroup, four warps whose first is a multiple of four, on cards of capability 9.0.  SPDX-License-Identifier: Apache-2.0
 *
 * Both factors lie in shared memory in tiles of rows of 64 numbers, 128 bytes, from an address that 1024 divides; piece p (16 bytes) of row r
 * is at place p ^ (r % 8) of its row (group_swizzle). PTX ISA, "Asynchronous warpgroup level matrix instructions", layout with a swizzle
 * of 128 bytes.
 *
 *   group_fence           before the first product, and after the sums were touched otherwise
 *   group_multiply<T, N>  d [64, N] += a [64, 16] b [N, 16]^T; a and b: rows of 64, from column 0, 16, 32 or 48. Warp w of the four has rows 16 w
 *                         to 16 w + 15; its d is that of N / 8 multiply_16x8x16 side by side
 *   group_multiply_turned<T, N>   d [64, N] += a [64, 16] b [16, N]; a in registers, of each warp as for multiply_16x8x16; b: 16 rows of 64, of which
 *                         the first N columns
 *   group_commit          ends a group of products
 *   group_wait<M, N>      until at most M of the groups are on their way; those that are done left their sums in d, and need a and b no more
 *   group_publish         between the end of a thread's writes to shared memory (copy_wait too) and the barrier before a product reads them
 */
#pragma once

#include "kernels/cuda/dialect.cuh"

#define VEL_GROUP_K 64 /* numbers of a row */

/* Where piece `piece` of row `row` is, in numbers from the start of a tile. */
static VEL_DEVICE unsigned
group_swizzle (unsigned row, unsigned piece)
{
  return row * VEL_GROUP_K + (piece ^ (row & 7)) * 8;
}

#ifdef __CUDACC__

#ifdef __CUDA_ARCH_FEAT_SM90_ALL
#define VEL_HAS_GROUPS 1
#else
#define VEL_HAS_GROUPS 0
#endif

#if VEL_HAS_GROUPS

static VEL_DEVICE void
group_fence (void)
{
  asm volatile ("wgmma.fence.sync.aligned;" ::: "memory");
}

static VEL_DEVICE void
group_commit (void)
{
  asm volatile ("wgmma.commit_group.sync.aligned;" ::: "memory");
}

static VEL_DEVICE void
group_publish (void)
{
  asm volatile ("fence.proxy.async.shared::cta;" ::: "memory");
}

/* The compiler must neither read nor move the sums before: to it they change here. */
template <int M, int N>
VEL_DEVICE void
group_wait (float (&d)[N])
{
  asm volatile ("wgmma.wait_group.sync.aligned %0;" ::"n"(M) : "memory");
  if (M == 0)
    VEL_UNROLL
    for (int i = 0; i < N; i++)
      asm volatile ("" : "+f"(d[i])::"memory");
}

/* Address and distance of 8 rows to the next, in units of 16 bytes; the swizzle's kind. */
static VEL_DEVICE uint64_t
group_matrix (const void *shared)
{
  uint64_t address = __cvta_generic_to_shared (shared);

  return (address & 0x3ffff) >> 4 | (uint64_t) 1 << 16 | (uint64_t) (1024 >> 4) << 32 | (uint64_t) 1 << 62;
}

template <typename T, int N> VEL_DEVICE void group_multiply (float (&d)[N / 2], const T *a, const T *b);
template <typename T, int N> VEL_DEVICE void group_multiply_turned (float (&d)[N / 2], const uint32_t a[4], const T *b);

#define TEN(tens) \
  "%" #tens "0, %" #tens "1, %" #tens "2, %" #tens "3, %" #tens "4, %" #tens "5, %" #tens "6, %" #tens "7, %" #tens "8, %" #tens "9, "
#define TEN_0 "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, "
#define SUMS_20 TEN_0 "%10, %11, %12, %13, %14, %15, %16, %17, %18, %19"
#define SUMS_32 TEN_0 TEN (1) TEN (2) "%30, %31"
#define SUMS_64 TEN_0 TEN (1) TEN (2) TEN (3) TEN (4) TEN (5) "%60, %61, %62, %63"
#define SUMS_80 TEN_0 TEN (1) TEN (2) TEN (3) TEN (4) TEN (5) TEN (6) "%70, %71, %72, %73, %74, %75, %76, %77, %78, %79"
#define SUMS_128 \
  TEN_0 TEN (1) TEN (2) TEN (3) TEN (4) TEN (5) TEN (6) TEN (7) TEN (8) TEN (9) TEN (10) TEN (11) \
    "%120, %121, %122, %123, %124, %125, %126, %127"
#define D4(i) "+f"(d[i]), "+f"(d[(i) + 1]), "+f"(d[(i) + 2]), "+f"(d[(i) + 3])
#define D16(i) D4 (i), D4 ((i) + 4), D4 ((i) + 8), D4 ((i) + 12)
#define D64(i) D16 (i), D16 ((i) + 16), D16 ((i) + 32), D16 ((i) + 48)

#define MULTIPLY(T, type, n, sums, a_place, b_place, one_place, ...) \
  template <> \
  VEL_DEVICE void \
  group_multiply<T, n> (float (&d)[n / 2], const T *a, const T *b) \
  { \
    asm volatile ("{\n.reg .pred p;\nsetp.ne.b32 p, " one_place ", 0;\nwgmma.mma_async.sync.aligned.m64n" #n "k16.f32." type "." type \
                  " {" sums "}, " a_place ", " b_place ", p, 1, 1, 0, 0;\n}" \
                  : __VA_ARGS__ \
                  : "l"(group_matrix (a)), "l"(group_matrix (b)), "r"(1)); \
  }

MULTIPLY (f16, "f16", 64, SUMS_32, "%32", "%33", "%34", D16 (0), D16 (16))
MULTIPLY (bf16, "bf16", 64, SUMS_32, "%32", "%33", "%34", D16 (0), D16 (16))
MULTIPLY (f16, "f16", 128, SUMS_64, "%64", "%65", "%66", D64 (0))
MULTIPLY (f16, "f16", 160, SUMS_80, "%80", "%81", "%82", D64 (0), D16 (64))
MULTIPLY (f16, "f16", 256, SUMS_128, "%128", "%129", "%130", D64 (0), D64 (64))
MULTIPLY (bf16, "bf16", 128, SUMS_64, "%64", "%65", "%66", D64 (0))
MULTIPLY (bf16, "bf16", 160, SUMS_80, "%80", "%81", "%82", D64 (0), D16 (64))
MULTIPLY (bf16, "bf16", 256, SUMS_128, "%128", "%129", "%130", D64 (0), D64 (64))

#define MULTIPLY_TURNED(T, type, n, sums, a_places, b_place, one_place, ...) \
  template <> \
  VEL_DEVICE void \
  group_multiply_turned<T, n> (float (&d)[n / 2], const uint32_t a[4], const T *b) \
  { \
    asm volatile ("{\n.reg .pred p;\nsetp.ne.b32 p, " one_place ", 0;\nwgmma.mma_async.sync.aligned.m64n" #n "k16.f32." type "." type \
                  " {" sums "}, {" a_places "}, " b_place ", p, 1, 1, 1;\n}" \
                  : __VA_ARGS__ \
                  : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(group_matrix (b)), "r"(1)); \
  }

MULTIPLY_TURNED (f16, "f16", 40, SUMS_20, "%20, %21, %22, %23", "%24", "%25", D16 (0), D4 (16))
MULTIPLY_TURNED (bf16, "bf16", 40, SUMS_20, "%20, %21, %22, %23", "%24", "%25", D16 (0), D4 (16))
MULTIPLY_TURNED (f16, "f16", 64, SUMS_32, "%32, %33, %34, %35", "%36", "%37", D16 (0), D16 (16))
MULTIPLY_TURNED (bf16, "bf16", 64, SUMS_32, "%32, %33, %34, %35", "%36", "%37", D16 (0), D16 (16))

#undef MULTIPLY_TURNED
#undef MULTIPLY
#undef D64
#undef D16
#undef D4
#undef SUMS_128
#undef SUMS_80
#undef SUMS_64
#undef SUMS_32
#undef SUMS_20
#undef TEN_0
#undef TEN

#endif

#else /* the host, with the emulator */

#define VEL_HAS_GROUPS 1

static inline void
group_fence (void)
{
}

static inline void
group_commit (void)
{
  vel_emulator_group_commit ();
}

static inline void
group_publish (void)
{
  vel_emulator_group_publish ();
}

template <int M, int N>
inline void
group_wait (float (&d)[N])
{
  vel_emulator_group_wait (M);
}

template <typename T, int N>
inline void
group_multiply (float (&d)[N / 2], const T *a, const T *b)
{
  vel_emulator_group_multiply (d, a, b, N, std::is_same_v<T, bf16>);
}

template <typename T, int N>
inline void
group_multiply_turned (float (&d)[N / 2], const uint32_t a[4], const T *b)
{
  vel_emulator_group_multiply_turned (d, a, b, N, std::is_same_v<T, bf16>);
}

#endif
