/* Where the picture lies.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/canvas/canvas.h"
#include "ui/canvas/canvas-input.h"

#include <math.h>

#define ROOM_ABOVE 24
#define ROOM_BELOW 76
#define ROOM_BESIDE 24
#define ROOM_NARROW 12
#define NARROW 600
#define MIN_ZOOM 0.05
#define MAX_ZOOM 32.0
#define RADIUS 3

struct _VelCanvas {
  GtkWidget parent_instance;
  GdkTexture *texture;
  guint width, height; /* of the picture */
  double zoom;         /* while not fitted */
  double x, y;         /* the picture's centre from the room's centre, while not fitted */
  gboolean fitted;
  guint notify; /* source */
};

G_DEFINE_FINAL_TYPE (VelCanvas, vel_canvas, GTK_TYPE_WIDGET)

enum { PROP_ZOOM = 1, N_PROPS };
static GParamSpec *props[N_PROPS];

static graphene_rect_t
get_room (VelCanvas *self)
{
  float width = (float) gtk_widget_get_width (GTK_WIDGET (self)), height = (float) gtk_widget_get_height (GTK_WIDGET (self));
  float beside = width < NARROW ? ROOM_NARROW : ROOM_BESIDE;

  return GRAPHENE_RECT_INIT (beside, ROOM_ABOVE, MAX (width - 2 * beside, 1), MAX (height - ROOM_ABOVE - ROOM_BELOW, 1));
}

double
vel_canvas_get_zoom (VelCanvas *self)
{
  graphene_rect_t room = get_room (self);

  if (!self->fitted)
    return self->zoom;
  if (self->width == 0 || self->height == 0)
    return 1;
  return MIN (room.size.width / (float) self->width, room.size.height / (float) self->height);
}

gboolean
vel_canvas_is_fitted (VelCanvas *self)
{
  return self->fitted;
}

GdkTexture *
vel_canvas_get_texture (VelCanvas *self)
{
  return self->texture;
}

static void
changed (VelCanvas *self)
{
  gtk_widget_queue_draw (GTK_WIDGET (self));
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_ZOOM]);
}

/* The picture can be moved until its edge meets the room's middle, not out of sight. */
static void
keep_in_sight (VelCanvas *self)
{
  double half_width = self->width * self->zoom / 2, half_height = self->height * self->zoom / 2;

  self->x = CLAMP (self->x, -half_width, half_width);
  self->y = CLAMP (self->y, -half_height, half_height);
}

void
vel_canvas_fit (VelCanvas *self)
{
  self->fitted = TRUE;
  self->x = self->y = 0;
  changed (self);
}

void
vel_canvas_zoom_to (VelCanvas *self, double zoom, double x, double y)
{
  graphene_rect_t room = get_room (self);
  double before = vel_canvas_get_zoom (self);
  double from_x = x - (room.origin.x + room.size.width / 2), from_y = y - (room.origin.y + room.size.height / 2);

  zoom = CLAMP (zoom, MIN_ZOOM, MAX_ZOOM);
  self->x = from_x + (self->x - from_x) * zoom / before;
  self->y = from_y + (self->y - from_y) * zoom / before;
  self->zoom = zoom;
  self->fitted = FALSE;
  keep_in_sight (self);
  changed (self);
}

void
vel_canvas_zoom_step (VelCanvas *self, int direction)
{
  static const double stops[] = { 0.05, 0.1, 0.25, 0.33, 0.5, 0.67, 0.75, 1, 1.25, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32 };
  graphene_rect_t room = get_room (self);
  double zoom = vel_canvas_get_zoom (self), next = zoom;

  for (guint i = 0; i < G_N_ELEMENTS (stops); i++) {
    guint at = direction > 0 ? i : G_N_ELEMENTS (stops) - 1 - i;

    if (direction > 0 ? stops[at] > zoom * 1.01 : stops[at] < zoom * 0.99) {
      next = stops[at];
      break;
    }
  }
  vel_canvas_zoom_to (self, next, room.origin.x + room.size.width / 2, room.origin.y + room.size.height / 2);
}

void
vel_canvas_pan (VelCanvas *self, double dx, double dy)
{
  if (self->fitted)
    return;
  self->x += dx;
  self->y += dy;
  keep_in_sight (self);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

void
vel_canvas_set_texture (VelCanvas *self, GdkTexture *texture, guint width, guint height)
{
  gboolean other = (guint64) width * self->height != (guint64) height * self->width;

  g_set_object (&self->texture, texture);
  self->width = width;
  self->height = height;
  if (other)
    vel_canvas_fit (self);
  else
    changed (self);
}

static void
vel_canvas_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  VelCanvas *self = VEL_CANVAS (widget);
  graphene_rect_t room = get_room (self), bounds;
  float zoom = (float) vel_canvas_get_zoom (self);
  float width = roundf ((float) self->width * zoom), height = roundf ((float) self->height * zoom);
  GskRoundedRect outline;

  if (self->texture == NULL)
    return;
  bounds = GRAPHENE_RECT_INIT (roundf (room.origin.x + (room.size.width - width) / 2 + (float) self->x),
                               roundf (room.origin.y + (room.size.height - height) / 2 + (float) self->y), width, height);
  gsk_rounded_rect_init_from_rect (&outline, &bounds, RADIUS);
  gtk_snapshot_append_outset_shadow (snapshot, &outline, &(GdkRGBA) { 0, 0, 0, 0.28f }, 0, 2, 0, 10);
  gtk_snapshot_push_rounded_clip (snapshot, &outline);
  gtk_snapshot_append_texture (snapshot, self->texture, &bounds);
  gtk_snapshot_pop (snapshot);
}

static gboolean
on_notify (gpointer data)
{
  VEL_CANVAS (data)->notify = 0;
  g_object_notify_by_pspec (data, props[PROP_ZOOM]);
  return G_SOURCE_REMOVE;
}

/* A fitted picture's zoom is the room's. Whoever shows the figure may want another size: not while sizes are being given out. */
static void
vel_canvas_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  VelCanvas *self = VEL_CANVAS (widget);

  if (self->fitted && self->notify == 0)
    self->notify = g_idle_add (on_notify, self);
}

static void
vel_canvas_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum, int *natural, int *minimum_baseline,
                    int *natural_baseline)
{
  *minimum = 160;
  *natural = 512;
  *minimum_baseline = *natural_baseline = -1;
}

static void
vel_canvas_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  g_value_set_double (value, vel_canvas_get_zoom (VEL_CANVAS (object)));
}

static void
vel_canvas_dispose (GObject *object)
{
  VelCanvas *self = VEL_CANVAS (object);

  g_clear_handle_id (&self->notify, g_source_remove);
  g_clear_object (&self->texture);
  G_OBJECT_CLASS (vel_canvas_parent_class)->dispose (object);
}

static void
vel_canvas_class_init (VelCanvasClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->get_property = vel_canvas_get_property;
  object_class->dispose = vel_canvas_dispose;
  widget_class->snapshot = vel_canvas_snapshot;
  widget_class->size_allocate = vel_canvas_size_allocate;
  widget_class->measure = vel_canvas_measure;
  props[PROP_ZOOM] = g_param_spec_double ("zoom", NULL, NULL, MIN_ZOOM, G_MAXDOUBLE, 1, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);
  gtk_widget_class_set_css_name (widget_class, "canvas");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_IMG);
}

static void
vel_canvas_init (VelCanvas *self)
{
  self->fitted = TRUE;
  gtk_widget_set_focusable (GTK_WIDGET (self), TRUE);
  gtk_widget_set_overflow (GTK_WIDGET (self), GTK_OVERFLOW_HIDDEN);
  vel_canvas_add_input (self);
}
