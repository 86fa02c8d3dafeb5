/* A module of another program.  SPDX-License-Identifier: Apache-2.0 */
#include "plugins/plugin.h"

VEL_PLUGIN_EXPORT const int something_else = 1;
