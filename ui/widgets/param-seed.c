/* The seed: a figure, a lock that keeps it and a die that draws another.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/widgets/param-seed.h"
#include "ui/widgets/param-binding.h"
#include "ui/widgets/param-control.h"

#include <glib/gi18n.h>

typedef struct {
  GtkWidget *entry, *lock, *die;
  char *used; /* the last picture's seed, or NULL */
} Seed;

static Seed *
seed_of (GtkWidget *box)
{
  return g_object_get_data (G_OBJECT (box), "seed");
}

static void
seed_free (gpointer data)
{
  Seed *self = data;

  g_free (self->used);
  g_free (self);
}

/* 32 bits: what A1111 draws, and short enough to read aloud. */
static char *
draw_seed (void)
{
  return g_strdup_printf ("%" G_GUINT32_FORMAT, g_random_int ());
}

static void
show_seed (GtkWidget *box, VelValues *values, const VelParam *param)
{
  Seed *self = seed_of (box);
  const char *text = vel_values_get (values, param->name);
  gboolean locked = text[0] != '\0';

  if (!g_str_equal (gtk_editable_get_text (GTK_EDITABLE (self->entry)), text))
    gtk_editable_set_text (GTK_EDITABLE (self->entry), text);
  gtk_entry_set_placeholder_text (GTK_ENTRY (self->entry), self->used != NULL ? self->used : _("New each time"));
  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (self->lock), locked);
  gtk_button_set_icon_name (GTK_BUTTON (self->lock), locked ? "changes-prevent-symbolic" : "changes-allow-symbolic");
}

static void
store_and_show (GtkWidget *box, const char *text)
{
  VelParamBinding *binding = vel_param_binding_of (box);

  vel_param_binding_store (binding, text);
  show_seed (box, vel_param_binding_get_values (binding), vel_param_binding_get_param (binding));
}

static void
on_entry_changed (GtkWidget *box)
{
  Seed *self = seed_of (box);
  const char *text = gtk_editable_get_text (GTK_EDITABLE (self->entry));

  if (vel_param_binding_of (box) == NULL)
    return;
  vel_param_binding_store (vel_param_binding_of (box), text);
  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (self->lock), text[0] != '\0');
}

static void
on_lock_clicked (GtkWidget *box)
{
  Seed *self = seed_of (box);
  g_autofree char *drawn = draw_seed ();

  if (!gtk_toggle_button_get_active (GTK_TOGGLE_BUTTON (self->lock)))
    store_and_show (box, "");
  else
    store_and_show (box, self->used != NULL ? self->used : drawn);
}

static void
on_die_clicked (GtkWidget *box)
{
  g_autofree char *drawn = draw_seed ();

  store_and_show (box, drawn);
}

void
vel_param_seed_show_used (GtkWidget *control, guint64 seed)
{
  Seed *self = seed_of (control);

  g_free (self->used);
  self->used = g_strdup_printf ("%" G_GUINT64_FORMAT, seed);
  gtk_entry_set_placeholder_text (GTK_ENTRY (self->entry), self->used);
}

static void
name_button (GtkWidget *button, const char *name)
{
  gtk_widget_set_tooltip_text (button, name);
  gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
}

GtkWidget *
vel_param_seed_new (VelValues *values, const VelParam *param)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 4);
  Seed *self = g_new0 (Seed, 1);

  self->entry = gtk_entry_new ();
  self->lock = gtk_toggle_button_new ();
  self->die = gtk_button_new_from_icon_name ("velatura-die-symbolic");
  g_object_set_data_full (G_OBJECT (box), "seed", self, seed_free);
  gtk_widget_set_hexpand (self->entry, TRUE);
  gtk_widget_set_valign (self->entry, GTK_ALIGN_CENTER);
  gtk_widget_add_css_class (self->entry, "numeric");
  gtk_editable_set_width_chars (GTK_EDITABLE (self->entry), 8);
  gtk_entry_set_input_purpose (GTK_ENTRY (self->entry), GTK_INPUT_PURPOSE_DIGITS);
  vel_param_describe (self->entry, param);
  name_button (self->lock, _("Keep this seed"));
  name_button (self->die, _("New seed"));
  gtk_widget_add_css_class (self->die, "flat");
  gtk_box_append (GTK_BOX (box), self->entry);
  gtk_box_append (GTK_BOX (box), self->lock);
  gtk_box_append (GTK_BOX (box), self->die);
  vel_param_binding_new (box, values, param, show_seed);
  g_signal_connect_object (self->entry, "changed", G_CALLBACK (on_entry_changed), box, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->lock, "clicked", G_CALLBACK (on_lock_clicked), box, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->die, "clicked", G_CALLBACK (on_die_clicked), box, G_CONNECT_SWAPPED);
  return box;
}
