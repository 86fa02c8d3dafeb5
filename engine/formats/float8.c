/* 8-bit floating point.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/float8.h"

#include "kernels/half.h"

static float
e4m3_to_float (guint8 stored)
{
  guint32 sign = (guint32) (stored & 0x80) << 24, magnitude = stored & 0x7f;

  if (magnitude == 0x7f)
    return vel_float_from_bits (sign | 0x7fc00000);
  if (magnitude < 8) /* subnormal: multiples of 2^-9 */
    return vel_float_from_bits (sign | vel_float_bits ((float) magnitude * 0x1p-9f));
  return vel_float_from_bits (sign | ((magnitude << 20) + (120u << 23)));
}

static float
e5m2_to_float (guint8 stored)
{
  return vel_half_to_float ((guint16) (stored << 8));
}

/* All 256 numbers, made once: looking them up is faster than working them out. */
typedef struct {
  gsize made;
  float numbers[256];
} Table;

static void
decode (Table *table, float (*to_float) (guint8), const guint8 *stored, gsize count, float *out)
{
  if (g_once_init_enter (&table->made)) {
    for (guint i = 0; i < 256; i++)
      table->numbers[i] = to_float ((guint8) i);
    g_once_init_leave (&table->made, 1);
  }
  for (gsize i = 0; i < count; i++)
    out[i] = table->numbers[stored[i]];
}

void
vel_float8_decode_e4m3 (const guint8 *stored, gsize count, float *out)
{
  static Table table;

  decode (&table, e4m3_to_float, stored, count, out);
}

void
vel_float8_decode_e5m2 (const guint8 *stored, gsize count, float *out)
{
  static Table table;

  decode (&table, e5m2_to_float, stored, count, out);
}

guint8
vel_float8_from_float (float value)
{
  guint32 bits = vel_float_bits (value), magnitude = bits & 0x7fffffff;
  guint8 sign = (guint8) (bits >> 24 & 0x80);

  if (magnitude >= 0x7f800000)
    return sign | 0x7f;
  if (magnitude >= 0x43e00000) /* 448 */
    return sign | 0x7e;
  if (magnitude < 0x3c800000) { /* below 2^-6: adding 2^14 leaves the rounded multiple of 2^-9 in the low bits */
    float shifted = vel_float_from_bits (magnitude) + 0x1p14f;

    return sign | (guint8) (vel_float_bits (shifted) - 0x46800000);
  }
  return sign | (guint8) ((magnitude - (120u << 23) + 0x7ffff + (magnitude >> 20 & 1)) >> 20);
}
