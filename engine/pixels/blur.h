/* Blurs, to the bit as the libraries behind A1111 make them.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/pixels/bitmap.h"

/* The blur of a mask's edge: OpenCV's GaussianBlur along rows, then along columns, with 2 int (2.5 sigma + 0.5) + 1 weights of eight bits.
 */
void vel_bitmap_blur (VelBitmap *self, guint sigma);

/* Pillow's ImageFilter.GaussianBlur: three box blurs either way (Gwosdek et al. 2011). */
void vel_bitmap_blur_boxes (VelBitmap *self, double radius);
