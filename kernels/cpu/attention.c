/* Attention in blocks: scores of some rows against some keys, never all of them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Milakov & Gimelshein 2018, Dao et al. 2022: the largest score and the sum so far go along from block to block, and what was
 * summed before is scaled when a larger one appears. Keys and values of one picture are first brought into panels. */
#include "kernels/cpu/micro.h"
#include "kernels/cpu/vector.h"

#include <math.h>

#define ROWS 48 /* of a task */
#define PACK 64 /* keys packed in one task */

typedef struct {
  const VelAttentionArgs *args;
  VelBackend *backend;
  size_t picture;
  size_t key_panels, value_panels; /* of VEL_PANEL keys; of VEL_PANEL columns */
  size_t key_head, value_head;     /* elements of one head */
  size_t block;                    /* keys at once, a multiple of VEL_PANEL */
  size_t stride;                   /* from one row of scores to the next: a little more, so that rows do not share cache sets */
  size_t row_blocks;
  float *keys;   /* [heads, key panels, head_dim, VEL_PANEL] */
  float *values; /* [heads, value panels, keys, VEL_PANEL] */
} Plan;

/* What a task keeps for its rows. */
typedef struct {
  float *q;      /* [ROWS, head_dim], scaled */
  float *scores; /* [ROWS, stride] */
  float *sums;   /* [ROWS, value panels, VEL_PANEL] */
  float largest[ROWS], total[ROWS];
} Rows;

static void
pack_keys (const Plan *plan, size_t head, size_t first, size_t end)
{
  const VelAttentionArgs *args = plan->args;
  const float *k = (const float *) args->k + plan->picture * args->keys * args->k_stride + head * args->head_dim;
  float *to = plan->keys + head * plan->key_head;

  for (size_t panel = first / VEL_PANEL; panel * VEL_PANEL < end; panel++)
    for (size_t i = 0; i < args->head_dim; i++)
      for (size_t j = 0; j < VEL_PANEL; j++) {
        size_t key = panel * VEL_PANEL + j;

        to[(panel * args->head_dim + i) * VEL_PANEL + j] = key < args->keys ? k[key * args->k_stride + i] : 0;
      }
}

static void
pack_values (const Plan *plan, size_t head, size_t first, size_t end)
{
  const VelAttentionArgs *args = plan->args;
  const float *v = (const float *) args->v + plan->picture * args->keys * args->v_stride + head * args->head_dim;
  float *to = plan->values + head * plan->value_head;

  for (size_t panel = 0; panel < plan->value_panels; panel++)
    for (size_t key = first; key < end; key++)
      for (size_t j = 0; j < VEL_PANEL; j++) {
        size_t column = panel * VEL_PANEL + j;

        to[(panel * args->keys + key) * VEL_PANEL + j] = column < args->head_dim ? v[key * args->v_stride + column] : 0;
      }
}

static void
pack_task (void *data, size_t task, unsigned thread)
{
  const Plan *plan = data;
  size_t chunks = vel_divide_up (plan->args->keys, PACK), head = task / chunks, first = task % chunks * PACK;
  size_t end = vel_min (first + PACK, plan->args->keys);

  pack_keys (plan, head, first, end);
  pack_values (plan, head, first, end);
}

/* scores[row][0 .. n) for keys from `first`; columns up to the next panel are filled too. */
static void
score (const Plan *plan, const Rows *rows, size_t count, size_t head, size_t first, size_t n)
{
  size_t dim = plan->args->head_dim;

  for (size_t panel = 0; panel * VEL_PANEL < n; panel++) {
    const float *b = plan->keys + head * plan->key_head + (first / VEL_PANEL + panel) * dim * VEL_PANEL;

    for (size_t row = 0; row < count; row += VEL_MICRO_ROWS) {
      size_t tile = vel_min (count - row, VEL_MICRO_ROWS);
      const float *a[VEL_MICRO_ROWS];

      for (size_t i = 0; i < tile; i++)
        a[i] = rows->q + (row + i) * dim;
      vel_isa_micro[tile - 1](a, b, dim, rows->scores + row * plan->stride + panel * VEL_PANEL, plan->stride, false);
    }
  }
}

/* Turns n scores of a row into e^(score - largest), and what was summed so far along with them. */
static void
soften (const Plan *plan, Rows *rows, size_t row, size_t n)
{
  float *scores = rows->scores + row * plan->stride;
  float *sums = rows->sums + row * plan->value_panels * VEL_PANEL;
  size_t padded = vel_divide_up (n, VEL_PANEL) * VEL_PANEL;
  V8 high = splat8 (rows->largest[row]), high2 = high, shift, total = splat8 (0), total2 = total;
  V8 low = splat8 (-87.3f); /* e^ of it vanishes beside the 1 of the largest */
  float most;

  for (size_t i = n; i < padded; i++)
    scores[i] = -INFINITY;
  for (size_t i = 0; i < padded; i += VEL_PANEL) {
    high = max8 (high, load8 (scores + i));
    high2 = max8 (high2, load8 (scores + i + 8));
  }
  most = largest (max8 (high, high2));
  if (most > rows->largest[row] && rows->total[row] > 0) {
    V8 factor = splat8 (expf (rows->largest[row] - most));

    rows->total[row] *= factor[0];
    for (size_t i = 0; i < plan->value_panels * VEL_PANEL; i += 8)
      store8 (sums + i, load8 (sums + i) * factor);
  }
  rows->largest[row] = most > rows->largest[row] ? most : rows->largest[row];
  shift = splat8 (rows->largest[row]);
  for (size_t i = 0; i < padded; i += VEL_PANEL) {
    V8 e = exp8_within (max8 (low, load8 (scores + i) - shift)), e2 = exp8_within (max8 (low, load8 (scores + i + 8) - shift));

    store8 (scores + i, e);
    store8 (scores + i + 8, e2);
    total += e;
    total2 += e2;
  }
  rows->total[row] += sum (total + total2);
}

/* sums = or, after the first block, += scores v, over n keys from `first` */
static void
gather (const Plan *plan, const Rows *rows, size_t count, size_t head, size_t first, size_t n)
{
  size_t stride = plan->value_panels * VEL_PANEL;

  for (size_t panel = 0; panel < plan->value_panels; panel++) {
    const float *b = plan->values + head * plan->value_head + (panel * plan->args->keys + first) * VEL_PANEL;

    const VelMicro *micro = panel * VEL_PANEL + VEL_PANEL / 2 < plan->args->head_dim ? vel_isa_micro : vel_isa_micro_half;

    for (size_t row = 0; row < count; row += VEL_MICRO_ROWS) {
      size_t tile = vel_min (count - row, VEL_MICRO_ROWS);
      const float *a[VEL_MICRO_ROWS];

      for (size_t i = 0; i < tile; i++)
        a[i] = rows->scores + (row + i) * plan->stride;
      micro[tile - 1](a, b, n, rows->sums + row * stride + panel * VEL_PANEL, stride, first > 0);
    }
  }
}

static void
start_rows (const Plan *plan, Rows *rows, size_t head, size_t first, size_t count)
{
  const VelAttentionArgs *args = plan->args;
  size_t dim = args->head_dim;
  const float *q = (const float *) args->q + (plan->picture * args->rows + first) * args->q_stride + head * dim;
  float scale = (float) args->scale;

  for (size_t row = 0; row < count; row++) {
    for (size_t i = 0; i < dim; i++)
      rows->q[row * dim + i] = q[row * args->q_stride + i] * scale;
    rows->largest[row] = -INFINITY;
    rows->total[row] = 0;
  }
}

static void
end_rows (const Plan *plan, const Rows *rows, size_t head, size_t first, size_t count)
{
  const VelAttentionArgs *args = plan->args;
  size_t dim = args->head_dim, out_stride = args->heads * dim;
  float *out = (float *) args->out + (plan->picture * args->rows + first) * out_stride + head * dim;

  for (size_t row = 0; row < count; row++) {
    float factor = 1 / rows->total[row];

    for (size_t i = 0; i < dim; i++)
      out[row * out_stride + i] = rows->sums[row * plan->value_panels * VEL_PANEL + i] * factor;
  }
}

static void
run_task (void *data, size_t task, unsigned thread)
{
  const Plan *plan = data;
  const VelAttentionArgs *args = plan->args;
  size_t head = task / plan->row_blocks, first = task % plan->row_blocks * ROWS;
  size_t count = vel_min (ROWS, args->rows - first);
  size_t seen = args->causal ? vel_min (first + count, args->keys) : args->keys;
  Rows rows = { .q = plan->backend->own[thread] };

  rows.scores = rows.q + vel_divide_up (ROWS * args->head_dim, 16) * 16;
  rows.sums = rows.scores + ROWS * plan->stride;
  start_rows (plan, &rows, head, first, count);
  for (size_t key = 0; key < seen; key += plan->block) {
    size_t n = vel_min (plan->block, seen - key);

    score (plan, &rows, count, head, key, n);
    for (size_t row = 0; row < count; row++) {
      size_t mine = n;

      if (args->causal && first + row + 1 < key + n) { /* the keys behind the row's own weigh nothing */
        mine = first + row + 1 > key ? first + row + 1 - key : 0;
        for (size_t i = mine; i < n; i++)
          rows.scores[row * plan->stride + i] = -INFINITY;
      }
      if (mine > 0)
        soften (plan, &rows, row, n);
      else
        for (size_t i = 0; i < n; i++)
          rows.scores[row * plan->stride + i] = 0;
    }
    gather (plan, &rows, count, head, key, n);
  }
  end_rows (plan, &rows, head, first, count);
}

/* Keys at once: what makes a block of them and of the scores fit the second cache. */
static size_t
block_for (size_t head_dim)
{
  return head_dim <= 160 ? 256 : 128;
}

void
vel_isa_attention (VelBackend *backend, const VelAttentionArgs *args)
{
  Plan plan = { .args = args, .backend = backend };
  size_t own;

  if (args->batch == 0 || args->heads == 0 || args->rows == 0 || args->keys == 0)
    return;
  plan.key_panels = vel_divide_up (args->keys, VEL_PANEL);
  plan.value_panels = vel_divide_up (args->head_dim, VEL_PANEL);
  plan.key_head = plan.key_panels * args->head_dim * VEL_PANEL;
  plan.value_head = plan.value_panels * args->keys * VEL_PANEL;
  plan.block = block_for (args->head_dim);
  plan.stride = plan.block + VEL_PANEL;
  plan.row_blocks = vel_divide_up (args->rows, ROWS);
  plan.keys = vel_cpu_shared_scratch (backend, args->heads * (plan.key_head + plan.value_head) * sizeof (float));
  own = (vel_divide_up (ROWS * args->head_dim, 16) * 16 + ROWS * plan.stride + ROWS * plan.value_panels * VEL_PANEL) * sizeof (float);
  if (plan.keys == NULL || !vel_cpu_own_scratch (backend, own)) {
    vel_cpu_give_up (args->out, args->batch * args->rows * args->heads * args->head_dim);
    return;
  }
  plan.values = plan.keys + args->heads * plan.key_head;
  for (plan.picture = 0; plan.picture < args->batch; plan.picture++) {
    vel_pool_run (backend->pool, args->heads * vel_divide_up (args->keys, PACK), pack_task, &plan);
    vel_pool_run (backend->pool, args->heads * plan.row_blocks, run_task, &plan);
  }
}
