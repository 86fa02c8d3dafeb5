/* Line art: what is darker than its surroundings.  SPDX-License-Identifier: Apache-2.0
 * sd-webui-controlnet: how far a pixel is below a wide blur, brought to half of full light at the median of what is seen at all. */
#include "plugins/preprocessors/gaussian.h"

#define N_(text) text /* for the translators' tools */

#define SEEN 8
#define LEAST_MEDIAN 16

typedef struct {
  float *depths; /* how far below, 0 .. 255 */
  size_t n;
} Depths;

static uint32_t
bits_of (float value)
{
  uint32_t bits;

  memcpy (&bits, &value, sizeof bits);
  return bits;
}

/* The one that `rank` of those above SEEN are not above. Floats that are not negative are in the order of their bits, which are counted by
 * their upper and then, of those with the right ones, by their lower half. counts: [65536] */
static float
find_ranked (const Depths *self, size_t rank, uint32_t *counts)
{
  uint32_t halves[2] = { 0 };
  float value;

  for (int half = 0; half < 2; half++) {
    memset (counts, 0, 65536 * sizeof *counts);
    for (size_t i = 0; i < self->n; i++) {
      uint32_t bits = bits_of (self->depths[i]);

      if (self->depths[i] > SEEN && (half == 0 || bits >> 16 == halves[0]))
        counts[half == 0 ? bits >> 16 : bits & 0xffff]++;
    }
    while (rank >= counts[halves[half]])
      rank -= counts[halves[half]++];
  }
  halves[0] = halves[0] << 16 | halves[1];
  memcpy (&value, halves, sizeof value);
  return value;
}

/* As numpy's: between the two in the middle where there is no middle one. */
static float
find_median (const Depths *self, uint32_t *counts)
{
  size_t seen = 0;

  for (size_t i = 0; i < self->n; i++)
    seen += self->depths[i] > SEEN;
  if (seen == 0)
    return 0;
  if (seen % 2 == 1)
    return find_ranked (self, seen / 2, counts);
  return (find_ranked (self, seen / 2 - 1, counts) + find_ranked (self, seen / 2, counts)) / 2;
}

static bool
lineart (const VelPreprocessorHost *host, VelPreparation *run, const VelPluginPicture *picture, uint8_t *rgb, uint8_t *marks)
{
  Depths depths = { .n = (size_t) picture->width * picture->height };
  float *row = host->memory (run, (size_t) picture->width * 3, sizeof *row), median;
  uint32_t *counts = host->memory (run, 65536, sizeof *counts);
  Gaussian gaussian;

  if (row == NULL || counts == NULL || (depths.depths = host->memory (run, depths.n, sizeof (float))) == NULL ||
      !gaussian_open_real (&gaussian, host, run, picture, 6))
    return false;
  for (uint32_t y = 0; y < picture->height; y++) {
    const uint8_t *from = picture->rgb + (size_t) y * picture->width * 3;

    if (!host->proceed (run, 0.8 * y / picture->height))
      return false;
    gaussian_row (&gaussian, y, row);
    for (uint32_t x = 0; x < picture->width; x++) {
      const uint8_t *here = from + (size_t) x * 3;
      const float *mean = row + (size_t) x * 3;
      float least = fminf (fminf (mean[0] - here[0], mean[1] - here[1]), mean[2] - here[2]);

      depths.depths[(size_t) y * picture->width + x] = fmaxf (least, 0);
    }
  }
  median = fmaxf (LEAST_MEDIAN, find_median (&depths, counts));
  for (size_t i = 0; i < depths.n; i++)
    rgb[i * 3] = rgb[i * 3 + 1] = rgb[i * 3 + 2] = (uint8_t) fminf (depths.depths[i] / median * 127, 255);
  return host->proceed (run, 1);
}

VEL_PLUGIN_EXPORT const VelPreprocessor vel_preprocessor = {
  VEL_PLUGIN_ABI,
  "lineart_standard",
  N_ ("Line art"),
  "lineart_standard (from white bg & black line)",
  N_ ("Drawn lines as white on black, for line art networks."),
  .run = lineart,
};
