/* Small pictures of pictures.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#define VEL_THUMBNAIL_SIDE 256

/* Averages areas so that the longest side is at most VEL_THUMBNAIL_SIDE; smaller pictures stay as they are.
 * rgb: [height, width, 3].  Returns: (transfer full): PNG bytes */
GBytes *vel_thumbnail_make (const guint8 *rgb, guint width, guint height);
