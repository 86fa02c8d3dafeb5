/* The scenes of tests/golden/preprocessors/make.py, drawn by the same whole numbers.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/pixels/bitmap.h"

static inline gint64
mixed (guint32 a, guint32 b, guint32 c, guint32 d)
{
  guint32 h = a * 2654435761u + b * 2246822519u + c * 3266489917u + d * 668265263u;

  h = (h ^ h >> 15) * 2246822519u;
  return (h ^ h >> 13) >> 24;
}

static inline gint64
divide_down (gint64 a, gint64 b)
{
  return a >= 0 ? a / b : -((-a + b - 1) / b);
}

static inline guint8
scene_value (guint seed, gint64 width, gint64 height, gint64 x, gint64 y, guint c)
{
  gint64 v = (x * (1 + seed % 3) + y * (c + 1) + 60 * c) % 256;

  for (guint k = 0; k < 5; k++) {
    gint64 dx = x - mixed (seed, k, 1, 0) % width, dy = y - mixed (seed, k, 2, 0) % height, r = 3 + mixed (seed, k, 3, 0) % 14;

    if (dx * dx + dy * dy < r * r)
      v = mixed (seed, k, 4, c);
  }
  if ((x + y) / 6 % 5 == seed % 5)
    v = v * 3 / 4;
  v += divide_down ((mixed (seed, (guint32) x, (guint32) y, c) - 128) * (seed % 4), 8);
  return (guint8) CLAMP (v, 0, 255);
}

/* Slopes, five discs and stripes, under noise of a strength that depends on the scene. */
static inline VelBitmap *
scene_new (guint seed)
{
  VelBitmap *self = vel_bitmap_new (40 + seed * 7 % 61, 33 + seed * 11 % 47, 3);

  for (gsize i = 0; i < vel_bitmap_bytes (self); i++)
    self->data[i] = scene_value (seed, self->width, self->height, (gint64) (i / 3 % self->width), (gint64) (i / 3 / self->width), i % 3);
  return self;
}

static inline VelBitmap *
scene_new_mask (guint seed)
{
  VelBitmap *self = vel_bitmap_new (40 + seed * 7 % 61, 33 + seed * 11 % 47, 1);

  for (gsize i = 0; i < vel_bitmap_bytes (self); i++)
    self->data[i] = (guint8) mixed (seed, (guint32) (i % self->width / 9), (guint32) (i / self->width / 9), 7);
  return self;
}
