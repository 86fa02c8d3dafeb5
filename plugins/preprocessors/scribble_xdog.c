/* Lines as of a thick pen, by the difference of two blurs.  SPDX-License-Identifier: Apache-2.0
 * After Winnemoeller et al. 2012, "XDoG", as sd-webui-controlnet has it. There twice the difference is a byte that turns over: where it is
 * 128 or more the line has a hole, which is part of what its users get. */
#include "plugins/preprocessors/gaussian.h"

#define N_(text) text /* for the translators' tools */

static bool
is_line (const float narrow[3], const float wide[3], double threshold)
{
  float least = fminf (fminf (wide[0] - narrow[0], wide[1] - narrow[1]), wide[2] - narrow[2]), light = 255 - least;
  uint8_t byte = light < 0 ? 0 : light > 255 ? 255 : (uint8_t) light;

  return (uint8_t) (2 * (255 - byte)) > threshold;
}

static bool
scribble_xdog (const VelPreprocessorHost *host, VelPreparation *run, const VelPluginPicture *picture, uint8_t *rgb, uint8_t *marks)
{
  double threshold = host->param (run, "threshold");
  size_t n = (size_t) picture->width * 3;
  float *narrow_row = host->memory (run, n, sizeof (float)), *wide_row = host->memory (run, n, sizeof (float));
  Gaussian narrow, wide;

  if (narrow_row == NULL || wide_row == NULL || !gaussian_open_real (&narrow, host, run, picture, 0.5) ||
      !gaussian_open_real (&wide, host, run, picture, 5))
    return false;
  for (uint32_t y = 0; y < picture->height; y++) {
    if (!host->proceed (run, (double) y / picture->height))
      return false;
    gaussian_row (&narrow, y, narrow_row);
    gaussian_row (&wide, y, wide_row);
    for (size_t i = 0; i < n; i++)
      rgb[y * n + i] = is_line (narrow_row + i / 3 * 3, wide_row + i / 3 * 3, threshold) ? 255 : 0;
  }
  return true;
}

static const VelPluginParam params[] = {
  { "threshold", N_ ("Threshold"), N_ ("The lower, the more becomes a line."), 1, 64, 32, VEL_PLUGIN_WHOLE },
  { NULL },
};

VEL_PLUGIN_EXPORT const VelPreprocessor vel_preprocessor = {
  VEL_PLUGIN_ABI,   "scribble_xdog",      N_ ("Scribble (XDoG)"), "xdog", N_ ("Lines as of a thick pen, for scribble networks."),
  .params = params, .run = scribble_xdog,
};
