/* A schedule without a function.  SPDX-License-Identifier: Apache-2.0 */
#include "plugins/plugin.h"

VEL_PLUGIN_EXPORT const VelSchedule vel_schedule = { VEL_PLUGIN_ABI, "hollow", "Hollow" };
