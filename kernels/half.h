/* Single numbers between fp32 and the two 16-bit formats.  SPDX-License-Identifier: Apache-2.0
 * Rounds to nearest, ties to even; keeps infinities, NaNs (quiet) and subnormals. */
#pragma once

#include <stdint.h>
#include <string.h>

static inline uint32_t
vel_float_bits (float value)
{
  uint32_t bits;
  memcpy (&bits, &value, sizeof bits);
  return bits;
}

static inline float
vel_float_from_bits (uint32_t bits)
{
  float value;
  memcpy (&value, &bits, sizeof value);
  return value;
}

static inline float
vel_half_to_float (uint16_t half)
{
  uint32_t sign = (uint32_t) (half & 0x8000) << 16;
  uint32_t magnitude = half & 0x7fff;

  if (magnitude >= 0x7c00) /* infinity or NaN; a NaN becomes quiet, as the processor's conversion makes it */
    return vel_float_from_bits (sign | 0x7f800000 | (magnitude & 0x3ff) << 13 | (magnitude > 0x7c00 ? 0x400000 : 0));
  if (magnitude < 0x400) /* subnormal: magnitude * 2^-24 is exact */
    return vel_float_from_bits (sign | vel_float_bits ((float) magnitude * 0x1p-24f));
  return vel_float_from_bits (sign | ((magnitude << 13) + (112u << 23)));
}

static inline uint16_t
vel_half_from_float (float value)
{
  uint32_t bits = vel_float_bits (value);
  uint16_t sign = (uint16_t) (bits >> 16 & 0x8000);
  uint32_t magnitude = bits & 0x7fffffff;

  if (magnitude > 0x7f800000)
    return (uint16_t) (sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
  if (magnitude >= 0x477ff000) /* rounds to 65536 or more */
    return (uint16_t) (sign | 0x7c00);
  if (magnitude < 0x38800000) { /* below 2^-14: adding 0.5 leaves the rounded multiple of 2^-24 in the low bits */
    float shifted = vel_float_from_bits (magnitude) + 0.5f;
    return (uint16_t) (sign | (vel_float_bits (shifted) - 0x3f000000));
  }
  return (uint16_t) (sign | ((magnitude - (112u << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13));
}

static inline float
vel_bfloat_to_float (uint16_t bfloat)
{
  return vel_float_from_bits ((uint32_t) bfloat << 16);
}

static inline uint16_t
vel_bfloat_from_float (float value)
{
  uint32_t bits = vel_float_bits (value);

  if ((bits & 0x7fffffff) > 0x7f800000)
    return (uint16_t) (bits >> 16 | 0x40);
  return (uint16_t) ((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* To fp32 with ties and remainders kept in the last bit, so that rounding once more to 16 bits is as if done in one go. */
static inline float
vel_float_round_to_odd (double value)
{
  float nearest = (float) value;
  uint32_t bits = vel_float_bits (nearest);

  if (nearest == value || value != value || (bits & 1))
    return nearest;
  if (((double) nearest > value) == (value > 0)) /* towards zero first */
    bits--;
  return vel_float_from_bits (bits | 1);
}
