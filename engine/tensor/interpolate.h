/* torch.nn.functional.interpolate to a given size, of numbers in host memory.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

typedef enum {
  VEL_INTERPOLATE_NEAREST,
  VEL_INTERPOLATE_NEAREST_EXACT,
  VEL_INTERPOLATE_BILINEAR,
  VEL_INTERPOLATE_BICUBIC,
} VelInterpolation;

/* from: [height, width, channels].  smooth: torch's `antialias`, for the last two: what is made smaller is averaged, and cubic weights are
 * others.  Corners are not aligned. Returns: (transfer full) [out_height, out_width, channels] */
float *vel_interpolate (const float *from, gint64 height, gint64 width, gint64 channels, gint64 out_height, gint64 out_width,
                        VelInterpolation kind, gboolean smooth);
