/* Numbers that plugins ask a person for: options of the request, and back.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/params.h"
#include "plugins/plugin.h"

/* An option in the window's section "sampling". It is unset, so that each plugin keeps its own default where two have a number of the same
 * name; but yes or no has the plugin's. Its texts are the plugin's. */
VelParam vel_plugin_param_to_row (const VelPluginParam *param);
/* As the person set it, within the plugin's range, else the plugin's own default. request: (nullable) */
double vel_plugin_param_get (const VelPluginParam *param, VelValues *request);
/* All of a table, in its order. params: (nullable). Returns: (transfer full) (nullable): NULL for none */
double *vel_plugin_params_dup (const VelPluginParam *params, VelValues *request);
