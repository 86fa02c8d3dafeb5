/* The edge of the panel that can be dragged.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/widgets/width-handle.h"

#define MIN_WIDTH 320
#define MAX_WIDTH 480
#define COMPACT_WIDTH 300

static void
set_width (GtkWidget *handle, int width)
{
  GtkWidget *panel = g_object_get_data (G_OBJECT (handle), "panel");

  width = CLAMP (width, MIN_WIDTH, MAX_WIDTH);
  g_object_set_data (G_OBJECT (handle), "width", GINT_TO_POINTER (width));
  gtk_widget_set_size_request (panel, width, -1);
}

int
vel_width_handle_get_width (GtkWidget *handle)
{
  return GPOINTER_TO_INT (g_object_get_data (G_OBJECT (handle), "width"));
}

void
vel_width_handle_set_compact (GtkWidget *handle, gboolean compact)
{
  int width = compact ? COMPACT_WIDTH : vel_width_handle_get_width (handle);

  gtk_widget_set_visible (handle, !compact);
  gtk_widget_set_size_request (g_object_get_data (G_OBJECT (handle), "panel"), width, -1);
}

/* The handle moves with the edge, so the offset is always from where the edge is now. */
static void
on_dragged (GtkGestureDrag *drag, double x, double y, GtkWidget *handle)
{
  gboolean mirrored = gtk_widget_get_direction (handle) == GTK_TEXT_DIR_RTL;

  set_width (handle, vel_width_handle_get_width (handle) + (int) (mirrored ? -x : x));
}

void
vel_width_handle_init (GtkWidget *handle, GtkWidget *panel, int width)
{
  GtkGesture *drag = gtk_gesture_drag_new ();

  g_object_set_data (G_OBJECT (handle), "panel", panel);
  gtk_widget_set_cursor_from_name (handle, "col-resize");
  g_signal_connect (drag, "drag-update", G_CALLBACK (on_dragged), handle);
  gtk_widget_add_controller (handle, GTK_EVENT_CONTROLLER (drag));
  set_width (handle, width);
}
