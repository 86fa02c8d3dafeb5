/* Quantised blocks.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/gguf-blocks.h"

#include "kernels/half.h"

#include <math.h>

static float
half_at (const guint8 *at)
{
  return vel_half_to_float ((guint16) (at[0] | at[1] << 8));
}

/* Blocks of `size` bytes: d, perhaps m, perhaps the fifth bits, and 16 bytes of low bits. bias: taken off where there is no m. */
static inline void
decode_small (const guint8 *block, gsize count, float *out, gboolean has_offset, gboolean has_high, gint32 bias)
{
  gsize size = 18 + (has_offset ? 2 : 0) + (has_high ? 4 : 0);

  for (; count >= VEL_BLOCK; count -= VEL_BLOCK, block += size, out += VEL_BLOCK) {
    const guint8 *low = block + size - 16, *high = low - 4;
    guint32 fifth = has_high ? high[0] | (guint32) high[1] << 8 | (guint32) high[2] << 16 | (guint32) high[3] << 24 : 0;
    float d = half_at (block), m = has_offset ? half_at (block + 2) : 0;

    for (guint j = 0; j < 16; j++) {
      gint32 first = (low[j] & 15) | (gint32) (fifth >> j << 4 & 16);
      gint32 second = low[j] >> 4 | (gint32) (fifth >> j >> 12 & 16);

      out[j] = has_offset ? d * (float) first + m : d * (float) (first - bias);
      out[j + 16] = has_offset ? d * (float) second + m : d * (float) (second - bias);
    }
  }
}

void
vel_blocks_decode_q4_0 (const guint8 *stored, gsize count, float *out)
{
  decode_small (stored, count, out, FALSE, FALSE, 8);
}

void
vel_blocks_decode_q4_1 (const guint8 *stored, gsize count, float *out)
{
  decode_small (stored, count, out, TRUE, FALSE, 0);
}

void
vel_blocks_decode_q5_0 (const guint8 *stored, gsize count, float *out)
{
  decode_small (stored, count, out, FALSE, TRUE, 16);
}

void
vel_blocks_decode_q5_1 (const guint8 *stored, gsize count, float *out)
{
  decode_small (stored, count, out, TRUE, TRUE, 0);
}

void
vel_blocks_decode_q8_0 (const guint8 *stored, gsize count, float *out)
{
  for (; count >= VEL_BLOCK; count -= VEL_BLOCK, stored += VEL_Q8_0_BYTES, out += VEL_BLOCK) {
    float d = half_at (stored);

    for (guint j = 0; j < VEL_BLOCK; j++)
      out[j] = d * (float) (gint8) stored[2 + j];
  }
}

void
vel_blocks_encode_q8_0 (const float *values, gsize count, guint8 *out)
{
  for (; count >= VEL_BLOCK; count -= VEL_BLOCK, values += VEL_BLOCK, out += VEL_Q8_0_BYTES) {
    float most = 0, d, inverse;
    guint16 half;

    for (guint j = 0; j < VEL_BLOCK; j++)
      most = fmaxf (most, fabsf (values[j]));
    d = most / 127;
    inverse = d > 0 ? 1 / d : 0;
    half = vel_half_from_float (d);
    out[0] = (guint8) half;
    out[1] = (guint8) (half >> 8);
    for (guint j = 0; j < VEL_BLOCK; j++) /* what is no number, or too large, has no integer */
      out[2 + j] = (guint8) (gint8) CLAMP (roundf (isfinite (values[j]) ? values[j] * inverse : 0), -127, 127);
  }
}
