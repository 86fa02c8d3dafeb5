/* Pixels of 8 bits, as the reference programs pass them between their stages.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

typedef struct {
  guint width, height, channels; /* channels: 1 grey, 3 RGB, 4 RGBA */
  guint8 *data;                  /* [height, width, channels] */
} VelBitmap;

/* Returns: (transfer full), all zeros */
VelBitmap *vel_bitmap_new (guint width, guint height, guint channels);
/* data: (transfer full), from g_malloc */
VelBitmap *vel_bitmap_new_take (guint width, guint height, guint channels, guint8 *data);
VelBitmap *vel_bitmap_dup (const VelBitmap *self);
void vel_bitmap_free (VelBitmap *self);
gsize vel_bitmap_bytes (const VelBitmap *self);

/* The part that begins at x, y; all of it lies within. */
VelBitmap *vel_bitmap_crop (const VelBitmap *self, guint x, guint y, guint width, guint height);
/* Lays `top`, of as many channels, over the part that begins at x, y, as far as it lies within. */
void vel_bitmap_paste (VelBitmap *self, const VelBitmap *top, int x, int y);
/* RGB to grey, by ITU-R 601 in Pillow's 16 bits. */
VelBitmap *vel_bitmap_grey (const VelBitmap *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelBitmap, vel_bitmap_free)
