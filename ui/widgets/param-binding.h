/* Ties a control to one value of a request, both ways and without echo.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

#include "engine/params.h"

typedef struct VelParamBinding VelParamBinding;

/* Puts the value into the control. */
typedef void (*VelParamShow) (GtkWidget *control, VelValues *values, const VelParam *param);

/* Runs `show` now and on every change from elsewhere. The control owns the binding, the binding keeps the values alive.
 * Returns: (transfer none) */
VelParamBinding *vel_param_binding_new (GtkWidget *control, VelValues *values, const VelParam *param, VelParamShow show);
/* The binding a control was given. (transfer none) */
VelParamBinding *vel_param_binding_of (GtkWidget *control);
VelValues *vel_param_binding_get_values (VelParamBinding *self);
const VelParam *vel_param_binding_get_param (VelParamBinding *self);
/* What a person entered; does nothing while `show` runs. A text that is not allowed marks the control with the "error" style and the
 * sentence as its tooltip, and leaves the value as it was. */
void vel_param_binding_store (VelParamBinding *self, const char *text);
/* Label and tooltip from the table, for eyes and for assistive tools. */
void vel_param_describe (GtkWidget *control, const VelParam *param);
