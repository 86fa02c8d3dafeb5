/* A preprocessor without a function.  SPDX-License-Identifier: Apache-2.0 */
#include "plugins/plugin.h"

VEL_PLUGIN_EXPORT const VelPreprocessor vel_preprocessor = { VEL_PLUGIN_ABI, "idle", "Idle" };
