/* Wants more memory than there is, and goes on as if nothing were.  SPDX-License-Identifier: Apache-2.0 */
#include "plugins/plugin.h"

static bool
grab (const VelPreprocessorHost *host, VelPreparation *run, const VelPluginPicture *picture, uint8_t *rgb, uint8_t *marks)
{
  for (int i = 0; i < 3; i++)
    host->memory (run, SIZE_MAX / 2, 1 + (size_t) i);
  return true;
}

VEL_PLUGIN_EXPORT const VelPreprocessor vel_preprocessor = { VEL_PLUGIN_ABI, "greedy", "Greedy", .run = grab };
