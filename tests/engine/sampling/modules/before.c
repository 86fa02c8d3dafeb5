/* A preprocessor built for an interface that had none.  SPDX-License-Identifier: Apache-2.0 */
#include "plugins/plugin.h"

VEL_PLUGIN_EXPORT const uint32_t vel_preprocessor[64] = { VEL_PLUGIN_ABI - 1, 0xffffffff, 0xffffffff };
