/* Blocks of rows times panels of columns.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A block of rows by a slice of the inner dimension stays in the second cache while all panels of a task pass over it; the slice
 * of a panel is made fp32 once and stays in the first cache while all rows of the block pass over it. Sums run along the inner
 * dimension in one fixed order, whatever the tasks: the result does not depend on the number of threads. */
#include "kernels/cpu/product.h"

#include "kernels/cpu/micro.h"

#include <string.h>

#define BLOCK_ROWS 192
#define SLICE 384 /* steps along the inner dimension: 24 KiB of a panel */
#define TILES (BLOCK_ROWS / VEL_MICRO_ROWS)
#define TILE (VEL_MICRO_ROWS * VEL_PANEL)
#define MAX_PANELS 80 /* of a task whose sums have to be kept between slices */
#define LITTLE 20000  /* steps of a row by a panel: some microseconds, not worth waking a thread */
#define FEW_PANELS 6  /* too few to pay for copying the block */

typedef struct {
  const VelProduct *product;
  size_t row_blocks, column_blocks;
  size_t slices, slice;   /* of each tap, and their length */
  const float **pointers; /* [taps, block rows] */
  float *panel;           /* [slice, VEL_PANEL] */
  float *block;           /* [block rows, slice] */
  float *sums;            /* [panels of a task, tiles, TILE] */
} Plan;

/* Piece i of `n` things cut into `pieces` as evenly as can be. */
static size_t
cut (size_t n, size_t pieces, size_t i)
{
  return n / pieces * i + n % pieces * i / pieces;
}

static size_t
round_up (size_t n, size_t to)
{
  return vel_divide_up (n, to) * to;
}

static void
store_tile (const VelStore *store, const float *tile, size_t row, size_t rows, size_t panel)
{
  for (size_t i = 0; i < rows; i++)
    store_row (store, load8 (tile + i * VEL_PANEL), load8 (tile + i * VEL_PANEL + 8), row + i, panel);
}

/* One panel's slice over all rows of the block. */
static void
multiply_slice (const Plan *plan, const float *b, const float *const *rows, size_t n, size_t first_row, size_t count, float *sums,
                size_t panel, bool is_first, bool is_last)
{
  size_t tiles = vel_divide_up (count, VEL_MICRO_ROWS);

  for (size_t tile = 0; tile < tiles; tile++) {
    size_t row = cut (count, tiles, tile), tile_rows = cut (count, tiles, tile + 1) - row;
    float *c = sums + tile * TILE;

    vel_isa_micro[tile_rows - 1](rows + row, b, n, c, VEL_PANEL, !is_first);
    if (is_last)
      store_tile (&plan->product->store, c, first_row + row, tile_rows, panel);
  }
}

/* The slice of all rows side by side: one page after the other instead of a page for each row. */
static void
copy_rows (float *to, const float **rows, size_t k, size_t n, size_t count)
{
  for (size_t i = 0; i < count; i++, to += n) {
    memcpy (to, rows[i] + k, n * sizeof *to);
    rows[i] = to;
  }
}

static void
run_task (void *data, size_t task, unsigned thread)
{
  const Plan *shared = data;
  const VelProduct *product = shared->product;
  const VelPacked *weight = product->weight;
  Plan plan = *shared;
  size_t row_block = task % plan.row_blocks, column_block = task / plan.row_blocks;
  size_t row = cut (product->rows, plan.row_blocks, row_block);
  size_t count = cut (product->rows, plan.row_blocks, row_block + 1) - row;
  size_t panel = cut (weight->panels, plan.column_blocks, column_block);
  size_t last_panel = cut (weight->panels, plan.column_blocks, column_block + 1);
  size_t n_slices = weight->taps * plan.slices;

  plan.pointers = product->backend->own[thread];
  plan.panel = (float *) ((char *) plan.pointers + round_up (weight->taps * BLOCK_ROWS * sizeof *plan.pointers, 64));
  plan.block = plan.panel + SLICE * VEL_PANEL;
  plan.sums = plan.block + BLOCK_ROWS * SLICE;
  product->find_rows (product->data, row, count, plan.pointers);
  for (size_t i = 0; i < n_slices; i++) {
    size_t tap = i / plan.slices, k = i % plan.slices * plan.slice;
    size_t n = vel_min (plan.slice, weight->in - k);
    const float *rows[BLOCK_ROWS];

    memcpy (rows, plan.pointers + tap * count, count * sizeof *rows);
    if (last_panel - panel > FEW_PANELS)
      copy_rows (plan.block, rows, k, n, count);
    else
      for (size_t r = 0; r < count; r++)
        rows[r] += k;
    for (size_t p = panel; p < last_panel; p++) {
      size_t at = ((p * weight->taps + tap) * weight->in + k) * VEL_PANEL;
      const float *b = (const float *) weight->data + at;

      if (weight->type != VEL_F32) {
        vel_isa_expand (plan.panel, weight->data, weight->type, at, n * VEL_PANEL);
        b = plan.panel;
      }
      multiply_slice (&plan, b, rows, n, row, count, plan.sums + (n_slices > 1 ? p - panel : 0) * TILES * TILE, p, i == 0,
                      i + 1 == n_slices);
    }
  }
}

void
vel_isa_product (const VelProduct *self)
{
  const VelPacked *weight = self->weight;
  double steps = (double) self->rows * (double) weight->panels * (double) weight->in * (double) weight->taps;
  size_t wanted = self->backend->threads > 1 && steps > LITTLE ? self->backend->threads * 6 : 1;
  size_t panels, bytes;
  Plan plan = { .product = self };

  if (self->rows == 0 || weight->panels == 0)
    return;
  plan.slices = vel_divide_up (weight->in, SLICE);
  plan.slice = round_up (vel_divide_up (weight->in, plan.slices), 4);
  plan.row_blocks = vel_divide_up (self->rows, BLOCK_ROWS);
  plan.column_blocks = vel_divide_up (wanted, plan.row_blocks);
  if (plan.column_blocks * MAX_PANELS < weight->panels)
    plan.column_blocks = vel_divide_up (weight->panels, MAX_PANELS);
  plan.column_blocks = vel_min (plan.column_blocks, weight->panels);
  panels = vel_divide_up (weight->panels, plan.column_blocks);
  bytes = round_up (weight->taps * BLOCK_ROWS * sizeof *plan.pointers, 64) + SLICE * (VEL_PANEL + BLOCK_ROWS) * sizeof (float) +
          panels * TILES * TILE * sizeof (float);
  if (!vel_cpu_own_scratch (self->backend, bytes)) {
    vel_cpu_give_up (self->store.out, self->rows * self->store.columns);
    return;
  }
  vel_pool_run (self->backend->pool, plan.row_blocks * plan.column_blocks, run_task, &plan);
}
