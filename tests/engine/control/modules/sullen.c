/* Fails and does not say why.  SPDX-License-Identifier: Apache-2.0 */
#include "plugins/plugin.h"

static bool
refuse (const VelPreprocessorHost *host, VelPreparation *run, const VelPluginPicture *picture, uint8_t *rgb, uint8_t *marks)
{
  return false;
}

VEL_PLUGIN_EXPORT const VelPreprocessor vel_preprocessor = { VEL_PLUGIN_ABI, "sullen", "Sullen", .run = refuse };
