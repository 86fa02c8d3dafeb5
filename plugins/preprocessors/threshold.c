/* White where a picture is light, else black.  SPDX-License-Identifier: Apache-2.0
 * sd-webui-controlnet: the darkest of the three colours counts. */
#include "plugins/preprocessors/each.h"

#define N_(text) text /* for the translators' tools */

static void
choose (const void *data, const uint8_t in[3], uint8_t out[3])
{
  out[0] = out[1] = out[2] = darkest (in) > *(const double *) data ? 255 : 0;
}

static bool
threshold (const VelPreprocessorHost *host, VelPreparation *run, const VelPluginPicture *picture, uint8_t *rgb, uint8_t *marks)
{
  double level = host->param (run, "threshold");

  return each_pixel (host, run, picture, rgb, choose, &level);
}

static const VelPluginParam params[] = {
  { "threshold", N_ ("Threshold"), N_ ("Above it a pixel is white."), 0, 255, 127, VEL_PLUGIN_WHOLE },
  { NULL },
};

VEL_PLUGIN_EXPORT const VelPreprocessor vel_preprocessor = {
  VEL_PLUGIN_ABI,   "threshold",      N_ ("Threshold"), "binary", N_ ("White where the picture is light, else black."),
  .params = params, .run = threshold,
};
