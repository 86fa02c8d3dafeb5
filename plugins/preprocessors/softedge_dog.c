/* Soft edges without a network: where a narrow and a wide blur differ.  SPDX-License-Identifier: Apache-2.0
 * Marr and Hildreth 1980: with a ratio of 1.6 the difference of Gaussians comes closest to the Laplacian. */
#include "plugins/preprocessors/gaussian.h"

#define N_(text) text /* for the translators' tools */

#define RATIO 1.6

/* The strongest of the three colours counts. */
static uint8_t
edge (const float narrow[3], const float wide[3], float strength)
{
  float most = 0;

  for (int c = 0; c < 3; c++)
    most = fmaxf (most, fabsf (narrow[c] - wide[c]));
  return (uint8_t) lrintf (fminf (most * strength, 255));
}

static bool
softedge_dog (const VelPreprocessorHost *host, VelPreparation *run, const VelPluginPicture *picture, uint8_t *rgb, uint8_t *marks)
{
  double sigma = host->param (run, "sigma");
  float strength = (float) host->param (run, "strength"), *narrow_row, *wide_row;
  size_t n = (size_t) picture->width * 3;
  Gaussian narrow, wide;

  if ((narrow_row = host->memory (run, n, sizeof (float))) == NULL || (wide_row = host->memory (run, n, sizeof (float))) == NULL ||
      !gaussian_open_real (&narrow, host, run, picture, sigma) || !gaussian_open_real (&wide, host, run, picture, sigma * RATIO))
    return false;
  for (uint32_t y = 0; y < picture->height; y++) {
    if (!host->proceed (run, (double) y / picture->height))
      return false;
    gaussian_row (&narrow, y, narrow_row);
    gaussian_row (&wide, y, wide_row);
    for (size_t i = 0; i < n; i++)
      rgb[y * n + i] = edge (narrow_row + i / 3 * 3, wide_row + i / 3 * 3, strength);
  }
  return true;
}

static const VelPluginParam params[] = {
  { "sigma", N_ ("Sigma"), N_ ("How wide an edge is, in pixels."), 0.3, 16, 1.5 },
  { "strength", N_ ("Strength"), N_ ("How bright edges become."), 0.1, 32, 6 },
  { NULL },
};

VEL_PLUGIN_EXPORT const VelPreprocessor vel_preprocessor = {
  VEL_PLUGIN_ABI,
  "softedge_dog",
  N_ ("Soft edges (difference of Gaussians)"),
  "softedge|dog",
  N_ ("Soft edges for networks of the HED kind, without a network."),
  .params = params,
  .run = softedge_dog,
};
