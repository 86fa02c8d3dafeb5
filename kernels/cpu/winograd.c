/* Winograd convolution whose weights are transformed on the way.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Transformed weights are four (m = 4) or almost two (m = 2) times as many as the weights, and fp32: kept, those of one UNet take
 * 5 GB. So some panels of output channels by a slice of the inner dimension are transformed into the second cache, used for all
 * tiles of a task, and forgotten. The pictures' tiles are transformed once, for all threads, block by block. */
#include "kernels/cpu/winograd.h"

#include "kernels/cpu/micro.h"
#include "kernels/cpu/winograd-transform.h"

#define SLICE 128                /* input channels transformed at once */
#define GROUP 2                  /* panels a task does together: each row of tiles is read once for both */
#define PAD 16                   /* numbers between the planes of different points, so that they do not share cache sets */
#define CHUNK 4                  /* tiles transformed by one task */
#define PART 96                  /* tiles a task multiplies: enough for the weights' transform to be a few hundredths of the work */
#define BLOCK ((size_t) 3 << 20) /* bytes of transformed tiles: a part of the third cache */
#define LEAST_BLOCK 48           /* tiles */

typedef struct {
  const VelConvArgs *args;
  const VelPictureSize *size;
  VelBackend *backend;
  const VelStore *store;
  const float *zeros;
  size_t rows, columns; /* of tiles in a picture */
  size_t first, count;  /* tiles of this block */
  size_t in_padded;     /* input channels, whole vectors */
  size_t tiles_plane;   /* numbers from one point to the next in `tiles` */
  size_t groups, parts; /* tasks: panels in groups, tiles in parts */
  size_t sums_plane;
  float *tiles; /* [points, block, in_padded] */
} Plan;

static size_t
cut (size_t n, size_t pieces, size_t i)
{
  return n / pieces * i + n % pieces * i / pieces;
}

/* Pixels under tile i of all; y and x are its first output. */
static void
find_tile (const Plan *plan, size_t i, unsigned m, size_t *picture, size_t *y, size_t *x)
{
  *picture = i / (plan->rows * plan->columns);
  *y = i / plan->columns % plan->rows * m;
  *x = i % plan->columns * m;
}

VEL_INLINE void
transform_tile (const Plan *plan, size_t i, unsigned m)
{
  const unsigned side = m + 2;
  const float *pixels[VEL_WINOGRAD_POINTS];
  size_t picture, y, x, in = plan->args->weight->in;

  find_tile (plan, plan->first + i, m, &picture, &y, &x);
  for (unsigned row = 0; row < side; row++)
    for (unsigned column = 0; column < side; column++)
      pixels[row * side + column] = vel_picture_pixel (plan->args, plan->size, picture, y + row, x + column, plan->zeros);
  for (size_t c = 0; c < in; c += 8) {
    V8 d[VEL_WINOGRAD_POINTS], half[VEL_WINOGRAD_POINTS];

    if (c + 8 <= in)
      for (unsigned point = 0; point < side * side; point++)
        d[point] = load8 (pixels[point] + c);
    else
      for (unsigned point = 0; point < side * side; point++)
        d[point] = load_part (pixels[point] + c, in - c);
    for (unsigned column = 0; column < side; column++)
      winograd_input (m, d + column, side, half + column, side);
    for (unsigned row = 0; row < side; row++)
      winograd_input (m, half + row * side, 1, d + row * side, 1);
    for (unsigned point = 0; point < side * side; point++)
      store8 (plan->tiles + point * plan->tiles_plane + i * plan->in_padded + c, d[point]);
  }
}

VEL_INLINE void
transform_tiles (const Plan *plan, size_t task, unsigned m)
{
  size_t end = vel_min ((task + 1) * CHUNK, plan->count);

  for (size_t i = task * CHUNK; i < end; i++)
    transform_tile (plan, i, m);
}

/* to: [points, n, VEL_PANEL], planes apart by n * VEL_PANEL + PAD. */
VEL_INLINE void
transform_weights (const VelPacked *weight, size_t panel, size_t k, size_t n, float *to, unsigned m)
{
  const unsigned side = m + 2;
  size_t plane = n * VEL_PANEL + PAD, tap = weight->in * VEL_PANEL;

  for (size_t i = 0; i < n; i++)
    for (unsigned half = 0; half < VEL_PANEL; half += 8) {
      size_t at = (panel * 9 * weight->in + k + i) * VEL_PANEL + half;
      V8 g[9], columns[VEL_WINOGRAD_SIDE * 3], out[VEL_WINOGRAD_SIDE];

      for (unsigned j = 0; j < 9; j++)
        g[j] = load_typed8 (weight->data, weight->type, at + j * tap);
      for (unsigned j = 0; j < 3; j++)
        winograd_weight (m, g + j, 3, columns + j, 3);
      for (unsigned row = 0; row < side; row++) {
        winograd_weight (m, columns + row * 3, 1, out, 1);
        for (unsigned column = 0; column < side; column++)
          store8 (to + (row * side + column) * plane + i * VEL_PANEL + half, out[column]);
      }
    }
}

/* Products of one slice at one point, for the tiles of a task and each panel of its group. */
static void
multiply_point (const Plan *plan, const float *tiles, size_t count, const float *weights, size_t weights_panel, size_t n, float *sums,
                size_t sums_panel, size_t group, bool accumulate)
{
  size_t pieces = vel_divide_up (count, VEL_MICRO_ROWS);

  for (size_t piece = 0; piece < pieces; piece++) {
    size_t row = cut (count, pieces, piece), rows = cut (count, pieces, piece + 1) - row;
    const float *a[VEL_MICRO_ROWS];

    for (size_t i = 0; i < rows; i++)
      a[i] = tiles + (row + i) * plan->in_padded;
    for (size_t i = 0; i < group; i++)
      vel_isa_micro[rows - 1](a, weights + i * weights_panel, n, sums + i * sums_panel + row * VEL_PANEL, VEL_PANEL, accumulate);
  }
}

/* The outputs of one tile and panel; those beyond the picture's edge are left out. */
VEL_INLINE void
store_tile (const Plan *plan, size_t i, size_t panel, const float *sums, unsigned m)
{
  const unsigned side = m + 2;
  V8 out[2][16];
  size_t picture, y, x;

  for (unsigned half = 0; half < 2; half++) {
    V8 s[VEL_WINOGRAD_POINTS], rows[4 * VEL_WINOGRAD_SIDE];

    for (unsigned point = 0; point < side * side; point++)
      s[point] = load8 (sums + point * plan->sums_plane + half * 8);
    for (unsigned column = 0; column < side; column++)
      winograd_output (m, s + column, side, rows + column, side);
    for (unsigned row = 0; row < m; row++)
      winograd_output (m, rows + row * side, 1, out[half] + row * m, 1);
  }
  find_tile (plan, i, m, &picture, &y, &x);
  for (unsigned row = 0; row < m && y + row < plan->size->out_height; row++)
    for (unsigned column = 0; column < m && x + column < plan->size->out_width; column++) {
      size_t pixel = (picture * plan->size->out_height + y + row) * plan->size->out_width + x + column;

      store_row (plan->store, out[0][row * m + column], out[1][row * m + column], pixel, panel);
    }
}

VEL_INLINE void
multiply_task (const Plan *plan, size_t task, unsigned thread, unsigned m)
{
  const VelPacked *weight = plan->args->weight;
  const unsigned points = (m + 2) * (m + 2);
  size_t part = task % plan->parts, group = task / plan->parts;
  size_t first = cut (plan->count, plan->parts, part), count = cut (plan->count, plan->parts, part + 1) - first;
  size_t panel = cut (weight->panels, plan->groups, group), panels = cut (weight->panels, plan->groups, group + 1) - panel;
  float *weights = plan->backend->own[thread], *sums = weights + GROUP * points * (SLICE * VEL_PANEL + PAD);
  size_t sums_panel = points * plan->sums_plane;

  for (size_t k = 0; k < weight->in; k += SLICE) {
    size_t n = vel_min (SLICE, weight->in - k), plane = n * VEL_PANEL + PAD;

    for (size_t i = 0; i < panels; i++)
      transform_weights (weight, panel + i, k, n, weights + i * points * plane, m);
    for (unsigned point = 0; point < points; point++)
      multiply_point (plan, plan->tiles + point * plan->tiles_plane + first * plan->in_padded + k, count, weights + point * plane,
                      points * plane, n, sums + point * plan->sums_plane, sums_panel, panels, k > 0);
  }
  for (size_t i = 0; i < count; i++)
    for (size_t j = 0; j < panels; j++)
      store_tile (plan, plan->first + first + i, panel + j, sums + j * sums_panel + i * VEL_PANEL, m);
}

static void
transform_tiles_2 (void *data, size_t task, unsigned thread)
{
  transform_tiles (data, task, 2);
}

static void
transform_tiles_4 (void *data, size_t task, unsigned thread)
{
  transform_tiles (data, task, 4);
}

static void
multiply_task_2 (void *data, size_t task, unsigned thread)
{
  multiply_task (data, task, thread, 2);
}

static void
multiply_task_4 (void *data, size_t task, unsigned thread)
{
  multiply_task (data, task, thread, 4);
}

unsigned
vel_winograd_side (const VelConvArgs *args, const VelPictureSize *size)
{
  size_t pictures = 2, direct, two, four; /* one with guidance, whatever the batch: a picture must not depend on those beside it */

  if (args->weight->taps != 9 || args->stride != 1)
    return 0;
  /* Steps of the micro-kernel for one input and output channel; transforming the weights counts as some more tiles. */
  direct = 9 * pictures * size->out_height * size->out_width;
  two = 16 * (pictures * vel_divide_up (size->out_height, 2) * vel_divide_up (size->out_width, 2) + 6);
  four = 36 * (pictures * vel_divide_up (size->out_height, 4) * vel_divide_up (size->out_width, 4) + 5);
  if (four <= two && four <= direct)
    return 4;
  return two <= direct ? 2 : 0;
}

void
vel_isa_winograd (VelBackend *backend, const VelConvArgs *args, const VelPictureSize *size, unsigned m, const float *zeros,
                  const VelStore *store)
{
  const VelPacked *weight = args->weight;
  unsigned points = (m + 2) * (m + 2);
  Plan plan = { args, size, backend, store, zeros, vel_divide_up (size->out_height, m), vel_divide_up (size->out_width, m) };
  size_t tiles = args->batch * plan.rows * plan.columns, block, blocks;

  plan.in_padded = vel_divide_up (weight->in, 8) * 8;
  block = BLOCK / (points * plan.in_padded * sizeof (float));
  block = block < LEAST_BLOCK ? LEAST_BLOCK : block;
  blocks = vel_divide_up (tiles, block);
  block = vel_divide_up (tiles, blocks);
  plan.tiles_plane = block * plan.in_padded + PAD;
  plan.groups = vel_divide_up (weight->panels, GROUP);
  plan.parts = vel_divide_up (block, PART);
  plan.sums_plane = vel_divide_up (block, plan.parts) * VEL_PANEL + PAD;
  plan.tiles = vel_cpu_shared_scratch (backend, points * plan.tiles_plane * sizeof (float));
  if (plan.tiles == NULL || !vel_cpu_own_scratch (backend, GROUP * points * (SLICE * VEL_PANEL + PAD + plan.sums_plane) * sizeof (float))) {
    vel_cpu_give_up (store->out, args->batch * size->out_height * size->out_width * weight->out);
    return;
  }
  for (plan.first = 0; plan.first < tiles; plan.first += block) {
    plan.count = vel_min (block, tiles - plan.first);
    vel_pool_run (backend->pool, vel_divide_up (plan.count, CHUNK), m == 2 ? transform_tiles_2 : transform_tiles_4, &plan);
    vel_pool_run (backend->pool, plan.groups * plan.parts, m == 2 ? multiply_task_2 : multiply_task_4, &plan);
  }
}
