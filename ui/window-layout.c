/* What a window's width has room for.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/window-layout.h"

#define STRIP_WIDTH 1000
#define PANEL_WIDTH 900
#define COLUMN_WIDTH 600

VelLayout
vel_layout_of_width (int width)
{
  return (VelLayout) { .hides_strip = width < STRIP_WIDTH, .folds = width < PANEL_WIDTH, .compact = width < COLUMN_WIDTH };
}

gboolean
vel_layout_equal (VelLayout a, VelLayout b)
{
  return a.hides_strip == b.hides_strip && a.folds == b.folds && a.compact == b.compact;
}
