/* The pixels of JPEG files, as libjpeg-turbo has them and with it Pillow: baseline and progressive, grey and coloured.
 * SPDX-License-Identifier: Apache-2.0
 * Texts of such files are read in metadata-jpeg.c. */
#pragma once

#include "engine/formats/byte-source.h"

gboolean vel_jpeg_is (const VelByteSource *source);
/* Turned upright as Exif says. width, height: (out). rgb: (out) (transfer full) [height, width, 3], or NULL: sizes alone are asked for.
 * Limits, those of PNG files, are checked before anything is allocated; files that end too early are refused, and so are CMYK's.
 * Returns: FALSE with VEL_ERROR_FORMAT */
gboolean vel_jpeg_read (const VelByteSource *source, guint *width, guint *height, guint8 **rgb, GError **error);
