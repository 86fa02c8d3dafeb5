/* Alpha by whole numbers.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/pixels/compose.h"

#include "engine/pixels/blur.h"

#define FRACTION 7 /* more bits while two colours are mixed */

/* a / 255 for a < 65536, once 128 was added rounded to the nearest */
static guint32
over_255 (guint32 a)
{
  return ((a >> 8) + a) >> 8;
}

VelBitmap *
vel_bitmap_cut_out (const VelBitmap *rgb, const VelBitmap *mask)
{
  VelBitmap *out = vel_bitmap_new (rgb->width, rgb->height, 4);

  g_assert (rgb->channels == 3 && mask->channels == 1 && mask->width == rgb->width && mask->height == rgb->height);
  for (gsize i = 0; i < vel_bitmap_bytes (mask); i++) {
    guint alpha = 255 - mask->data[i];

    for (guint c = 0; c < 3; c++)
      out->data[4 * i + c] = (guint8) over_255 (rgb->data[3 * i + c] * alpha + 128);
    out->data[4 * i + 3] = (guint8) over_255 (255 * alpha + 128);
  }
  return out;
}

void
vel_bitmap_divide_by_alpha (VelBitmap *self)
{
  g_assert (self->channels == 4);
  for (gsize i = 0; i < vel_bitmap_bytes (self); i += 4) {
    guint alpha = self->data[i + 3];

    for (guint c = 0; c < 3 && alpha != 0 && alpha != 255; c++)
      self->data[i + c] = (guint8) MIN (255u * self->data[i + c] / alpha, 255);
  }
}

static void
composite_pixel (guint8 *under, const guint8 *over)
{
  guint32 blend = under[3] * (255u - over[3]), alpha = over[3] * 255u + blend, share;

  if (over[3] == 0)
    return;
  share = over[3] * 255u * 255u * (1 << FRACTION) / alpha;
  for (guint c = 0; c < 3; c++)
    under[c] = (guint8) (over_255 (over[c] * share + under[c] * ((255u << FRACTION) - share) + (0x80 << FRACTION)) >> FRACTION);
  under[3] = (guint8) over_255 (alpha + 0x80);
}

void
vel_bitmap_composite (VelBitmap *self, const VelBitmap *top)
{
  g_assert (self->channels == 4 && top->channels == 4 && self->width == top->width && self->height == top->height);
  for (gsize i = 0; i < vel_bitmap_bytes (self); i += 4)
    composite_pixel (self->data + i, top->data + i);
}

VelBitmap *
vel_bitmap_with_channels (const VelBitmap *self, guint channels)
{
  VelBitmap *out = vel_bitmap_new (self->width, self->height, channels);

  for (gsize i = 0; i < (gsize) self->width * self->height; i++)
    for (guint c = 0; c < channels; c++)
      out->data[i * channels + c] = c < self->channels ? self->data[i * self->channels + c] : 255;
  return out;
}

void
vel_bitmap_invert (VelBitmap *self)
{
  for (gsize i = 0; i < vel_bitmap_bytes (self); i++)
    self->data[i] = 255 - self->data[i];
}

VelBitmap *
vel_bitmap_fill_masked (const VelBitmap *rgb, const VelBitmap *mask)
{
  static const struct {
    guint radius, times;
  } layers[] = { { 256, 1 }, { 64, 1 }, { 16, 2 }, { 4, 4 }, { 2, 2 }, { 0, 1 } };
  g_autoptr (VelBitmap) around = vel_bitmap_cut_out (rgb, mask), out = vel_bitmap_new (rgb->width, rgb->height, 4);

  for (gsize i = 0; i < G_N_ELEMENTS (layers); i++) {
    g_autoptr (VelBitmap) layer = vel_bitmap_dup (around);

    vel_bitmap_blur_boxes (layer, layers[i].radius);
    vel_bitmap_divide_by_alpha (layer);
    for (guint k = 0; k < layers[i].times; k++)
      vel_bitmap_composite (out, layer);
  }
  return vel_bitmap_with_channels (out, 3);
}
