/* A line of text, and the switch for yes and no.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <glib/gi18n.h>

#include "ui/widgets/param-binding.h"
#include "ui/widgets/param-control.h"

static void
show_text (GtkWidget *entry, VelValues *values, const VelParam *param)
{
  const char *value = vel_values_get (values, param->name);

  if (!g_str_equal (gtk_editable_get_text (GTK_EDITABLE (entry)), value))
    gtk_editable_set_text (GTK_EDITABLE (entry), value);
}

static void
on_text_changed (GtkEditable *entry)
{
  vel_param_binding_store (vel_param_binding_of (GTK_WIDGET (entry)), gtk_editable_get_text (entry));
}

GtkWidget *
vel_param_text_new (VelValues *values, const VelParam *param)
{
  GtkWidget *entry = gtk_entry_new ();

  gtk_widget_set_hexpand (entry, TRUE);
  gtk_widget_set_valign (entry, GTK_ALIGN_CENTER);
  gtk_editable_set_width_chars (GTK_EDITABLE (entry), 8);
  if (param->unset)
    gtk_entry_set_placeholder_text (GTK_ENTRY (entry), _ (param->unset));
  vel_param_describe (entry, param);
  vel_param_binding_new (entry, values, param, show_text);
  g_signal_connect (entry, "changed", G_CALLBACK (on_text_changed), NULL);
  return entry;
}

static void
show_switch (GtkWidget *control, VelValues *values, const VelParam *param)
{
  gtk_switch_set_active (GTK_SWITCH (control), vel_values_get_bool (values, param->name));
}

static void
on_switched (GtkSwitch *control)
{
  vel_param_binding_store (vel_param_binding_of (GTK_WIDGET (control)), gtk_switch_get_active (control) ? "true" : "false");
}

GtkWidget *
vel_param_switch_new (VelValues *values, const VelParam *param)
{
  GtkWidget *control = gtk_switch_new ();

  gtk_widget_set_hexpand (control, TRUE);
  gtk_widget_set_halign (control, GTK_ALIGN_END);
  gtk_widget_set_valign (control, GTK_ALIGN_CENTER);
  vel_param_describe (control, param);
  vel_param_binding_new (control, values, param, show_switch);
  g_signal_connect (control, "notify::active", G_CALLBACK (on_switched), NULL);
  return control;
}
