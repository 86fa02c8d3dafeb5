/* One picture over another, to the bit as Pillow does it.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/pixels/bitmap.h"

/* rgb where mask (grey, as large) is dark, nothing where it is light. Returns: (transfer full) RGBA, colours multiplied by alpha */
VelBitmap *vel_bitmap_cut_out (const VelBitmap *rgb, const VelBitmap *mask);
/* In place: RGBA whose colours are multiplied by alpha to RGBA whose are not. */
void vel_bitmap_divide_by_alpha (VelBitmap *self);
/* In place: top over self, both RGBA, as large. */
void vel_bitmap_composite (VelBitmap *self, const VelBitmap *top);
/* Between RGB and RGBA; alpha is 255, or is forgotten. */
VelBitmap *vel_bitmap_with_channels (const VelBitmap *self, guint channels);
/* In place: self to 255 - self. */
void vel_bitmap_invert (VelBitmap *self);

/* The picture with what the mask shows replaced by colours from around it, blurred the wider the farther in.
 * AUTOMATIC1111 1.10 modules/masking.py fill. Returns: (transfer full) RGB */
VelBitmap *vel_bitmap_fill_masked (const VelBitmap *rgb, const VelBitmap *mask);
