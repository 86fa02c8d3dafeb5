/* Pixels of 8 bits.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/pixels/bitmap.h"

#include <string.h>

VelBitmap *
vel_bitmap_new_take (guint width, guint height, guint channels, guint8 *data)
{
  VelBitmap *self = g_new (VelBitmap, 1);

  *self = (VelBitmap){ width, height, channels, data };
  return self;
}

VelBitmap *
vel_bitmap_new (guint width, guint height, guint channels)
{
  return vel_bitmap_new_take (width, height, channels, g_malloc0 ((gsize) width * height * channels));
}

gsize
vel_bitmap_bytes (const VelBitmap *self)
{
  return (gsize) self->width * self->height * self->channels;
}

VelBitmap *
vel_bitmap_dup (const VelBitmap *self)
{
  return vel_bitmap_new_take (self->width, self->height, self->channels, g_memdup2 (self->data, vel_bitmap_bytes (self)));
}

void
vel_bitmap_free (VelBitmap *self)
{
  if (!self)
    return;
  g_free (self->data);
  g_free (self);
}

VelBitmap *
vel_bitmap_crop (const VelBitmap *self, guint x, guint y, guint width, guint height)
{
  VelBitmap *part = vel_bitmap_new (width, height, self->channels);

  g_assert (x <= self->width && width <= self->width - x && y <= self->height && height <= self->height - y);
  vel_bitmap_paste (part, self, -(int) x, -(int) y);
  return part;
}

void
vel_bitmap_paste (VelBitmap *self, const VelBitmap *top, int x, int y)
{
  gint64 left = MAX (x, 0), right = MIN ((gint64) x + top->width, self->width);
  gint64 first = MAX (y, 0), last = MIN ((gint64) y + top->height, self->height);

  g_assert (self->channels == top->channels);
  for (gint64 row = first; row < last && left < right; row++)
    memcpy (self->data + (row * self->width + left) * self->channels, top->data + ((row - y) * top->width + left - x) * top->channels,
            (gsize) (right - left) * self->channels);
}

VelBitmap *
vel_bitmap_grey (const VelBitmap *self)
{
  VelBitmap *grey = vel_bitmap_new (self->width, self->height, 1);

  g_assert (self->channels == 3);
  for (gsize i = 0; i < vel_bitmap_bytes (grey); i++) {
    const guint8 *rgb = self->data + 3 * i;

    grey->data[i] = (guint8) ((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 0x8000u) >> 16);
  }
  return grey;
}
