/* Blurred by Gauss's bell curve.  SPDX-License-Identifier: Apache-2.0
 * OpenCV's GaussianBlur of 8-bit pictures, which reckons in whole numbers: weights of 1/256 whose rounding is carried from each to the
 * next, and one rounding at the end. Floats hold all these numbers exactly: none is above 255 * 2^16. */
#include "plugins/preprocessors/gaussian.h"

#define N_(text) text /* for the translators' tools */

static void
fill_weights (Gaussian *self, double sigma)
{
  double sum = 1, carried = 0, left = 256;

  for (long i = 1; i <= self->reach; i++)
    sum += 2 * gaussian_weight (i, sigma);
  for (long i = self->reach; i > 0; i--) {
    double share = gaussian_weight (i, sigma) / sum * 256 + carried, whole = rint (share);

    carried = share - whole;
    self->weights[self->reach - i] = self->weights[self->reach + i] = (float) whole;
    left -= 2 * whole;
  }
  self->weights[self->reach] = (float) left;
}

static bool
blur (const VelPreprocessorHost *host, VelPreparation *run, const VelPluginPicture *picture, uint8_t *rgb, uint8_t *marks)
{
  double sigma = host->param (run, "sigma");
  size_t n = (size_t) picture->width * 3;
  float *row = host->memory (run, n, sizeof *row);
  Gaussian gaussian;

  if (row == NULL || !gaussian_open (&gaussian, host, run, picture, (lrint (sigma * 6 + 1) | 1) / 2))
    return false;
  fill_weights (&gaussian, sigma);
  for (uint32_t y = 0; y < picture->height; y++) {
    if (!host->proceed (run, (double) y / picture->height))
      return false;
    gaussian_row (&gaussian, y, row);
    for (size_t i = 0; i < n; i++)
      rgb[y * n + i] = (uint8_t) (((uint32_t) row[i] + (1u << 15)) >> 16);
  }
  return true;
}

static const VelPluginParam params[] = {
  { "sigma", N_ ("Sigma"), N_ ("How wide the blur is, in pixels."), 0.01, 64, 9 },
  { NULL },
};

VEL_PLUGIN_EXPORT const VelPreprocessor vel_preprocessor = {
  VEL_PLUGIN_ABI,   "blur_gaussian", N_ ("Blur"), "blur", N_ ("For networks that paint detail into a blurred picture."),
  .params = params, .run = blur,
};
