/* Ties a control to one value of a request, both ways and without echo.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/widgets/param-binding.h"

#include <glib/gi18n.h>

#define KEY "vel-param-binding"

struct VelParamBinding {
  GtkWidget *control; /* the owner */
  VelValues *values;
  const VelParam *param;
  VelParamShow show;
  gboolean showing;
};

static void
binding_free (gpointer data)
{
  VelParamBinding *self = data;

  g_object_unref (self->values);
  g_free (self);
}

static void
on_value_changed (GtkWidget *control)
{
  VelParamBinding *self = vel_param_binding_of (control);

  if (self->showing)
    return;
  self->showing = TRUE;
  self->show (control, self->values, self->param);
  self->showing = FALSE;
}

VelParamBinding *
vel_param_binding_new (GtkWidget *control, VelValues *values, const VelParam *param, VelParamShow show)
{
  VelParamBinding *self = g_new0 (VelParamBinding, 1);
  g_autofree char *signal = g_strconcat ("changed::", param->name, NULL);

  self->control = control;
  self->values = g_object_ref (values);
  self->param = param;
  self->show = show;
  g_object_set_data_full (G_OBJECT (control), KEY, self, binding_free);
  g_signal_connect_object (values, signal, G_CALLBACK (on_value_changed), control, G_CONNECT_SWAPPED);
  on_value_changed (control);
  return self;
}

VelParamBinding *
vel_param_binding_of (GtkWidget *control)
{
  return g_object_get_data (G_OBJECT (control), KEY);
}

VelValues *
vel_param_binding_get_values (VelParamBinding *self)
{
  return self->values;
}

const VelParam *
vel_param_binding_get_param (VelParamBinding *self)
{
  return self->param;
}

void
vel_param_binding_store (VelParamBinding *self, const char *text)
{
  g_autoptr (GError) error = NULL;

  if (self->showing)
    return;
  self->showing = TRUE;
  if (vel_values_set (self->values, self->param->name, text, &error)) {
    gtk_widget_remove_css_class (self->control, "error");
    vel_param_describe (self->control, self->param);
  } else {
    gtk_widget_add_css_class (self->control, "error");
    gtk_widget_set_tooltip_text (self->control, error->message);
  }
  self->showing = FALSE;
}

void
vel_param_describe (GtkWidget *control, const VelParam *param)
{
  if (param->help != NULL && param->help[0] != '\0')
    gtk_widget_set_tooltip_text (control, _(param->help));
  gtk_accessible_update_property (GTK_ACCESSIBLE (control), GTK_ACCESSIBLE_PROPERTY_LABEL, _(param->label), -1);
}
