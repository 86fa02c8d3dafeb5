/* What stands on the canvas before the first picture.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/panels/welcome-page.h"
#include "engine/paths.h"

#include <adwaita.h>
#include <glib/gi18n.h>

struct _VelWelcomePage {
  GtkBox parent_instance;
  GtkImage *icon;
  GtkBox *examples;
  AdwActionRow *starter;
  GtkImage *starter_icon;
  VelModels *models;
};

G_DEFINE_FINAL_TYPE (VelWelcomePage, vel_welcome_page, GTK_TYPE_BOX)

static guint example_signal;

/* The starter model reads English; the button says it in the person's language. */
static const struct {
  const char *prompt, *label;
  const char *style; /* of the dot before it: its colours */
} examples[] = {
  { "a white swan on a lake at dusk", N_ ("a white swan on a lake at dusk"), "dusk" },
  { "a fox on a snowy hill", N_ ("a fox on a snowy hill"), "snow" },
  { "a sunflower on a green field", N_ ("a sunflower on a green field"), "field" },
};

static void
on_example_clicked (GtkButton *button, VelWelcomePage *self)
{
  g_signal_emit (self, example_signal, 0, g_object_get_data (G_OBJECT (button), "prompt"));
}

static GtkWidget *
make_example (VelWelcomePage *self, guint i)
{
  GtkWidget *button = gtk_button_new ();
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 8);
  GtkWidget *dot = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 0);
  GtkWidget *label = gtk_label_new (_(examples[i].label));

  gtk_widget_add_css_class (dot, "example-dot");
  gtk_widget_add_css_class (dot, examples[i].style);
  gtk_widget_set_valign (dot, GTK_ALIGN_CENTER);
  gtk_label_set_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_natural_wrap_mode (GTK_LABEL (label), GTK_NATURAL_WRAP_NONE);
  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_box_append (GTK_BOX (box), dot);
  gtk_box_append (GTK_BOX (box), label);
  gtk_button_set_child (GTK_BUTTON (button), box);
  gtk_widget_add_css_class (button, "example");
  gtk_widget_set_tooltip_text (button, _("Paint this"));
  gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL, _(examples[i].label), -1);
  g_object_set_data (G_OBJECT (button), "prompt", (gpointer) examples[i].prompt);
  g_signal_connect (button, "clicked", G_CALLBACK (on_example_clicked), self);
  return button;
}

static gboolean
has_starter (VelModels *models)
{
  GPtrArray *entries = vel_models_get_entries (models);

  for (guint i = 0; i < entries->len; i++)
    if (g_str_equal (((const VelCatalogEntry *) g_ptr_array_index (entries, i))->path, vel_paths_get_starter ()))
      return TRUE;
  return FALSE;
}

static void
on_models_changed (VelWelcomePage *self)
{
  gboolean ready = has_starter (self->models) || !vel_models_is_read (self->models);

  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (self->starter),
                                 ready ? _("The starter model is ready") : _("The starter model is missing"));
  adw_action_row_set_subtitle (self->starter, ready ? _("It knows simple things and places, and needs no download.")
                                                    : _("This copy of the program came without it. Bring a model of your own."));
  gtk_image_set_from_icon_name (self->starter_icon, ready ? "object-select-symbolic" : "dialog-warning-symbolic");
}

void
vel_welcome_page_set_models (VelWelcomePage *self, VelModels *models)
{
  self->models = g_object_ref (models);
  g_signal_connect_object (models, "changed", G_CALLBACK (on_models_changed), self, G_CONNECT_SWAPPED);
  on_models_changed (self);
}

void
vel_welcome_page_set_compact (VelWelcomePage *self, gboolean compact)
{
  gtk_orientable_set_orientation (GTK_ORIENTABLE (self->examples), compact ? GTK_ORIENTATION_VERTICAL : GTK_ORIENTATION_HORIZONTAL);
  gtk_image_set_pixel_size (self->icon, compact ? 72 : 112);
}

static void
vel_welcome_page_dispose (GObject *object)
{
  g_clear_object (&VEL_WELCOME_PAGE (object)->models);
  G_OBJECT_CLASS (vel_welcome_page_parent_class)->dispose (object);
}

static void
vel_welcome_page_class_init (VelWelcomePageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = vel_welcome_page_dispose;
  example_signal = g_signal_new ("example", VEL_TYPE_WELCOME_PAGE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  gtk_widget_class_set_template_from_resource (widget_class, "/io/github/velatura/Velatura/ui/panels/welcome-page.ui");
  gtk_widget_class_bind_template_child (widget_class, VelWelcomePage, icon);
  gtk_widget_class_bind_template_child (widget_class, VelWelcomePage, examples);
  gtk_widget_class_bind_template_child (widget_class, VelWelcomePage, starter);
  gtk_widget_class_bind_template_child (widget_class, VelWelcomePage, starter_icon);
}

static void
vel_welcome_page_init (VelWelcomePage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  for (guint i = 0; i < G_N_ELEMENTS (examples); i++)
    gtk_box_append (self->examples, make_example (self, i));
}
