/* Light for dark.  SPDX-License-Identifier: Apache-2.0 */
#include "plugins/preprocessors/each.h"

#define N_(text) text /* for the translators' tools */

static void
turn (const void *data, const uint8_t in[3], uint8_t out[3])
{
  for (int c = 0; c < 3; c++)
    out[c] = (uint8_t) (255 - in[c]);
}

static bool
invert (const VelPreprocessorHost *host, VelPreparation *run, const VelPluginPicture *picture, uint8_t *rgb, uint8_t *marks)
{
  return each_pixel (host, run, picture, rgb, turn, NULL);
}

VEL_PLUGIN_EXPORT const VelPreprocessor vel_preprocessor = {
  VEL_PLUGIN_ABI,
  "invert",
  N_ ("Invert"),
  "invert (from white bg & black line)",
  N_ ("Light for dark: black lines on white become the white lines on black that networks know."),
  .run = invert,
};
