/* A picture's intensity: the strongest of its colours.  SPDX-License-Identifier: Apache-2.0
 * sd-webui-controlnet: V of OpenCV's HSV. */
#include "plugins/preprocessors/recolor.h"

#define N_(text) text /* for the translators' tools */

static void
strongest (const void *data, const uint8_t in[3], uint8_t out[3])
{
  uint8_t most = in[0] > in[1] ? in[0] : in[1];

  out[0] = out[1] = out[2] = ((const uint8_t *) data)[most > in[2] ? most : in[2]];
}

static bool
recolor_intensity (const VelPreprocessorHost *host, VelPreparation *run, const VelPluginPicture *picture, uint8_t *rgb, uint8_t *marks)
{
  uint8_t table[256];

  gamma_table (table, host->param (run, "gamma"));
  return each_pixel (host, run, picture, rgb, strongest, table);
}

static const VelPluginParam params[] = { GAMMA_ROW (N_ ("Below 1 the grey is lighter, above 1 darker.")), { NULL } };

VEL_PLUGIN_EXPORT const VelPreprocessor vel_preprocessor = {
  VEL_PLUGIN_ABI,   "recolor_intensity",      N_ ("Recolor (intensity)"), NULL, N_ ("Grey by the strongest colour, to be coloured anew."),
  .params = params, .run = recolor_intensity,
};
