/* Wheel, fingers, mouse and keys on the canvas.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/canvas/canvas-input.h"

#include <math.h>

#define WHEEL_FACTOR 1.1
#define WHEEL_PIXELS 48
#define KEY_PIXELS 64

typedef struct {
  double x, y; /* the pointer; or the drag's last offset; or the fingers' start zoom in x */
} Place;

static Place *
place_of (gpointer controller)
{
  return g_object_get_data (controller, "place");
}

static gpointer
with_place (gpointer controller)
{
  g_object_set_data_full (controller, "place", g_new0 (Place, 1), g_free);
  return controller;
}

static void
on_motion (GtkEventController *motion, double x, double y)
{
  *place_of (motion) = (Place) { x, y };
}

/* Ctrl and the wheel zoom about the pointer; the wheel alone moves a picture that is looked at closely. */
static gboolean
on_scroll (GtkEventControllerScroll *scroll, double dx, double dy, GtkEventController *motion)
{
  VelCanvas *canvas = VEL_CANVAS (gtk_event_controller_get_widget (GTK_EVENT_CONTROLLER (scroll)));
  GdkModifierType state = gtk_event_controller_get_current_event_state (GTK_EVENT_CONTROLLER (scroll));
  const Place *pointer = place_of (motion);

  if ((state & GDK_CONTROL_MASK) != 0) {
    vel_canvas_zoom_to (canvas, vel_canvas_get_zoom (canvas) * pow (WHEEL_FACTOR, -dy), pointer->x, pointer->y);
    return TRUE;
  }
  if (vel_canvas_is_fitted (canvas))
    return FALSE;
  vel_canvas_pan (canvas, -dx * WHEEL_PIXELS, -dy * WHEEL_PIXELS);
  return TRUE;
}

static void
on_pinch_begin (GtkGesture *pinch)
{
  place_of (pinch)->x = vel_canvas_get_zoom (VEL_CANVAS (gtk_event_controller_get_widget (GTK_EVENT_CONTROLLER (pinch))));
}

static void
on_pinched (GtkGestureZoom *pinch, double scale)
{
  VelCanvas *canvas = VEL_CANVAS (gtk_event_controller_get_widget (GTK_EVENT_CONTROLLER (pinch)));
  double x, y;

  if (gtk_gesture_get_bounding_box_center (GTK_GESTURE (pinch), &x, &y))
    vel_canvas_zoom_to (canvas, place_of (pinch)->x * scale, x, y);
}

/* A fitted picture can not be moved: dragging it takes it out of the window instead. */
static void
on_drag_begin (GtkGestureDrag *drag)
{
  VelCanvas *canvas = VEL_CANVAS (gtk_event_controller_get_widget (GTK_EVENT_CONTROLLER (drag)));

  *place_of (drag) = (Place) { 0, 0 };
  gtk_widget_grab_focus (GTK_WIDGET (canvas));
  if (vel_canvas_is_fitted (canvas)) {
    gtk_gesture_set_state (GTK_GESTURE (drag), GTK_EVENT_SEQUENCE_DENIED);
    return;
  }
  gtk_widget_set_cursor_from_name (GTK_WIDGET (canvas), "grabbing");
}

static void
on_dragged (GtkGestureDrag *drag, double x, double y)
{
  Place *last = place_of (drag);

  vel_canvas_pan (VEL_CANVAS (gtk_event_controller_get_widget (GTK_EVENT_CONTROLLER (drag))), x - last->x, y - last->y);
  *last = (Place) { x, y };
}

static void
on_drag_end (GtkGestureDrag *drag)
{
  gtk_widget_set_cursor (gtk_event_controller_get_widget (GTK_EVENT_CONTROLLER (drag)), NULL);
}

static void
on_double_pressed (GtkGestureClick *click, int n_press, double x, double y)
{
  VelCanvas *canvas = VEL_CANVAS (gtk_event_controller_get_widget (GTK_EVENT_CONTROLLER (click)));

  if (n_press != 2)
    return;
  if (vel_canvas_is_fitted (canvas))
    vel_canvas_zoom_to (canvas, 1, x, y);
  else
    vel_canvas_fit (canvas);
}

static gboolean
on_key_pressed (GtkEventController *keys, guint key, guint code, GdkModifierType state)
{
  VelCanvas *canvas = VEL_CANVAS (gtk_event_controller_get_widget (keys));

  if ((state & (GDK_CONTROL_MASK | GDK_ALT_MASK)) != 0 || vel_canvas_is_fitted (canvas))
    return FALSE;
  switch (key) {
  case GDK_KEY_Left:
    vel_canvas_pan (canvas, KEY_PIXELS, 0);
    return TRUE;
  case GDK_KEY_Right:
    vel_canvas_pan (canvas, -KEY_PIXELS, 0);
    return TRUE;
  case GDK_KEY_Up:
    vel_canvas_pan (canvas, 0, KEY_PIXELS);
    return TRUE;
  case GDK_KEY_Down:
    vel_canvas_pan (canvas, 0, -KEY_PIXELS);
    return TRUE;
  default:
    return FALSE;
  }
}

void
vel_canvas_add_input (VelCanvas *canvas)
{
  GtkWidget *widget = GTK_WIDGET (canvas);
  GtkEventController *motion = with_place (gtk_event_controller_motion_new ());
  GtkEventController *scroll = gtk_event_controller_scroll_new (GTK_EVENT_CONTROLLER_SCROLL_BOTH_AXES);
  GtkEventController *keys = gtk_event_controller_key_new ();
  GtkGesture *pinch = with_place (gtk_gesture_zoom_new ());
  GtkGesture *drag = with_place (gtk_gesture_drag_new ());
  GtkGesture *click = gtk_gesture_click_new ();

  g_signal_connect (motion, "motion", G_CALLBACK (on_motion), NULL);
  g_signal_connect (scroll, "scroll", G_CALLBACK (on_scroll), motion);
  g_signal_connect (keys, "key-pressed", G_CALLBACK (on_key_pressed), NULL);
  g_signal_connect (pinch, "begin", G_CALLBACK (on_pinch_begin), NULL);
  g_signal_connect (pinch, "scale-changed", G_CALLBACK (on_pinched), NULL);
  g_signal_connect (drag, "drag-begin", G_CALLBACK (on_drag_begin), NULL);
  g_signal_connect (drag, "drag-update", G_CALLBACK (on_dragged), NULL);
  g_signal_connect (drag, "drag-end", G_CALLBACK (on_drag_end), NULL);
  g_signal_connect (click, "pressed", G_CALLBACK (on_double_pressed), NULL);
  gtk_widget_add_controller (widget, motion);
  gtk_widget_add_controller (widget, scroll);
  gtk_widget_add_controller (widget, keys);
  gtk_widget_add_controller (widget, GTK_EVENT_CONTROLLER (pinch));
  gtk_widget_add_controller (widget, GTK_EVENT_CONTROLLER (drag));
  gtk_widget_add_controller (widget, GTK_EVENT_CONTROLLER (click));
}
