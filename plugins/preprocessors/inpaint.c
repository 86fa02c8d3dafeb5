/* Tells the network what is to be painted anew.  SPDX-License-Identifier: Apache-2.0
 * sd-webui-controlnet's modules and diffusers' make_inpaint_condition: the marked part is given as -1, which no colour is. */
#include <string.h>

#include "plugins/plugin.h"

#define N_(text) text /* for the translators' tools */

static bool
inpaint (const VelPreprocessorHost *host, VelPreparation *run, const VelPluginPicture *picture, uint8_t *rgb, uint8_t *marks)
{
  if (picture->mask == NULL) {
    host->fail (run, N_ ("it needs a mask, light where the picture is to be painted anew"));
    return false;
  }
  for (size_t i = 0; i < (size_t) picture->width * picture->height; i++) {
    if (picture->mask[i] > 127)
      marks[i] = 255;
    else
      memcpy (rgb + i * 3, picture->rgb + i * 3, 3);
  }
  return true;
}

VEL_PLUGIN_EXPORT const VelPreprocessor vel_preprocessor = {
  VEL_PLUGIN_ABI,
  "inpaint",
  N_ ("Inpaint"),
  "inpaint_global_harmonious|inpaint_only",
  N_ ("Marks what the mask leaves to the network."),
  .flags = VEL_PREPROCESSOR_MARKS,
  .run = inpaint,
};
