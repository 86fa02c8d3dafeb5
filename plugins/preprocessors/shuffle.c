/* A picture's colours and strokes, moved about until nothing can be recognised.  SPDX-License-Identifier: Apache-2.0
 * sd-webui-controlnet's content shuffle: two slow waves of noise say from where each pixel comes. Equal to it where numpy's generator is
 * seeded before; there it never is. */
#include <math.h>
#include <string.h>

#include "plugins/plugin.h"

#define N_(text) text /* for the translators' tools */

#define WAVE 256 /* pixels between two numbers drawn */

/* Matsumoto and Nishimura 1998, MT19937, with numpy's doubles of 53 bits. */
typedef struct {
  uint32_t state[624];
  unsigned at;
} Twister;

static void
twister_seed (Twister *self, uint32_t seed)
{
  self->state[0] = seed;
  for (uint32_t i = 1; i < 624; i++)
    self->state[i] = 1812433253u * (self->state[i - 1] ^ self->state[i - 1] >> 30) + i;
  self->at = 624;
}

static uint32_t
twister_draw (Twister *self)
{
  uint32_t y;

  if (self->at == 624) {
    for (unsigned i = 0; i < 624; i++) {
      uint32_t both = (self->state[i] & 0x80000000u) | (self->state[(i + 1) % 624] & 0x7fffffffu);

      self->state[i] = self->state[(i + 397) % 624] ^ both >> 1 ^ (both & 1 ? 0x9908b0dfu : 0);
    }
    self->at = 0;
  }
  y = self->state[self->at++];
  y ^= y >> 11;
  y ^= y << 7 & 0x9d2c5680u;
  y ^= y << 15 & 0xefc60000u;
  return y ^ y >> 18;
}

static double
twister_uniform (Twister *self)
{
  uint32_t high = twister_draw (self) >> 5, low = twister_draw (self) >> 6;

  return (high * 67108864.0 + low) / 9007199254740992.0;
}

/* Noise as large as a picture, between 0 and 1: a few numbers and what lies between them. */
typedef struct {
  long rows, width, height;
  double *stretched; /* [rows, width]: the numbers, already as wide as the picture */
  double least, most;
} Waves;

/* OpenCV's INTER_CUBIC: where `at` of `n` new places lies among `old` ones, and the weights of the four about it. */
static void
find_place (long at, long n, long old, long places[4], float weights[4])
{
  const float a = -0.75f;
  float x = (float) (((double) at + 0.5) * (1 / ((double) n / (double) old)) - 0.5);
  long first = (long) floorf (x);

  x -= (float) first;
  weights[0] = ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a;
  weights[1] = ((a + 2) * x - (a + 3)) * x * x + 1;
  weights[2] = ((a + 2) * (1 - x) - (a + 3)) * (1 - x) * (1 - x) + 1;
  weights[3] = 1.f - weights[0] - weights[1] - weights[2];
  for (long i = 0; i < 4; i++) {
    long place = first - 1 + i;

    places[i] = place < 0 ? 0 : place >= old ? old - 1 : place;
  }
}

/* out: [width], between whatever numbers. */
static void
waves_raw_row (const Waves *self, long y, double *out)
{
  long places[4];
  float weights[4];

  find_place (y + WAVE, self->height + 2 * WAVE, self->rows, places, weights);
  for (long x = 0; x < self->width; x++) {
    double value = 0;

    for (long i = 0; i < 4; i++)
      value += self->stretched[places[i] * self->width + x] * (double) weights[i];
    out[x] = value;
  }
}

/* scratch: [width]. False if the host said so. */
static bool
waves_make (Waves *self, const VelPreprocessorHost *host, VelPreparation *run, Twister *twister, const VelPluginPicture *picture,
            double *scratch)
{
  long columns = (long) picture->width / WAVE + 2;
  double *drawn = host->memory (run, (size_t) columns, sizeof *drawn);

  *self = (Waves){ (long) picture->height / WAVE + 2, (long) picture->width, (long) picture->height, .least = INFINITY, .most = -INFINITY };
  self->stretched = host->memory (run, (size_t) self->rows * picture->width, sizeof (double));
  if (drawn == NULL || self->stretched == NULL)
    return false;
  for (long row = 0; row < self->rows; row++) {
    for (long i = 0; i < columns; i++)
      drawn[i] = twister_uniform (twister);
    for (long x = 0; x < self->width; x++) {
      long places[4];
      float weights[4];
      double value = 0;

      find_place (x + WAVE, self->width + 2 * WAVE, columns, places, weights);
      for (long i = 0; i < 4; i++)
        value += drawn[places[i]] * (double) weights[i];
      self->stretched[row * self->width + x] = value;
    }
  }
  for (long y = 0; y < self->height; y++) {
    if (!host->proceed (run, 0))
      return false;
    waves_raw_row (self, y, scratch);
    for (long x = 0; x < self->width; x++) {
      self->least = fmin (self->least, scratch[x]);
      self->most = fmax (self->most, scratch[x]);
    }
  }
  return true;
}

/* out: [width], 0 .. longest. */
static void
waves_row (const Waves *self, long y, double longest, double *out)
{
  double range = self->most - self->least;

  waves_raw_row (self, y, out);
  for (long x = 0; x < self->width; x++)
    out[x] = range > 0 ? (out[x] - self->least) / range * longest : 0;
}

/* OpenCV 4's remap of 8-bit pictures: between pixels in 32nds. */
static void
fetch (const VelPluginPicture *picture, float x, float y, uint8_t out[3])
{
  long fine_x = lrintf (x * 32), fine_y = lrintf (y * 32);
  uint32_t left = (uint32_t) (fine_x >> 5), top = (uint32_t) (fine_y >> 5), dx = fine_x & 31, dy = fine_y & 31;
  uint32_t right = left + 1 < picture->width ? left + 1 : left, bottom = top + 1 < picture->height ? top + 1 : top;
  const uint8_t *above = picture->rgb + (size_t) top * picture->width * 3, *below = picture->rgb + (size_t) bottom * picture->width * 3;

  for (uint32_t c = 0; c < 3; c++) {
    uint32_t upper = above[(size_t) left * 3 + c] * (32 - dx) + above[(size_t) right * 3 + c] * dx;
    uint32_t lower = below[(size_t) left * 3 + c] * (32 - dx) + below[(size_t) right * 3 + c] * dx;

    out[c] = (uint8_t) ((upper * (32 - dy) + lower * dy + 512) >> 10);
  }
}

static bool
shuffle (const VelPreprocessorHost *host, VelPreparation *run, const VelPluginPicture *picture, uint8_t *rgb, uint8_t *marks)
{
  double *from_x = host->memory (run, picture->width, sizeof (double)), *from_y = host->memory (run, picture->width, sizeof (double));
  Twister *twister = host->memory (run, 1, sizeof *twister);
  Waves x_waves, y_waves;

  if (from_x == NULL || from_y == NULL || twister == NULL)
    return false;
  twister_seed (twister, (uint32_t) host->param (run, "seed"));
  if (!waves_make (&x_waves, host, run, twister, picture, from_x) || !waves_make (&y_waves, host, run, twister, picture, from_x))
    return false;
  for (uint32_t y = 0; y < picture->height; y++) {
    if (!host->proceed (run, (double) y / picture->height))
      return false;
    waves_row (&x_waves, y, picture->width - 1.0, from_x);
    waves_row (&y_waves, y, picture->height - 1.0, from_y);
    for (uint32_t x = 0; x < picture->width; x++)
      fetch (picture, (float) from_x[x], (float) from_y[x], rgb + ((size_t) y * picture->width + x) * 3);
  }
  return true;
}

static const VelPluginParam params[] = {
  { "seed", N_ ("Seed"), N_ ("Which of all the ways to move it about."), 0, 4294967295, 0, VEL_PLUGIN_WHOLE },
  { NULL },
};

VEL_PLUGIN_EXPORT const VelPreprocessor vel_preprocessor = {
  VEL_PLUGIN_ABI,
  "shuffle",
  N_ ("Shuffle"),
  "content_shuffle",
  N_ ("Colours and strokes without the things they show, for shuffle networks."),
  .params = params,
  .run = shuffle,
};
