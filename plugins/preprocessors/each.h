/* Preprocessors in which every pixel stands alone.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "plugins/plugin.h"

static inline uint8_t
darkest (const uint8_t rgb[3])
{
  uint8_t least = rgb[0] < rgb[1] ? rgb[0] : rgb[1];

  return least < rgb[2] ? least : rgb[2];
}

/* Calls func for every pixel. False if the host said so. */
static inline bool
each_pixel (const VelPreprocessorHost *host, VelPreparation *run, const VelPluginPicture *picture, uint8_t *rgb,
            void (*func) (const void *data, const uint8_t in[3], uint8_t out[3]), const void *data)
{
  for (uint32_t y = 0; y < picture->height; y++) {
    size_t row = (size_t) y * picture->width;

    if (!host->proceed (run, (double) y / picture->height))
      return false;
    for (uint32_t x = 0; x < picture->width; x++)
      func (data, picture->rgb + (row + x) * 3, rgb + (row + x) * 3);
  }
  return true;
}
