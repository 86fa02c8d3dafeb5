/* The widget of any option: its label, then the control its type asks for.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

#include "engine/params.h"

/* param: a row of the values' table. Returns: (transfer floating) */
GtkWidget *vel_param_row_new (VelValues *values, const VelParam *param);
/* A row of the same shape around any control. Returns: (transfer floating) */
GtkWidget *vel_param_row_new_with (const char *label, GtkWidget *control);
/* The control of a row. (transfer none) */
GtkWidget *vel_param_row_get_control (GtkWidget *row);
