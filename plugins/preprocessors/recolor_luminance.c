/* A picture's lightness.  SPDX-License-Identifier: Apache-2.0
 * sd-webui-controlnet: L of OpenCV's 8-bit Lab, which reckons in whole numbers from two tables; and, as there, of red and blue changed
 * about: it hands RGB to a function for BGR, and its users' networks are fed what comes of that. */
#include "plugins/preprocessors/recolor.h"

#define N_(text) text /* for the translators' tools */

#define LINEAR 8 /* steps of linear light for one of 255 */

typedef struct {
  uint16_t linear[256], root[256 * LINEAR * 3 / 2];
  uint8_t gamma[256];
} Tables;

static void
fill (Tables *self, double gamma)
{
  for (int i = 0; i < 256; i++) {
    double x = i / 255.0;

    self->linear[i] = (uint16_t) lrint (255 * LINEAR * (x <= 0.04045 ? x / 12.92 : pow ((x + 0.055) / 1.055, 2.4)));
  }
  for (int i = 0; i < 256 * LINEAR * 3 / 2; i++) {
    double x = i / (255.0 * LINEAR);

    self->root[i] = (uint16_t) lrint (32768 * (x < 216.0 / 24389 ? x * 841 / 108 + 16.0 / 116 : cbrt (x)));
  }
  gamma_table (self->gamma, gamma);
}

static void
lighten (const void *data, const uint8_t in[3], uint8_t out[3])
{
  const Tables *self = data;
  int y = (self->linear[in[2]] * 871 + self->linear[in[1]] * 2929 + self->linear[in[0]] * 296 + 2048) >> 12;
  int lightness = (296 * self->root[y] - (16 * 255 * 32768 + 50) / 100 + 16384) >> 15;

  out[0] = out[1] = out[2] = self->gamma[lightness];
}

static bool
recolor_luminance (const VelPreprocessorHost *host, VelPreparation *run, const VelPluginPicture *picture, uint8_t *rgb, uint8_t *marks)
{
  Tables *tables = host->memory (run, 1, sizeof *tables);

  if (tables == NULL)
    return false;
  fill (tables, host->param (run, "gamma"));
  return each_pixel (host, run, picture, rgb, lighten, tables);
}

static const VelPluginParam params[] = { GAMMA_ROW (N_ ("Below 1 the grey is lighter, above 1 darker.")), { NULL } };

VEL_PLUGIN_EXPORT const VelPreprocessor vel_preprocessor = {
  VEL_PLUGIN_ABI,
  "recolor_luminance",
  N_ ("Recolor (luminance)"),
  "recolor",
  N_ ("Grey as light as the picture is, to be coloured anew."),
  .params = params,
  .run = recolor_luminance,
};
