/* Edges, as lines one pixel wide.  SPDX-License-Identifier: Apache-2.0
 * Canny 1986, to the bit as OpenCV's Canny finds them (Sobel of 3 x 3, the gradient's length as |dx| + |dy|, of the three colours the one
 * with the longest): what sd-webui-controlnet and diffusers' examples use. */
#include <stdlib.h>

#include "plugins/plugin.h"

#define N_(text) text /* for the translators' tools */

#define TAN_22 13573 /* tan (22.5 degrees) of 2^15 */

/* What is known of a pixel. From FROM on: an edge, reached from the neighbour in that direction. */
enum { NOTHING, WEAK, STRONG, EDGE, FROM };

typedef struct {
  int length, dx, dy;
} Gradient;

typedef struct {
  long width, height;
  const uint8_t *rgb;
  int low, high;
  Gradient *rows[3]; /* [width + 2] each: above, here, below; those beyond the picture have no length */
  uint8_t *map;      /* [height + 2, width + 2] */
} Canny;

static long
clamp (long i, long n)
{
  return i < 0 ? 0 : i >= n ? n - 1 : i;
}

/* Of one row; the picture goes on with its edge pixels. */
static void
find_gradients (const Canny *self, long y, Gradient *row)
{
  const uint8_t *lines[3];

  for (long i = 0; i < 3; i++)
    lines[i] = self->rgb + (size_t) clamp (y + i - 1, self->height) * (size_t) self->width * 3;
  for (long x = 0; x < self->width; x++) {
    long left = clamp (x - 1, self->width) * 3, right = clamp (x + 1, self->width) * 3, here = x * 3;
    Gradient longest = { -1, 0, 0 };

    for (long c = 0; c < 3; c++) {
      const uint8_t *a = lines[0] + c, *b = lines[1] + c, *d = lines[2] + c;
      int dx = a[right] - a[left] + 2 * (b[right] - b[left]) + d[right] - d[left];
      int dy = d[left] - a[left] + 2 * (d[here] - a[here]) + d[right] - a[right];

      if (abs (dx) + abs (dy) > longest.length)
        longest = (Gradient){ abs (dx) + abs (dy), dx, dy };
    }
    row[x + 1] = longest;
  }
}

/* Whether no neighbour along the gradient is steeper; of equal ones the first is taken. */
static bool
is_ridge (const Canny *self, long x)
{
  const Gradient *above = self->rows[0] + x + 1, *here = self->rows[1] + x + 1, *below = self->rows[2] + x + 1;
  int64_t across = (int64_t) abs (here->dx) * TAN_22, up = (int64_t) abs (here->dy) << 15;
  int m = here->length;
  long side;

  if (up < across) /* flatter than 22.5 degrees */
    return m > here[-1].length && m >= here[1].length;
  if (up > across + ((int64_t) abs (here->dx) << 16)) /* steeper than 67.5: tan 67.5 = tan 22.5 + 2 */
    return m > above->length && m >= below->length;
  side = (here->dx ^ here->dy) < 0 ? -1 : 1;
  return m > above[-side].length && m > below[side].length;
}

static bool
find_ridges (Canny *self, const VelPreprocessorHost *host, VelPreparation *run)
{
  find_gradients (self, 0, self->rows[2]);
  for (long y = 0; y < self->height; y++) {
    Gradient *oldest = self->rows[0];
    uint8_t *map = self->map + (size_t) (y + 1) * (size_t) (self->width + 2) + 1;

    if (!host->proceed (run, 0.7 * (double) y / (double) self->height))
      return false;
    self->rows[0] = self->rows[1];
    self->rows[1] = self->rows[2];
    self->rows[2] = oldest;
    if (y + 1 < self->height)
      find_gradients (self, y + 1, oldest);
    else
      for (long x = 0; x < self->width; x++)
        oldest[x + 1] = (Gradient){ 0 };
    for (long x = 0; x < self->width; x++)
      if (self->rows[1][x + 1].length > self->low && is_ridge (self, x))
        map[x] = self->rows[1][x + 1].length > self->high ? STRONG : WEAK;
  }
  return true;
}

/* Makes edges of all ridges that hang together with this one. The way back is kept in the map, so that no stack is needed, which in a large
 * picture would be as large. */
static void
follow (uint8_t *map, size_t start, const ptrdiff_t ways[8])
{
  size_t at = start;

  map[at] = EDGE;
  for (;;) {
    uint8_t way = 0, came;

    while (way < 8 && map[at + (size_t) ways[way]] != WEAK && map[at + (size_t) ways[way]] != STRONG)
      way++;
    if (way < 8) {
      at += (size_t) ways[way];
      map[at] = (uint8_t) (FROM + way);
    } else if (at == start)
      return;
    else {
      came = (uint8_t) (map[at] - FROM);
      at -= (size_t) ways[came];
    }
  }
}

static bool
canny (const VelPreprocessorHost *host, VelPreparation *run, const VelPluginPicture *picture, uint8_t *rgb, uint8_t *marks)
{
  Canny self = { picture->width, picture->height, picture->rgb, (int) host->param (run, "low"), (int) host->param (run, "high") };
  size_t stride = (size_t) self.width + 2;
  const ptrdiff_t wide = (ptrdiff_t) stride, ways[8] = { 1, -1, wide, -wide, wide + 1, wide - 1, 1 - wide, -1 - wide };

  if (self.low > self.high) {
    int low = self.high;

    self.high = self.low;
    self.low = low;
  }
  for (int i = 0; i < 3; i++)
    if ((self.rows[i] = host->memory (run, stride, sizeof (Gradient))) == NULL)
      return false;
  if ((self.map = host->memory (run, (size_t) self.height + 2, stride)) == NULL || !find_ridges (&self, host, run))
    return false;
  for (size_t y = 1; y <= (size_t) self.height; y++) {
    if (!host->proceed (run, 0.7 + 0.2 * (double) y / (double) self.height))
      return false;
    for (size_t x = 1; x <= (size_t) self.width; x++)
      if (self.map[y * stride + x] == STRONG)
        follow (self.map, y * stride + x, ways);
  }
  for (size_t y = 0; y < (size_t) self.height; y++)
    for (size_t i = 0; i < (size_t) self.width * 3; i++)
      rgb[y * (size_t) self.width * 3 + i] = self.map[(y + 1) * stride + 1 + i / 3] >= EDGE ? 255 : 0;
  return true;
}

static const VelPluginParam params[] = {
  { "low", N_ ("Low threshold"), N_ ("How steep the colours have to change for an edge that goes on from a stronger one."), 0, 256, 100,
    VEL_PLUGIN_WHOLE },
  { "high", N_ ("High threshold"), N_ ("How steep the colours have to change for an edge to begin."), 0, 256, 200, VEL_PLUGIN_WHOLE },
  { NULL },
};

VEL_PLUGIN_EXPORT const VelPreprocessor vel_preprocessor = {
  VEL_PLUGIN_ABI, "canny", "Canny", NULL, N_ ("Edges as thin lines, for canny networks."), .params = params, .run = canny,
};
