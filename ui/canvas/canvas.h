/* Where the picture lies: it fits the room, or is looked at closely and moved about.
 * SPDX-License-Identifier: Apache-2.0
 *
 * 24 pixels above and 76 below stay free, so that what floats there never covers the picture and it never jumps. */
#pragma once

#include <gtk/gtk.h>

#define VEL_TYPE_CANVAS (vel_canvas_get_type ())
G_DECLARE_FINAL_TYPE (VelCanvas, vel_canvas, VEL, CANVAS, GtkWidget)

/* texture: (nullable) of any size, as a preview is small. width, height: of the picture it stands for. Zoom and place stay as they are
 * unless the proportions change. */
void vel_canvas_set_texture (VelCanvas *self, GdkTexture *texture, guint width, guint height);
/* (nullable) (transfer none) */
GdkTexture *vel_canvas_get_texture (VelCanvas *self);

/* Screen pixels per picture pixel; notified as "zoom". */
double vel_canvas_get_zoom (VelCanvas *self);
gboolean vel_canvas_is_fitted (VelCanvas *self);
/* Also whenever the room changes, until another zoom is asked for. */
void vel_canvas_fit (VelCanvas *self);
/* x, y: the point of the widget that stays where it is. */
void vel_canvas_zoom_to (VelCanvas *self, double zoom, double x, double y);
/* To the next round figure, about the centre. direction: 1 closer, -1 away. */
void vel_canvas_zoom_step (VelCanvas *self, int direction);
void vel_canvas_pan (VelCanvas *self, double dx, double dy);
