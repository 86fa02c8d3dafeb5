/* The button that paints, and how many at once.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/panels/generate-bar.h"

#include <glib/gi18n.h>

struct _VelGenerateBar {
  GtkBox parent_instance;
  GtkWidget *generate, *keycap, *batch, *stop;
  GtkImage *icon;
  GtkLabel *label;
  GMenu *batch_menu;
  VelValues *request;
  gboolean busy, compact;
};

G_DEFINE_FINAL_TYPE (VelGenerateBar, vel_generate_bar, GTK_TYPE_BOX)

static const int counts[] = { 1, 2, 3, 4, 6, 8, 12, 16 };

static void
on_batch_changed (VelGenerateBar *self)
{
  int count = (int) vel_values_get_int (self->request, "batch");
  g_autofree char *label = g_strdup_printf ("× %d", count);
  g_autofree char *name = g_strdup_printf (ngettext ("%d picture at once", "%d pictures at once", (gulong) count), count);

  gtk_menu_button_set_label (GTK_MENU_BUTTON (self->batch), label);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->batch), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
}

/* A double click on Generate must never stop what it began, so only the label changes, and Stop is elsewhere. */
static void
update (VelGenerateBar *self)
{
  gboolean can_paint = self->request != NULL && vel_values_get (self->request, "prompt")[0] != '\0';
  const char *label = self->busy ? _("Add to Queue") : _("Generate");

  gtk_label_set_text (self->label, label);
  gtk_image_set_from_icon_name (self->icon, self->busy ? "list-add-symbolic" : "velatura-brush-symbolic");
  gtk_widget_set_visible (self->stop, self->busy && self->compact);
  gtk_widget_set_visible (self->keycap, !self->compact);
  gtk_widget_set_tooltip_text (self->generate, !can_paint ? _("Describe a picture first")
                                               : self->busy ? _("Paint this when the pictures before it are done")
                                                            : _("Paint what is described"));
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->generate), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
}

void
vel_generate_bar_set_busy (VelGenerateBar *self, gboolean busy)
{
  self->busy = busy;
  update (self);
}

void
vel_generate_bar_set_compact (VelGenerateBar *self, gboolean compact)
{
  self->compact = compact;
  update (self);
}

void
vel_generate_bar_set_request (VelGenerateBar *self, VelValues *request)
{
  self->request = g_object_ref (request);
  g_signal_connect_object (request, "changed::batch", G_CALLBACK (on_batch_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (request, "changed::prompt", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  on_batch_changed (self);
  update (self);
}

static void
vel_generate_bar_dispose (GObject *object)
{
  g_clear_object (&VEL_GENERATE_BAR (object)->request);
  G_OBJECT_CLASS (vel_generate_bar_parent_class)->dispose (object);
}

static void
vel_generate_bar_class_init (VelGenerateBarClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = vel_generate_bar_dispose;
  gtk_widget_class_set_template_from_resource (widget_class, "/io/github/velatura/Velatura/ui/panels/generate-bar.ui");
  gtk_widget_class_bind_template_child (widget_class, VelGenerateBar, generate);
  gtk_widget_class_bind_template_child (widget_class, VelGenerateBar, keycap);
  gtk_widget_class_bind_template_child (widget_class, VelGenerateBar, batch);
  gtk_widget_class_bind_template_child (widget_class, VelGenerateBar, stop);
  gtk_widget_class_bind_template_child (widget_class, VelGenerateBar, icon);
  gtk_widget_class_bind_template_child (widget_class, VelGenerateBar, label);
  gtk_widget_class_bind_template_child (widget_class, VelGenerateBar, batch_menu);
}

static void
vel_generate_bar_init (VelGenerateBar *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  for (guint i = 0; i < G_N_ELEMENTS (counts); i++) {
    g_autofree char *label = g_strdup_printf (ngettext ("%d picture", "%d pictures", (gulong) counts[i]), counts[i]);
    g_autofree char *action = g_strdup_printf ("win.batch(%d)", counts[i]);

    g_menu_append (self->batch_menu, label, action);
  }
}
