/* Numbers that plugins ask for.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/sampling/plugin-params.h"

#include <math.h>

/* A slider needs two ends. */
static void
set_numbers (VelParam *row, const VelPluginParam *param)
{
  row->minimum = param->minimum;
  row->maximum = param->maximum;
  row->slider_minimum = isfinite (param->minimum) ? param->minimum : param->standard - 10;
  row->slider_maximum = isfinite (param->maximum) ? param->maximum : row->slider_minimum + 20;
  row->step = row->type == VEL_PARAM_INT ? 1 : (row->slider_maximum - row->slider_minimum) / 100;
}

VelParam
vel_plugin_param_to_row (const VelPluginParam *param)
{
  static const VelParamType types[] = { VEL_PARAM_REAL, VEL_PARAM_INT, VEL_PARAM_BOOL, VEL_PARAM_CHOICE };
  VelParam row = { param->name, param->label, "", param->help != NULL ? param->help : "", types[param->kind], VEL_PARAM_NONE,
                   .standard = "", .group = "sampling" };

  if (param->kind == VEL_PLUGIN_YES_NO)
    row.standard = param->standard != 0 ? "true" : "false";
  else if (param->kind == VEL_PLUGIN_CHOICE)
    row.choices = param->choices;
  else
    set_numbers (&row, param);
  return row;
}

static double
find_choice (const VelPluginParam *param, const char *text)
{
  g_auto (GStrv) choices = g_strsplit (param->choices, "|", -1);

  for (guint i = 0; choices[i] != NULL; i++)
    if (g_str_equal (choices[i], text))
      return i;
  return param->standard;
}

double
vel_plugin_param_get (const VelPluginParam *param, VelValues *request)
{
  if (request == NULL || !vel_values_is_set (request, param->name))
    return param->standard;
  if (param->kind == VEL_PLUGIN_YES_NO)
    return vel_values_get_bool (request, param->name);
  if (param->kind == VEL_PLUGIN_CHOICE)
    return find_choice (param, vel_values_get (request, param->name));
  return CLAMP (vel_values_get_real (request, param->name), param->minimum, param->maximum);
}

double *
vel_plugin_params_dup (const VelPluginParam *params, VelValues *request)
{
  guint n = 0;
  double *values;

  while (params != NULL && params[n].name != NULL)
    n++;
  values = n > 0 ? g_new (double, n) : NULL;
  for (guint i = 0; i < n; i++)
    values[i] = vel_plugin_param_get (&params[i], request);
  return values;
}
