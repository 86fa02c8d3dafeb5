/* Asks for a picture that can not be.  SPDX-License-Identifier: Apache-2.0 */
#include "plugins/plugin.h"

static void
dream (const VelPreprocessorHost *host, VelPreparation *run, const VelPluginPicture *picture, uint32_t *width, uint32_t *height)
{
  *width = 0;
  *height = 70000;
}

static bool
write_one (const VelPreprocessorHost *host, VelPreparation *run, const VelPluginPicture *picture, uint8_t *rgb, uint8_t *marks)
{
  rgb[0] = 1;
  return true;
}

VEL_PLUGIN_EXPORT const VelPreprocessor vel_preprocessor = { VEL_PLUGIN_ABI, "boundless", "Boundless", .size = dream, .run = write_one };
