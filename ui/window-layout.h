/* What a window's width has room for.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

typedef struct {
  gboolean hides_strip; /* earlier pictures only when asked for */
  gboolean folds;       /* the panel opens over the canvas */
  gboolean compact;     /* one column */
} VelLayout;

VelLayout vel_layout_of_width (int width);
gboolean vel_layout_equal (VelLayout a, VelLayout b);
