/* Changes of weights, added where the packed numbers lie: sixteen output channels of some input channels at a time.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/cpu/isa.h"
#include "kernels/cpu/vector.h"

#include <string.h>

#define COLUMNS 6 /* input channels whose sums are in registers */
#ifdef __AVX__
#define WIDTH 2 /* vectors of eight at once */
#else
#define WIDTH 1
#endif

typedef struct {
  VelBackend *backend;
  const VelMergeArgs *args;
} Job;

/* Row of the file behind each channel of a panel; SIZE_MAX behind the last one. */
static void
find_rows (const VelPacked *packed, size_t panel, size_t rows[VEL_PANEL])
{
  size_t width = packed->gated ? VEL_PANEL / 2 : VEL_PANEL;

  for (size_t j = 0; j < VEL_PANEL; j++) {
    size_t column = panel * width + j % width;

    rows[j] = column < packed->out ? column + (j >= width ? packed->out : 0) : SIZE_MAX;
  }
}

static bool
is_changed (const VelMergeTerm *term, size_t row)
{
  return row >= term->first && row != SIZE_MAX && row - term->first < term->rows;
}

static float
number_of (const void *data, VelType type, size_t i)
{
  if (type == VEL_F16)
    return vel_half_to_float (((const uint16_t *) data)[i]);
  if (type == VEL_BF16)
    return vel_bfloat_to_float (((const uint16_t *) data)[i]);
  return ((const float *) data)[i];
}

/* to: [count, VEL_PANEL] */
static void
expand (float *to, const VelPacked *original, size_t at, size_t count)
{
  for (size_t i = 0; i < count * VEL_PANEL; i += 8)
    store8 (to + i, load_typed8 (original->data, original->type, at + i));
}

/* n <= COLUMNS input channels: to[c] = to[c] + scale * the sum over r of up[r] down[r][c]. down: one number every `step`, a row every
 * `row`. */
VEL_INLINE void
add_columns (float *to, const float *up, const float *down, size_t rank, size_t row, size_t step, float scale, unsigned n)
{
  V8 sums[COLUMNS][WIDTH];

  VEL_UNROLL
  for (unsigned c = 0; c < n; c++)
    VEL_UNROLL
  for (unsigned j = 0; j < WIDTH; j++)
    sums[c][j] = splat8 (0);
  for (size_t r = 0; r < rank; r++, up += VEL_PANEL, down += row) {
    V8 channels[WIDTH];

    for (unsigned j = 0; j < WIDTH; j++)
      channels[j] = load8 (up + j * 8);
    VEL_UNROLL
    for (unsigned c = 0; c < n; c++) {
      V8 x = splat8 (down[c * step]);

      VEL_UNROLL
      for (unsigned j = 0; j < WIDTH; j++)
        sums[c][j] = accumulate8 (sums[c][j], x, channels[j]);
    }
  }
  VEL_UNROLL
  for (unsigned c = 0; c < n; c++)
    VEL_UNROLL
  for (unsigned j = 0; j < WIDTH; j++)
    store8 (to + c * VEL_PANEL + j * 8, fma8 (splat8 (scale), sums[c][j], load8 (to + c * VEL_PANEL + j * 8)));
}

/* to: [in, VEL_PANEL] of one tap; up: [rank, VEL_PANEL] */
static void
add_product (float *to, const float *up, const float *down, size_t rank, size_t in, size_t taps, float scale)
{
  for (unsigned half = 0; half < VEL_PANEL; half += 8 * WIDTH) {
    size_t i = 0;

    for (; i + COLUMNS <= in; i += COLUMNS)
      add_columns (to + i * VEL_PANEL + half, up + half, down + i * taps, rank, in * taps, taps, scale, COLUMNS);
    for (; i < in; i++)
      add_columns (to + i * VEL_PANEL + half, up + half, down + i * taps, rank, in * taps, taps, scale, 1);
  }
}

/* A change that is there as it is. */
static void
add_whole (float *to, const VelMergeTerm *term, const size_t rows[VEL_PANEL], size_t in, size_t taps, size_t tap)
{
  for (unsigned j = 0; j < VEL_PANEL; j++)
    if (is_changed (term, rows[j])) {
      size_t from = (rows[j] - term->first) * in * taps + tap;

      for (size_t i = 0; i < in; i++, from += taps)
        to[i * VEL_PANEL + j] += (float) term->scale * number_of (term->up, term->type, from);
    }
}

/* Returns: whether the term changes any of the panel's rows. up: [rank, VEL_PANEL] */
static bool
gather_up (float *up, const VelMergeTerm *term, const size_t rows[VEL_PANEL])
{
  bool any = false;

  for (unsigned j = 0; j < VEL_PANEL; j++) {
    bool changed = is_changed (term, rows[j]);

    any = any || changed;
    for (size_t r = 0; r < term->rank; r++)
      up[r * VEL_PANEL + j] = changed ? number_of (term->up, term->type, (rows[j] - term->first) * term->rank + r) : 0;
  }
  return any;
}

static void
merge_panel (void *data, size_t panel, unsigned thread)
{
  const Job *job = data;
  const VelMergeArgs *args = job->args;
  const VelPacked *weight = args->weight;
  size_t tap_size = weight->in * VEL_PANEL, at = panel * weight->taps * tap_size, rows[VEL_PANEL];
  float *to = (float *) weight->data + at, *up = job->backend->own[thread];

  find_rows (weight, panel, rows);
  expand (to, args->original, at, weight->taps * weight->in);
  for (unsigned t = 0; t < args->n; t++) {
    const VelMergeTerm *term = &args->terms[t];

    if (!gather_up (up, term, rows))
      continue;
    for (size_t tap = 0; tap < weight->taps; tap++)
      if (term->rank > 0)
        add_product (to + tap * tap_size, up, (const float *) term->down + tap, term->rank, weight->in, weight->taps, (float) term->scale);
      else
        add_whole (to + tap * tap_size, term, rows, weight->in, weight->taps, tap);
  }
}

/* Factors of 16 bits become floats once, in shared scratch. Returns: false if there is no memory for them */
static bool
widen (VelBackend *backend, const VelMergeArgs *args, VelMergeTerm *terms)
{
  size_t columns = args->weight->in * args->weight->taps, count = 0;
  float *to;

  for (unsigned t = 0; t < args->n; t++) {
    terms[t] = args->terms[t];
    count += terms[t].type != VEL_F32 ? terms[t].rank * columns : 0;
  }
  if (count == 0)
    return true;
  to = vel_cpu_shared_scratch (backend, count * sizeof *to);
  for (unsigned t = 0; to != NULL && t < args->n; t++)
    if (terms[t].type != VEL_F32 && terms[t].rank > 0) {
      for (size_t i = 0; i < terms[t].rank * columns; i++)
        to[i] = number_of (terms[t].down, terms[t].type, i);
      terms[t].down = to;
      to += terms[t].rank * columns;
    }
  return to != NULL;
}

static bool
merge_one (VelBackend *backend, const VelMergeArgs *args)
{
  VelMergeTerm terms[VEL_MAX_MERGE_TERMS];
  VelMergeArgs widened = { args->weight, args->original, args->n, terms };
  size_t rank = 1;

  for (unsigned t = 0; t < args->n; t++)
    rank = args->terms[t].rank > rank ? args->terms[t].rank : rank;
  if (!vel_cpu_own_scratch (backend, rank * VEL_PANEL * sizeof (float)) || !widen (backend, args, terms))
    return false;
  vel_pool_run (backend->pool, args->weight->panels, merge_panel, &(Job){ backend, &widened });
  return true;
}

void
vel_isa_merge (VelBackend *backend, const VelMergeArgs *args, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (!merge_one (backend, &args[i]))
      vel_cpu_give_up (args[i].weight->data, args[i].weight->bytes / sizeof (float));
}
