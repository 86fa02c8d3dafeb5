/* Straight lines without a network.  SPDX-License-Identifier: Apache-2.0
 * After von Gioi et al. 2010, "LSD: a fast line segment detector with a false detection control": regions of pixels whose colour changes in
 * one direction, and of those the ones that are thin rectangles. In place of the paper's false alarm rate stands the length asked for. */
#include "plugins/preprocessors/gaussian.h"

#define N_(text) text /* for the translators' tools */

#define TOLERANCE 0.3926990817 /* 22.5 degrees */
#define LEAST_CHANGE 5.2       /* of 255, the paper's 2 / sin (22.5 degrees): below it rounding decides the direction */
#define LEAST_DENSITY 0.6      /* of a rectangle that is a line */
#define MOST_BEND 0.2618       /* 15 degrees: an arc of what a region may have in it bends by 45 */
#define BLUR 1.0               /* sigma */
#define LEVELS 16

typedef struct {
  long width, height;
  float *angles, *changes; /* [height, width], the last row and column of it unused */
  uint8_t *used;           /* [height, width] */
  uint32_t *region;        /* [height * width] of places, of which count are the region */
  size_t count;
  double angle; /* the region's */
} Lines;

typedef struct {
  double x0, y0, x1, y1;
  double density; /* of the rectangle */
  double bend;    /* from one end to the other, in radians */
} Segment;

static double
grey_of (const float rgb[3])
{
  return 0.299 * (double) rgb[0] + 0.587 * (double) rgb[1] + 0.114 * (double) rgb[2];
}

/* here, below: two rows, [width, 3]. By masks of 2 x 2, as the paper has it: they reach least far. An angle is that of the edge, the
 * lighter side on its right. */
static void
find_changes_of_row (Lines *self, long y, const float *here, const float *below)
{
  for (long x = 0; x + 1 < self->width; x++) {
    double a = grey_of (here + x * 3), b = grey_of (here + x * 3 + 3), c = grey_of (below + x * 3), d = grey_of (below + x * 3 + 3);
    double dx = (b + d - a - c) / 2, dy = (c + d - a - b) / 2;

    self->changes[y * self->width + x] = (float) sqrt (dx * dx + dy * dy);
    self->angles[y * self->width + x] = (float) atan2 (dx, -dy);
  }
}

/* Of the picture a little blurred: the stairs of a slanted edge have no direction. */
static bool
find_changes (Lines *self, const VelPreprocessorHost *host, VelPreparation *run, const VelPluginPicture *picture)
{
  float *here = host->memory (run, (size_t) self->width * 3, sizeof *here),
        *below = host->memory (run, (size_t) self->width * 3, sizeof *below);
  Gaussian gaussian;

  if (here == NULL || below == NULL || !gaussian_open_real (&gaussian, host, run, picture, BLUR))
    return false;
  gaussian_row (&gaussian, 0, here);
  for (long y = 0; y + 1 < self->height; y++) {
    float *last = here;

    if (!host->proceed (run, 0.3 * (double) y / (double) self->height))
      return false;
    gaussian_row (&gaussian, y + 1, below);
    find_changes_of_row (self, y, here, below);
    here = below;
    below = last;
  }
  return true;
}

static double
turn_between (double a, double b)
{
  double turn = fabs (a - b);

  return turn > M_PI ? 2 * M_PI - turn : turn;
}

/* All that hangs together with the seed and goes in the direction of the others. */
static void
grow (Lines *self, size_t seed)
{
  double x = cos (self->angles[seed]), y = sin (self->angles[seed]);

  self->region[0] = (uint32_t) seed;
  self->used[seed] = 1;
  self->angle = self->angles[seed];
  self->count = 1;
  for (size_t i = 0; i < self->count; i++) {
    long at_x = (long) (self->region[i] % (size_t) self->width), at_y = (long) (self->region[i] / (size_t) self->width);

    for (long k = 0; k < 9; k++) {
      long near_x = at_x + k % 3 - 1, near_y = at_y + k / 3 - 1;
      size_t near = (size_t) (near_y * self->width + near_x);

      if (near_x < 0 || near_y < 0 || near_x >= self->width || near_y >= self->height || self->used[near] ||
          self->changes[near] < LEAST_CHANGE || turn_between (self->angles[near], self->angle) > TOLERANCE)
        continue;
      self->used[near] = 1;
      self->region[self->count++] = (uint32_t) near;
      x += cos (self->angles[near]);
      y += sin (self->angles[near]);
      self->angle = atan2 (y, x);
    }
  }
}

/* The rectangle about a region along its axis of least inertia, as the line in its middle. */
static Segment
fit (const Lines *self)
{
  double mass = 0, x = 0, y = 0, xx = 0, yy = 0, xy = 0, theta, along[2] = { 0, 0 }, across, bend = 0, length;

  for (size_t i = 0; i < self->count; i++) {
    double m = self->changes[self->region[i]];

    mass += m;
    x += m * (double) (self->region[i] % (size_t) self->width);
    y += m * (double) (self->region[i] / (size_t) self->width);
  }
  x /= mass;
  y /= mass;
  for (size_t i = 0; i < self->count; i++) {
    double m = self->changes[self->region[i]], dx = (double) (self->region[i] % (size_t) self->width) - x;
    double dy = (double) (self->region[i] / (size_t) self->width) - y;

    xx += m * dx * dx;
    yy += m * dy * dy;
    xy += m * dx * dy;
  }
  theta = atan2 (2 * xy, xx - yy) / 2;
  for (size_t i = 0; i < self->count; i++) {
    double dx = (double) (self->region[i] % (size_t) self->width) - x, dy = (double) (self->region[i] / (size_t) self->width) - y;
    double l = dx * cos (theta) + dy * sin (theta);

    along[0] = fmin (along[0], l);
    along[1] = fmax (along[1], l);
    bend += self->changes[self->region[i]] * l * remainder (self->angles[self->region[i]] - self->angle, 2 * M_PI);
  }
  length = along[1] - along[0] + 1;
  /* of pixels that lie evenly over a width it is 12 times their variance; the few far off do not count for more than that */
  across = fmax ((xx + yy - hypot (xx - yy, 2 * xy)) / 2, 0) / mass;
  /* changes are between pixels, half a pixel on */
  return (Segment){ x + 0.5 + along[0] * cos (theta),
                    y + 0.5 + along[0] * sin (theta),
                    x + 0.5 + along[1] * cos (theta),
                    y + 0.5 + along[1] * sin (theta),
                    (double) self->count / (length * (sqrt (12 * across) + 1)),
                    fabs (bend) / fmax ((xx + yy + hypot (xx - yy, 2 * xy)) / 2, 1e-9) * length };
}

/* A line is dense, straight and long enough. */
static bool
is_line (const Segment *self, double length)
{
  return self->density >= LEAST_DENSITY && self->bend <= MOST_BEND && hypot (self->x1 - self->x0, self->y1 - self->y0) + 1 >= length;
}

static void
draw (const Lines *self, const Segment *segment, uint8_t *rgb)
{
  double dx = segment->x1 - segment->x0, dy = segment->y1 - segment->y0;
  long steps = lrint (ceil (fmax (fabs (dx), fabs (dy))));

  for (long i = 0; i <= steps; i++) {
    double share = steps > 0 ? (double) i / (double) steps : 0;
    long x = lrint (floor (segment->x0 + share * dx)), y = lrint (floor (segment->y0 + share * dy));
    uint8_t *out = rgb + (size_t) (y * self->width + x) * 3;

    if (x >= 0 && y >= 0 && x < self->width && y < self->height)
      out[0] = out[1] = out[2] = 255;
  }
}

/* Leaves of a region what goes as the seed does. */
static void
straighten (Lines *self, size_t seed)
{
  size_t kept = 0;

  for (size_t i = 0; i < self->count; i++)
    if (turn_between (self->angles[self->region[i]], self->angles[seed]) <= TOLERANCE / 2)
      self->region[kept++] = self->region[i];
  self->count = kept;
}

/* Whether its neighbours go the same way: where two edges meet no line begins. */
static bool
is_sure (const Lines *self, size_t seed)
{
  long at_x = (long) (seed % (size_t) self->width), at_y = (long) (seed / (size_t) self->width);
  int n = 0;

  for (long k = 0; k < 9; k++) {
    long near_x = at_x + k % 3 - 1, near_y = at_y + k / 3 - 1;
    size_t near = (size_t) (near_y * self->width + near_x);

    n += near_x >= 0 && near_y >= 0 && near_x < self->width && near_y < self->height && self->changes[near] >= LEAST_CHANGE &&
         turn_between (self->angles[near], self->angles[seed]) <= TOLERANCE / 4;
  }
  return n >= 6;
}

/* A region that is no line loses its curved ends and is tried once more. Its pixels stay used: each is grown over once, whatever the
 * picture. */
static void
try_seed (Lines *self, size_t seed, double length, uint8_t *rgb)
{
  Segment segment;

  grow (self, seed);
  if ((double) self->count < length)
    return;
  segment = fit (self);
  if (!is_line (&segment, length)) {
    straighten (self, seed);
    segment = fit (self);
  }
  if (is_line (&segment, length))
    draw (self, &segment, rgb);
}

static bool
straight_lines (const VelPreprocessorHost *host, VelPreparation *run, const VelPluginPicture *picture, uint8_t *rgb, uint8_t *marks)
{
  size_t n = (size_t) picture->width * picture->height;
  double length = host->param (run, "length");
  Lines self = { (long) picture->width, (long) picture->height };

  if ((self.angles = host->memory (run, n, sizeof (float))) == NULL || (self.changes = host->memory (run, n, sizeof (float))) == NULL ||
      (self.used = host->memory (run, n, 1)) == NULL || (self.region = host->memory (run, n, sizeof (uint32_t))) == NULL ||
      !find_changes (&self, host, run, picture))
    return false;
  /* strong changes first: their directions are the surest */
  for (int level = LEVELS - 1; level >= 0; level--) {
    double least = fmax (LEAST_CHANGE, 256.0 * level / LEVELS);

    for (size_t i = 0; i < n; i++) {
      if (i % picture->width == 0 && !host->proceed (run, 0.3 + 0.7 * (LEVELS - 1 - level + (double) i / (double) n) / LEVELS))
        return false;
      if (!self.used[i] && self.changes[i] >= least && is_sure (&self, i))
        try_seed (&self, i, length, rgb);
    }
  }
  return true;
}

static const VelPluginParam params[] = {
  { "length", N_ ("Shortest line"), N_ ("Lines that are shorter are left out, in pixels."), 4, 1024, 24 },
  { NULL },
};

VEL_PLUGIN_EXPORT const VelPreprocessor vel_preprocessor = {
  VEL_PLUGIN_ABI,
  "straight_lines",
  N_ ("Straight lines"),
  NULL,
  N_ ("Edges of rooms and houses, for networks of the MLSD kind, without a network."),
  .params = params,
  .run = straight_lines,
};
