/* A picture as it leaves the window, by drag or clipboard.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

/* path: (nullable) of its file, which a file manager takes. texture: (nullable) its pixels, which an editor takes. One of them must be
 * there. Returns: (transfer full) */
GdkContentProvider *vel_picture_drag_content (const char *path, GdkTexture *texture);
