/* Eight fp32 numbers as one value, on whatever the compiler has for them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Nothing is contracted behind our back (the build says so): where a product and a sum round once, fma8 stands. */
#pragma once

#include "kernels/half.h"
#include "kernels/kernels.h"

#ifdef __AVX2__
#include <immintrin.h>
#endif

#define VEL_INLINE static inline __attribute__ ((always_inline))

/* Before a loop whose vectors must all be in registers. */
#ifdef __clang__
#define VEL_UNROLL _Pragma ("clang loop unroll(full)")
#else
#define VEL_UNROLL _Pragma ("GCC unroll 16")
#endif

typedef float V8 __attribute__ ((vector_size (32)));
typedef int32_t V8i __attribute__ ((vector_size (32)));
typedef float V8Unaligned __attribute__ ((vector_size (32), aligned (4), may_alias));

VEL_INLINE V8
load8 (const float *from)
{
  return *(const V8Unaligned *) from;
}

VEL_INLINE void
store8 (float *to, V8 value)
{
  *(V8Unaligned *) to = value;
}

VEL_INLINE V8
splat8 (float x)
{
  return (V8){ x, x, x, x, x, x, x, x };
}

/* The first n < 8 numbers, then zeros. */
VEL_INLINE V8
load_part (const float *from, size_t n)
{
  float values[8] = { 0 };

  for (size_t i = 0; i < n; i++)
    values[i] = from[i];
  return load8 (values);
}

VEL_INLINE void
store_part (float *to, V8 value, size_t n)
{
  for (size_t i = 0; i < n; i++)
    to[i] = value[i];
}

VEL_INLINE V8
fma8 (V8 a, V8 b, V8 c)
{
#ifdef __FMA__
  return (V8) _mm256_fmadd_ps ((__m256) a, (__m256) b, (__m256) c);
#else
  return a * b + c;
#endif
}

/* sum += a * b, the sum staying in its register: left to itself the compiler moves a dozen of them about. */
VEL_INLINE V8
accumulate8 (V8 sum, V8 a, V8 b)
{
#ifdef __FMA__
  __asm__("vfmadd231ps %2, %1, %0" : "+x"(sum) : "x"(a), "x"(b));
  return sum;
#else
  return a * b + sum;
#endif
}

/* a where the mask is all ones, b where it is 0. */
VEL_INLINE V8
select8 (V8i mask, V8 a, V8 b)
{
#ifdef __AVX__
  return (V8) _mm256_blendv_ps ((__m256) b, (__m256) a, (__m256) mask);
#else
  return (V8) (((V8i) a & mask) | ((V8i) b & ~mask));
#endif
}

/* A NaN in a or b gives b. */
VEL_INLINE V8
max8 (V8 a, V8 b)
{
#ifdef __AVX__
  return (V8) _mm256_max_ps ((__m256) a, (__m256) b);
#else
  return select8 (a > b, a, b);
#endif
}

VEL_INLINE float
largest (V8 x)
{
  float m = x[0];

  for (unsigned i = 1; i < 8; i++)
    m = x[i] > m ? x[i] : m;
  return m;
}

VEL_INLINE float
sum (V8 x)
{
  return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));
}

/* Eight numbers of a packed weight. */
VEL_INLINE V8
load_half8 (const uint16_t *from)
{
#ifdef __F16C__
  return (V8) _mm256_cvtph_ps (_mm_loadu_si128 ((const __m128i *) from));
#else
  V8 value;

  for (unsigned i = 0; i < 8; i++)
    value[i] = vel_half_to_float (from[i]);
  return value;
#endif
}

VEL_INLINE V8
load_bfloat8 (const uint16_t *from)
{
#ifdef __AVX2__
  return (V8) _mm256_slli_epi32 (_mm256_cvtepu16_epi32 (_mm_loadu_si128 ((const __m128i *) from)), 16);
#else
  V8 value;

  for (unsigned i = 0; i < 8; i++)
    value[i] = vel_bfloat_to_float (from[i]);
  return value;
#endif
}

/* Element `at` of numbers stored as `type` (fp32, fp16 or bf16), and the seven behind it. */
VEL_INLINE V8
load_typed8 (const void *data, VelType type, size_t at)
{
  if (type == VEL_F16)
    return load_half8 ((const uint16_t *) data + at);
  if (type == VEL_BF16)
    return load_bfloat8 ((const uint16_t *) data + at);
  return load8 ((const float *) data + at);
}

/* e^x for -87.3 <= x <= 88.3, to one unit in the last place; NaN stays. The polynomial was fitted to 3e-9. */
VEL_INLINE V8
exp8_within (V8 x)
{
  const V8 magic = splat8 (0x1.8p23f); /* adding it leaves the nearest integer in the low bits */
  V8 shifted = fma8 (x, splat8 (1.44269504f), magic);
  V8 n = shifted - magic;
  V8 r = fma8 (n, splat8 (2.12194440e-4f), fma8 (n, splat8 (-0.693359375f), x)); /* ln 2 in two parts, the first with few bits */
  V8 scale = (V8) (((V8i) shifted + 127) << 23);
  V8 p = splat8 (0.0013814539415761828f);

  p = fma8 (p, r, splat8 (0.00836874544620514f));
  p = fma8 (p, r, splat8 (0.04166838899254799f));
  p = fma8 (p, r, splat8 (0.1666652113199234f));
  p = fma8 (p, r, splat8 (0.4999999403953552f));
  p = fma8 (p, r, splat8 (1));
  p = fma8 (p, r, splat8 (1));
  return p * scale;
}

/* e^x; below -87.3 it is 0, above 88.3 e^88.3; NaN stays. */
VEL_INLINE V8
exp8 (V8 x)
{
  V8i is_zero = x < -87.3f;

  return (V8) ((V8i) exp8_within (select8 (x > 88.3f, splat8 (88.3f), x)) & ~is_zero);
}

/* x sigmoid (a x) */
VEL_INLINE V8
sigmoid_gate8 (V8 x, float a)
{
  return x / (1 + exp8 (x * -a));
}

/* x Phi(x). With a = |x| and t = 1 / (1 + 0.35 a) the tail is 1 - Phi(a) = e^(-a^2/2) t P(t); P was fitted to 3e-8 over 0..12. */
VEL_INLINE V8
gelu8 (V8 x)
{
  V8 a = (V8) ((V8i) x & 0x7fffffff);
  V8 p = splat8 (-0.028987597674131393f);
  V8 t, square, rest, tail;

  a = select8 (a > 14, splat8 (14), a);
  t = 1 / fma8 (a, splat8 (0.35f), splat8 (1));
  square = a * a;
  rest = fma8 (a, a, -square); /* what rounding took from the square; matters where e^ is steep */
  p = fma8 (p, t, splat8 (0.14318475127220154f));
  p = fma8 (p, t, splat8 (-0.25404995679855347f));
  p = fma8 (p, t, splat8 (0.15722334384918213f));
  p = fma8 (p, t, splat8 (-0.02172781340777874f));
  p = fma8 (p, t, splat8 (0.10490399599075317f));
  p = fma8 (p, t, splat8 (0.11999137699604034f));
  p = fma8 (p, t, splat8 (0.13983911275863647f));
  p = fma8 (p, t, splat8 (0.139622762799263f));
  tail = exp8 (square * -0.5f) * t * p;
  tail = fma8 (tail, rest * -0.5f, tail);
  return x * select8 (x < 0, tail, 1 - tail);
}

VEL_INLINE V8
activate8 (V8 x, VelActivation activation)
{
  switch (activation) {
  case VEL_ACTIVATION_NONE:
    break;
  case VEL_ACTIVATION_SILU:
    return sigmoid_gate8 (x, 1);
  case VEL_ACTIVATION_GELU:
    return gelu8 (x);
  case VEL_ACTIVATION_QUICK_GELU:
    return sigmoid_gate8 (x, 1.702f);
  case VEL_ACTIVATION_LEAKY: /* in elementwise.c */
    break;
  }
  return x;
}
