/* A ring that closes with each step.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/canvas/progress-ring.h"

#include <glib/gi18n.h>
#include <math.h>

#define SIDE 42
#define THICKNESS 4.5

struct _VelProgressRing {
  GtkWidget parent_instance;
  double fraction;
  PangoLayout *layout;
};

G_DEFINE_FINAL_TYPE (VelProgressRing, vel_progress_ring, GTK_TYPE_WIDGET)

/* The glazes, 10 % lighter, in the order they are laid. */
static const double glazes[][3] = {
  { 0.82, 0.36, 0.50 }, /* madder */
  { 0.88, 0.64, 0.26 }, /* ochre */
  { 0.24, 0.66, 0.61 }, /* verdigris */
  { 0.37, 0.48, 0.81 }, /* ultramarine */
};

void
vel_progress_ring_set (VelProgressRing *self, double fraction, const char *text)
{
  self->fraction = CLAMP (fraction, 0, 1);
  if (self->layout == NULL)
    self->layout = gtk_widget_create_pango_layout (GTK_WIDGET (self), NULL);
  pango_layout_set_text (self->layout, text != NULL ? text : "", -1);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_VALUE_NOW, self->fraction, -1);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

void
vel_progress_ring_set_value_text (VelProgressRing *self, const char *text)
{
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_VALUE_TEXT, text, -1);
}

static void
draw_arc (cairo_t *cr, double centre, double radius, double from, double to)
{
  cairo_arc (cr, centre, centre, radius, 2 * G_PI * (from - 0.25), 2 * G_PI * (to - 0.25));
  cairo_stroke (cr);
}

/* A colour between two glazes, so that the ring runs through all four while it closes. */
static void
set_glaze (cairo_t *cr, double at)
{
  double place = at * (G_N_ELEMENTS (glazes) - 1);
  guint first = MIN ((guint) place, G_N_ELEMENTS (glazes) - 2);
  double mix = place - first;
  const double *a = glazes[first], *b = glazes[first + 1];

  cairo_set_source_rgb (cr, a[0] + (b[0] - a[0]) * mix, a[1] + (b[1] - a[1]) * mix, a[2] + (b[2] - a[2]) * mix);
}

static void
vel_progress_ring_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  VelProgressRing *self = VEL_PROGRESS_RING (widget);
  double side = MIN (gtk_widget_get_width (widget), gtk_widget_get_height (widget));
  double centre = side / 2, radius = (side - THICKNESS) / 2;
  const int n_pieces = 60;
  cairo_t *cr = gtk_snapshot_append_cairo (snapshot, &GRAPHENE_RECT_INIT (0, 0, (float) side, (float) side));
  GdkRGBA colour;

  G_GNUC_BEGIN_IGNORE_DEPRECATIONS /* since 4.10 */
  gtk_style_context_get_color (gtk_widget_get_style_context (widget), &colour);
  G_GNUC_END_IGNORE_DEPRECATIONS
  cairo_set_line_width (cr, THICKNESS);
  cairo_set_source_rgba (cr, colour.red, colour.green, colour.blue, 0.22);
  draw_arc (cr, centre, radius, 0, 1);
  for (int i = 0; i < n_pieces && i < self->fraction * n_pieces; i++) {
    double to = MIN ((i + 1.15) / n_pieces, self->fraction);

    set_glaze (cr, (double) i / n_pieces);
    draw_arc (cr, centre, radius, (double) i / n_pieces, to);
  }
  cairo_destroy (cr);
  if (self->layout != NULL) {
    int width, height;

    pango_layout_get_pixel_size (self->layout, &width, &height);
    gtk_snapshot_save (snapshot);
    gtk_snapshot_translate (snapshot, &GRAPHENE_POINT_INIT ((float) round (centre - width / 2.0), (float) round (centre - height / 2.0)));
    gtk_snapshot_append_layout (snapshot, self->layout, &colour);
    gtk_snapshot_restore (snapshot);
  }
}

static void
vel_progress_ring_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum, int *natural, int *minimum_baseline,
                           int *natural_baseline)
{
  *minimum = *natural = SIDE;
  *minimum_baseline = *natural_baseline = -1;
}

/* Font or text size changed: the layout is made anew with the next step. */
static void
vel_progress_ring_css_changed (GtkWidget *widget, GtkCssStyleChange *change)
{
  GTK_WIDGET_CLASS (vel_progress_ring_parent_class)->css_changed (widget, change);
  if (VEL_PROGRESS_RING (widget)->layout != NULL)
    pango_layout_context_changed (VEL_PROGRESS_RING (widget)->layout);
}

static void
vel_progress_ring_dispose (GObject *object)
{
  g_clear_object (&VEL_PROGRESS_RING (object)->layout);
  G_OBJECT_CLASS (vel_progress_ring_parent_class)->dispose (object);
}

static void
vel_progress_ring_class_init (VelProgressRingClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = vel_progress_ring_dispose;
  widget_class->snapshot = vel_progress_ring_snapshot;
  widget_class->measure = vel_progress_ring_measure;
  widget_class->css_changed = vel_progress_ring_css_changed;
  gtk_widget_class_set_css_name (widget_class, "progressring");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_PROGRESS_BAR);
}

static void
vel_progress_ring_init (VelProgressRing *self)
{
  gtk_widget_set_valign (GTK_WIDGET (self), GTK_ALIGN_CENTER);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, _("Progress"),
                                  GTK_ACCESSIBLE_PROPERTY_VALUE_MIN, 0.0, GTK_ACCESSIBLE_PROPERTY_VALUE_MAX, 1.0, -1);
}
