/* A slider beside a figure that can be typed over.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/widgets/param-binding.h"
#include "ui/widgets/param-control.h"

#include <glib/gi18n.h>
#include <math.h>

static int
count_digits (const VelParam *param)
{
  int digits = 0;

  if (param->type == VEL_PARAM_INT)
    return 0;
  for (double step = param->step > 0 ? param->step : 0.01; digits < 3 && fabs (step - round (step)) > 1e-9; step *= 10)
    digits++;
  return MAX (digits, 1);
}

/* A value that only the model knows is shown as a word, not as a number that will not be used. */
static gboolean
is_automatic (VelValues *values, const VelParam *param)
{
  return param->standard[0] == '\0' && !vel_values_is_set (values, param->name);
}

static const char *
name_unset (const VelParam *param)
{
  return param->unset != NULL ? _(param->unset) : _("Auto");
}

/* As many decimals as the step has, and more only where a person typed more: "7.0", "7.25". */
static gboolean
on_output (GtkSpinButton *figure)
{
  VelParamBinding *binding = vel_param_binding_of (GTK_WIDGET (figure));
  double value = gtk_spin_button_get_value (figure);
  guint digits = gtk_spin_button_get_digits (figure);
  g_autofree char *text = NULL;

  if (binding != NULL && is_automatic (vel_param_binding_get_values (binding), vel_param_binding_get_param (binding)))
    text = g_strdup (name_unset (vel_param_binding_get_param (binding)));
  else if (digits > 0 && fabs (value * pow (10, digits) - round (value * pow (10, digits))) > 1e-6)
    text = g_strdup_printf ("%.*f", digits + 1, value);
  else
    text = g_strdup_printf ("%.*f", digits, value);
  if (!g_str_equal (gtk_editable_get_text (GTK_EDITABLE (figure)), text))
    gtk_editable_set_text (GTK_EDITABLE (figure), text);
  return TRUE;
}

/* An emptied figure goes back to the default; any other word leaves the value as it is. */
static int
on_input (GtkSpinButton *figure, double *value)
{
  VelParamBinding *binding = vel_param_binding_of (GTK_WIDGET (figure));
  const char *text = gtk_editable_get_text (GTK_EDITABLE (figure));
  char *end;

  *value = g_strtod (text, &end);
  if (end == text)
    *value = gtk_spin_button_get_value (figure);
  if (text[0] == '\0' && binding != NULL)
    vel_param_binding_store (binding, "");
  return TRUE;
}

/* The slider follows without answering: a figure beyond its end pins it there and must not be pulled back. */
static void
move_scale (GtkWidget *figure, double value)
{
  GtkRange *scale = g_object_get_data (G_OBJECT (figure), "scale");

  if (scale == NULL)
    return;
  g_signal_handlers_block_matched (scale, G_SIGNAL_MATCH_DATA, 0, 0, NULL, NULL, figure);
  gtk_range_set_value (scale, value);
  g_signal_handlers_unblock_matched (scale, G_SIGNAL_MATCH_DATA, 0, 0, NULL, NULL, figure);
}

static void
show_value (GtkWidget *figure, VelValues *values, const VelParam *param)
{
  double value = param->type == VEL_PARAM_INT ? (double) vel_values_get_int (values, param->name)
                                              : vel_values_get_real (values, param->name);

  gtk_spin_button_set_value (GTK_SPIN_BUTTON (figure), value);
  on_output (GTK_SPIN_BUTTON (figure));
  move_scale (figure, value);
}

static void
store (GtkWidget *figure, double value)
{
  VelParamBinding *binding = vel_param_binding_of (figure);
  const VelParam *param = vel_param_binding_get_param (binding);
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  if (param->step > 1)
    value = param->minimum + round ((value - param->minimum) / param->step) * param->step;
  if (param->type == VEL_PARAM_INT)
    g_snprintf (text, sizeof text, "%" G_GINT64_FORMAT, (gint64) llround (value));
  else
    g_ascii_formatd (text, sizeof text, "%.6g", value);
  vel_param_binding_store (binding, text);
}

static void
on_figure_changed (GtkSpinButton *figure)
{
  double value = gtk_spin_button_get_value (figure);

  store (GTK_WIDGET (figure), value);
  on_output (figure); /* "Auto" gives way to the figure */
  move_scale (GTK_WIDGET (figure), value);
}

static void
on_scale_changed (GtkRange *scale, GtkSpinButton *figure)
{
  GtkAdjustment *range = gtk_range_get_adjustment (scale);
  double low = gtk_adjustment_get_lower (range), step = gtk_adjustment_get_step_increment (range);
  double value = low + round ((gtk_range_get_value (scale) - low) / step) * step;

  gtk_spin_button_set_value (figure, value);
}

static GtkWidget *
make_scale (const VelParam *param, GtkWidget *figure)
{
  gboolean own = param->slider_maximum > param->slider_minimum;
  double low = own ? param->slider_minimum : param->minimum;
  double high = own ? param->slider_maximum : param->maximum;
  double step = param->step > 0 ? param->step : (high - low) / 100;
  GtkWidget *scale = gtk_scale_new_with_range (GTK_ORIENTATION_HORIZONTAL, low, high, step);

  gtk_widget_set_hexpand (scale, TRUE);
  gtk_scale_set_draw_value (GTK_SCALE (scale), FALSE);
  gtk_range_set_round_digits (GTK_RANGE (scale), count_digits (param));
  vel_param_describe (scale, param);
  g_signal_connect_object (scale, "value-changed", G_CALLBACK (on_scale_changed), figure, 0);
  return scale;
}

GtkWidget *
vel_param_number_new (VelValues *values, const VelParam *param)
{
  gboolean bounded = param->maximum > param->minimum;
  double step = param->step > 0 ? param->step : (param->type == VEL_PARAM_INT ? 1 : 0.1);
  double low = bounded ? param->minimum : -1e6, high = bounded ? param->maximum : 1e6;
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 8);
  GtkWidget *figure = gtk_spin_button_new_with_range (low, high, step);
  gboolean has_slider = bounded && (param->slider_maximum > param->slider_minimum || (high - low) / step <= 1000);

  gtk_widget_add_css_class (figure, "figure");
  gtk_spin_button_set_numeric (GTK_SPIN_BUTTON (figure), FALSE); /* "Auto" */
  gtk_spin_button_set_digits (GTK_SPIN_BUTTON (figure), count_digits (param));
  gtk_spin_button_set_snap_to_ticks (GTK_SPIN_BUTTON (figure), param->step > 1);
  gtk_editable_set_width_chars (GTK_EDITABLE (figure), 4);
  gtk_editable_set_max_width_chars (GTK_EDITABLE (figure), 6);
  gtk_editable_set_alignment (GTK_EDITABLE (figure), 1);
  gtk_widget_set_valign (figure, GTK_ALIGN_CENTER);
  vel_param_describe (figure, param);
  if (has_slider) {
    GtkWidget *scale = make_scale (param, figure);

    g_object_set_data (G_OBJECT (figure), "scale", scale);
    gtk_box_append (GTK_BOX (box), scale);
  } else {
    gtk_widget_set_hexpand (figure, TRUE);
    gtk_widget_set_halign (figure, GTK_ALIGN_END);
  }
  gtk_box_append (GTK_BOX (box), figure);
  g_signal_connect (figure, "output", G_CALLBACK (on_output), NULL);
  g_signal_connect (figure, "input", G_CALLBACK (on_input), NULL);
  vel_param_binding_new (figure, values, param, show_value);
  g_signal_connect (figure, "value-changed", G_CALLBACK (on_figure_changed), NULL);
  return box;
}
