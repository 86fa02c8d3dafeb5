/* The picture with fewer pixels, for tile networks.  SPDX-License-Identifier: Apache-2.0
 * sd-webui-controlnet: OpenCV's resize with INTER_AREA, a pixel being the mean of what it covers; rates below 1.1 leave it as it is. */
#include <math.h>
#include <string.h>

#include "plugins/plugin.h"

#define N_(text) text /* for the translators' tools */

#define LEAST_RATE 1.1
#define SPECK 1e-3 /* of a pixel, which is not counted */

/* What one new pixel takes of an old one, along one side. */
typedef struct {
  uint32_t from, to;
  float share;
} Share;

static void
find_size (const VelPreprocessorHost *host, VelPreparation *run, const VelPluginPicture *picture, uint32_t *width, uint32_t *height)
{
  double rate = host->param (run, "rate");

  if (rate < LEAST_RATE)
    return;
  *width = (uint32_t) fmax (1, picture->width / rate);
  *height = (uint32_t) fmax (1, picture->height / rate);
}

/* Of the old pixels of a side, in order. shares: room for all of them and two for each new one. Returns: how many there are */
static uint32_t
share_out (Share *shares, uint32_t old, uint32_t fresh)
{
  double scale = 1 / ((double) fresh / old);
  uint32_t n = 0;

  for (uint32_t to = 0; to < fresh; to++) {
    double start = to * scale, end = start + scale, width = fmin (scale, old - start);
    long last = (long) fmin (floor (end), old - 1.0), first = (long) fmin (ceil (start), (double) last);

    if (first - start > SPECK)
      shares[n++] = (Share){ (uint32_t) first - 1, to, (float) ((first - start) / width) };
    for (long from = first; from < last; from++)
      shares[n++] = (Share){ (uint32_t) from, to, (float) (1 / width) };
    if (end - last > SPECK)
      shares[n++] = (Share){ (uint32_t) last, to, (float) (fmin (fmin (end - last, 1), width) / width) };
  }
  return n;
}

static void
put_row (const float *sums, size_t n, uint8_t *out)
{
  for (size_t i = 0; i < n; i++)
    out[i] = (uint8_t) lrintf (fminf (fmaxf (sums[i], 0), 255));
}

/* Sides of whole old pixels are added up as whole numbers. */
static bool
shrink_whole (const VelPreprocessorHost *host, VelPreparation *run, const VelPluginPicture *picture, uint32_t width, uint32_t height,
              uint8_t *rgb)
{
  uint32_t across = picture->width / width, down = picture->height / height;
  float share = 1.0f / (float) (across * down);

  for (uint32_t y = 0; y < height; y++) {
    if (!host->proceed (run, (double) y / height))
      return false;
    for (uint32_t i = 0; i < width * 3; i++) {
      const uint8_t *from = picture->rgb + ((size_t) y * down * picture->width + i / 3 * across) * 3 + i % 3;
      uint32_t sum = 0;

      for (uint32_t k = 0; k < across * down; k++)
        sum += from[((size_t) (k / across) * picture->width + k % across) * 3];
      rgb[(size_t) y * width * 3 + i] = (uint8_t) (across == 2 && down == 2 ? (sum + 2) >> 2 : (uint32_t) lrintf ((float) sum * share));
    }
  }
  return true;
}

static bool
shrink (const VelPreprocessorHost *host, VelPreparation *run, const VelPluginPicture *picture, uint32_t width, uint32_t height,
        uint8_t *rgb)
{
  size_t n = (size_t) width * 3;
  Share *across = host->memory (run, (size_t) picture->width + 2 * (size_t) width, sizeof *across);
  Share *down = host->memory (run, (size_t) picture->height + 2 * (size_t) height, sizeof *down);
  float *row = host->memory (run, n, sizeof *row), *sums = host->memory (run, n, sizeof *sums);
  uint32_t n_across, n_down;

  if (across == NULL || down == NULL || row == NULL || sums == NULL)
    return false;
  n_across = share_out (across, picture->width, width);
  n_down = share_out (down, picture->height, height);
  for (uint32_t k = 0; k < n_down; k++) {
    const uint8_t *from = picture->rgb + (size_t) down[k].from * picture->width * 3;

    if (!host->proceed (run, (double) k / n_down))
      return false;
    memset (row, 0, n * sizeof *row);
    for (uint32_t i = 0; i < n_across; i++)
      for (uint32_t c = 0; c < 3; c++)
        row[across[i].to * 3 + c] += (float) from[across[i].from * 3 + c] * across[i].share;
    for (size_t i = 0; i < n; i++)
      sums[i] = (k > 0 && down[k - 1].to == down[k].to ? sums[i] : 0) + down[k].share * row[i];
    put_row (sums, n, rgb + down[k].to * n);
  }
  return true;
}

static bool
tile_resample (const VelPreprocessorHost *host, VelPreparation *run, const VelPluginPicture *picture, uint8_t *rgb, uint8_t *marks)
{
  uint32_t width = picture->width, height = picture->height;

  find_size (host, run, picture, &width, &height);
  if (width == picture->width && height == picture->height) {
    memcpy (rgb, picture->rgb, (size_t) width * height * 3);
    return true;
  }
  if (picture->width % width == 0 && picture->height % height == 0)
    return shrink_whole (host, run, picture, width, height, rgb);
  return shrink (host, run, picture, width, height, rgb);
}

static const VelPluginParam params[] = {
  { "rate", N_ ("Down sampling"), N_ ("How many times smaller each side becomes; below 1.1 the picture stays as it is."), 1, 8, 1 },
  { NULL },
};

VEL_PLUGIN_EXPORT const VelPreprocessor vel_preprocessor = {
  VEL_PLUGIN_ABI,   "tile_resample",   N_ ("Tile"),          "tile", N_ ("The picture itself, or with fewer pixels, for tile networks."),
  .params = params, .size = find_size, .run = tile_resample,
};
