/* The widget of any option.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/widgets/param-row.h"
#include "ui/widgets/param-control.h"

#include <glib/gi18n.h>

static GtkWidget *
make_control (VelValues *values, const VelParam *param)
{
  switch (param->type) {
  case VEL_PARAM_BOOL:
    return vel_param_switch_new (values, param);
  case VEL_PARAM_INT:
  case VEL_PARAM_REAL:
    return vel_param_number_new (values, param);
  case VEL_PARAM_SEED:
    return vel_param_seed_new (values, param);
  case VEL_PARAM_CHOICE:
    return vel_param_choice_new (values, param);
  case VEL_PARAM_FILE:
    return vel_param_file_new (values, param);
  case VEL_PARAM_TEXT:
    break;
  }
  return vel_param_text_new (values, param);
}

GtkWidget *
vel_param_row_new_with (const char *label, GtkWidget *control)
{
  GtkWidget *row = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 8);
  GtkWidget *name = gtk_label_new (label);

  gtk_widget_add_css_class (row, "param-row");
  gtk_label_set_xalign (GTK_LABEL (name), 0);
  gtk_label_set_ellipsize (GTK_LABEL (name), PANGO_ELLIPSIZE_END);
  gtk_widget_add_css_class (name, "param-label");
  gtk_box_append (GTK_BOX (row), name);
  gtk_box_append (GTK_BOX (row), control);
  return row;
}

GtkWidget *
vel_param_row_new (VelValues *values, const VelParam *param)
{
  GtkWidget *row = vel_param_row_new_with (_(param->label), make_control (values, param));

  if (param->help != NULL && param->help[0] != '\0')
    gtk_widget_set_tooltip_text (row, _(param->help));
  return row;
}

GtkWidget *
vel_param_row_get_control (GtkWidget *row)
{
  return gtk_widget_get_last_child (row);
}
