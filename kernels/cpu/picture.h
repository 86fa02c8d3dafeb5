/* Which pixel of x stands behind each pixel of a padded and resized picture.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/cpu/backend.h"

typedef struct {
  size_t height, width; /* of the resized picture */
  size_t out_height, out_width;
} VelPictureSize;

static inline VelPictureSize
vel_picture_size (const VelConvArgs *args)
{
  size_t kernel = args->weight->taps == 1 ? 1 : 3, pad = args->pad_before + args->pad_after;
  VelPictureSize size = { args->up_height > 0 ? args->up_height : args->height, args->up_width > 0 ? args->up_width : args->width };

  size.out_height = (size.height + pad - kernel) / args->stride + 1;
  size.out_width = (size.width + pad - kernel) / args->stride + 1;
  return size;
}

/* The row or column of the resized picture behind place i of the padded one; `side` if there is none. Places behind the padding, which tiles
 * reach, may be anything. */
static inline size_t
vel_picture_place (size_t i, size_t pad, size_t side, bool wrap)
{
  if (i >= pad && i - pad < side)
    return i - pad;
  return wrap ? (i + pad * (side - 1)) % side : side;
}

/* y, x: with the padding; outside the picture it is `zeros`. */
static inline const float *
vel_picture_pixel (const VelConvArgs *args, const VelPictureSize *size, size_t picture, size_t y, size_t x, const float *zeros)
{
  y = vel_picture_place (y, args->pad_before, size->height, args->wrap_y);
  x = vel_picture_place (x, args->pad_before, size->width, args->wrap_x);
  if (y == size->height || x == size->width)
    return zeros;
  if (args->up_height > 0)
    y = y * args->height / args->up_height;
  if (args->up_width > 0)
    x = x * args->width / args->up_width;
  return (const float *) args->x + ((picture * args->height + y) * args->width + x) * args->weight->in;
}
