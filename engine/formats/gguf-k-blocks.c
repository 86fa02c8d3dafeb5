/* K-quants.  SPDX-License-Identifier: Apache-2.0
 * The layouts are those of ggml-common.h; the numbers of a block lie in bit planes that make 16 or 32 of them at once readable. */
#include "engine/formats/gguf-k-blocks.h"

#include "kernels/half.h"

static float
half_at (const guint8 *at)
{
  return vel_half_to_float ((guint16) (at[0] | at[1] << 8));
}

/* 16 bytes of s and m, 64 of q (two bits), d, dmin */
void
vel_blocks_decode_q2_k (const guint8 *stored, gsize count, float *out)
{
  for (; count >= VEL_K_BLOCK; count -= VEL_K_BLOCK, stored += 84, out += VEL_K_BLOCK) {
    float d = half_at (stored + 80), dmin = half_at (stored + 82);

    for (guint part = 0; part < 16; part++) {
      const guint8 *q = stored + 16 + part / 8 * 32 + part % 2 * 16;
      guint shift = part % 8 / 2 * 2;
      float scale = d * (float) (stored[part] & 15), offset = dmin * (float) (stored[part] >> 4);

      for (guint i = 0; i < 16; i++)
        out[part * 16 + i] = scale * (float) (q[i] >> shift & 3) - offset;
    }
  }
}

/* 32 bytes of third bits, 64 of q (two bits), 12 of s (six bits), d */
void
vel_blocks_decode_q3_k (const guint8 *stored, gsize count, float *out)
{
  for (; count >= VEL_K_BLOCK; count -= VEL_K_BLOCK, stored += 110, out += VEL_K_BLOCK) {
    const guint8 *scales = stored + 96;
    float d = half_at (stored + 108);

    for (guint part = 0; part < 16; part++) {
      const guint8 *q = stored + 32 + part / 8 * 32 + part % 2 * 16, *high = stored + part % 2 * 16;
      guint shift = part % 8 / 2 * 2, plane = part / 2;
      gint32 s = (part < 8 ? scales[part] & 15 : scales[part - 8] >> 4) | (scales[8 + part % 4] >> part / 4 * 2 & 3) << 4;
      float scale = d * (float) (s - 32);

      for (guint i = 0; i < 16; i++)
        out[part * 16 + i] = scale * (float) ((q[i] >> shift & 3) - (high[i] >> plane & 1 ? 0 : 4));
    }
  }
}

/* s and m of part j: six bits each in 12 bytes, the first four of either whole, the upper bits of the others in the gaps. */
static void
read_scales (const guint8 *packed, guint j, float d, float dmin, float *scale, float *offset)
{
  guint s = j < 4 ? packed[j] & 63 : (packed[j + 4] & 15u) | (guint) packed[j - 4] >> 6 << 4;
  guint m = j < 4 ? packed[j + 4] & 63 : (guint) packed[j + 4] >> 4 | (guint) packed[j] >> 6 << 4;

  *scale = d * (float) s;
  *offset = dmin * (float) m;
}

/* d, dmin, 12 bytes of s and m, 32 of fifth bits if there are such, 128 of q (four bits) */
static inline void
decode_small (const guint8 *stored, gsize count, float *out, gboolean has_fifth)
{
  gsize size = has_fifth ? 176 : 144;

  for (; count >= VEL_K_BLOCK; count -= VEL_K_BLOCK, stored += size, out += VEL_K_BLOCK)
    for (guint part = 0; part < 8; part++) {
      const guint8 *fifth = stored + 16, *q = stored + size - 128 + part / 2 * 32;
      guint shift = part % 2 * 4;
      float scale, offset;

      read_scales (stored + 4, part, half_at (stored), half_at (stored + 2), &scale, &offset);
      for (guint i = 0; i < 32; i++) {
        gint32 number = (q[i] >> shift & 15) | (has_fifth ? (fifth[i] >> part & 1) << 4 : 0);

        out[part * 32 + i] = scale * (float) number - offset;
      }
    }
}

void
vel_blocks_decode_q4_k (const guint8 *stored, gsize count, float *out)
{
  decode_small (stored, count, out, FALSE);
}

void
vel_blocks_decode_q5_k (const guint8 *stored, gsize count, float *out)
{
  decode_small (stored, count, out, TRUE);
}

/* 128 bytes of low bits (four), 64 of high bits (two), 16 of s (signed), d */
void
vel_blocks_decode_q6_k (const guint8 *stored, gsize count, float *out)
{
  for (; count >= VEL_K_BLOCK; count -= VEL_K_BLOCK, stored += 210, out += VEL_K_BLOCK) {
    float d = half_at (stored + 208);

    for (guint part = 0; part < 16; part++) {
      guint plane = part % 8 / 2; /* of 32 numbers, in the half of 128 that the part is in */
      const guint8 *low = stored + part / 8 * 64 + plane % 2 * 32 + part % 2 * 16, *high = stored + 128 + part / 8 * 32 + part % 2 * 16;
      float scale = d * (float) (gint8) stored[192 + part];

      for (guint i = 0; i < 16; i++) {
        gint32 number = (low[i] >> plane / 2 * 4 & 15) | (high[i] >> plane * 2 & 3) << 4;

        out[part * 16 + i] = scale * (float) (number - 32);
      }
    }
  }
}
