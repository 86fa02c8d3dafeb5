/* Pictures in another size, to the bit as Pillow 9.5 makes them (src/libImaging/Resample.c), and as A1111 lets them fit.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/pixels/bitmap.h"

typedef enum {
  VEL_FILTER_NEAREST,
  VEL_FILTER_BICUBIC,
  VEL_FILTER_LANCZOS,
} VelFilter;

/* Returns: (transfer full), in any case a new one */
VelBitmap *vel_bitmap_resample (const VelBitmap *self, guint width, guint height, VelFilter filter);

/* AUTOMATIC1111 1.10 modules/images.py resize_image, without an upscaler. */
typedef enum {
  VEL_RESIZE_STRETCH, /* each side by itself */
  VEL_RESIZE_FILL,    /* "crop and resize": both sides alike, what stands out is cut off around the middle */
  VEL_RESIZE_FIT,     /* "resize and fill": both sides alike, and beside it, where room is left, the outermost rows drawn out */
} VelResizeMode;

/* text: "stretch", "fill" or "fit" */
VelResizeMode vel_resize_mode_from_string (const char *text);
VelBitmap *vel_bitmap_resize (const VelBitmap *self, guint width, guint height, VelResizeMode mode);
