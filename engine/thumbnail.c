/* Small pictures of pictures, by the exact average of the area that each pixel covers.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/thumbnail.h"

#include "engine/formats/png.h"

#include <string.h>

/* Pixel i of `to` covers [i * from / to, (i + 1) * from / to). Weights are in units of 1/to of a source pixel and add up to `from`. */
static void
average_rows (const guint8 *in, guint from, guint to, gsize stride, guint32 *sums, guint8 *out)
{
  for (guint i = 0; i < to; i++) {
    guint64 begin = (guint64) i * from, end = begin + from;

    memset (sums, 0, stride * sizeof *sums);
    for (guint row = begin / to; (guint64) row * to < end; row++) {
      guint64 low = MAX (begin, (guint64) row * to), high = MIN (end, (guint64) (row + 1) * to);

      for (gsize x = 0; x < stride; x++)
        sums[x] += in[row * stride + x] * (guint32) (high - low);
    }
    for (gsize x = 0; x < stride; x++)
      out[i * stride + x] = (sums[x] + from / 2) / from;
  }
}

static void
transpose (const guint8 *in, guint width, guint height, guint8 *out)
{
  for (guint y = 0; y < height; y++)
    for (guint x = 0; x < width; x++)
      memcpy (out + 3 * ((gsize) x * height + y), in + 3 * ((gsize) y * width + x), 3);
}

GBytes *
vel_thumbnail_make (const guint8 *rgb, guint width, guint height)
{
  guint longest = MAX (width, height);
  guint small_width = MAX (1, (guint64) width * VEL_THUMBNAIL_SIDE / longest);
  guint small_height = MAX (1, (guint64) height * VEL_THUMBNAIL_SIDE / longest);
  g_autofree guint8 *low = NULL, *turned = NULL, *small = NULL, *out = NULL;
  g_autofree guint32 *sums = NULL;

  if (longest <= VEL_THUMBNAIL_SIDE)
    return vel_png_encode (rgb, width, height, NULL);
  low = g_malloc ((gsize) width * small_height * 3);
  turned = g_malloc ((gsize) width * small_height * 3);
  small = g_malloc ((gsize) small_width * small_height * 3);
  out = g_malloc ((gsize) small_width * small_height * 3);
  sums = g_new (guint32, (gsize) MAX (width, small_height) * 3);
  average_rows (rgb, height, small_height, (gsize) width * 3, sums, low);
  transpose (low, width, small_height, turned);
  average_rows (turned, width, small_width, (gsize) small_height * 3, sums, small);
  transpose (small, small_height, small_width, out);
  return vel_png_encode (out, small_width, small_height, NULL);
}
