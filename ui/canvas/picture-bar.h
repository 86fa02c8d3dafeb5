/* What can be done with the picture that is shown, floating below it.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

#include "engine/history.h"

#define VEL_TYPE_PICTURE_BAR (vel_picture_bar_get_type ())
G_DECLARE_FINAL_TYPE (VelPictureBar, vel_picture_bar, VEL, PICTURE_BAR, GtkBox)

/* item: (nullable) a picture that is in no file has no settings to restore. */
void vel_picture_bar_set_item (VelPictureBar *self, const VelHistoryItem *item);
/* Icons only, for a narrow window. */
void vel_picture_bar_set_compact (VelPictureBar *self, gboolean compact);
