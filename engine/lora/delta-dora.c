/* DoRA (Liu et al. 2024), around any kind of change: the file says how long the changed weight's rows (or columns) are.
 * SPDX-License-Identifier: Apache-2.0 */
#include "engine/lora/delta-job.h"

#include <float.h>
#include <math.h>

/* Whether norms are kept along out, as peft and newer LyCORIS have it, or along in, as older LyCORIS and OneTrainer had: the axis that is
 * longer than 1 says it. [n] is peft's, along out; [1, 1] is along out if that is 1, as LyCORIS reads a file, else along in. */
static gboolean
is_along_out (const VelDeltaJob *job)
{
  gsize first = vel_delta_axis (job->parts, VEL_DELTA_DORA_SCALE, 0), second = vel_delta_axis (job->parts, VEL_DELTA_DORA_SCALE, 1);

  if (job->parts->peft_magnitude || first > 1 || second == 0)
    return TRUE;
  return second == 1 && job->shape.out == 1;
}

/* V = W0 + scale * change, in the place of the change, of one row. */
static void
add_original (float *change, const float *original, float scale, gsize n)
{
  for (gsize i = 0; i < n; i++)
    change[i] = original[i] + scale * change[i];
}

/* Four sums, so that an addition need not wait for the one before it. */
static double
sum_squares (const float *values, gsize n)
{
  double sums[4] = { 0 };
  gsize i = 0;

  for (; i + 4 <= n; i += 4)
    for (gsize lane = 0; lane < 4; lane++)
      sums[lane] += (double) values[i + lane] * values[i + lane];
  for (; i < n; i++)
    sums[0] += (double) values[i] * values[i];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/* As in LyCORIS, a norm of nothing divides nothing by a little. */
static float
get_factor (float magnitude, double squares)
{
  return (float) (magnitude / (sqrt (squares) + FLT_EPSILON));
}

/* out = V * factor - W0 of one row; out may be either of the others, and V is left in the place of the change. */
static void
scale_row (float *out, float *change, const float *original, float scale, float magnitude, gsize n)
{
  float factor;

  add_original (change, original, scale, n);
  factor = get_factor (magnitude, sum_squares (change, n));
  for (gsize i = 0; i < n; i++)
    out[i] = change[i] * factor - original[i];
}

/* A low-rank change is never there as a whole: its rows, one at a time, take the place of W0's. */
static gboolean
scale_products (float *original, const VelDelta *self, const VelDeltaJob *job, const float *magnitudes, GError **error)
{
  g_autofree float *change = vel_delta_new (job, 1, job->columns, error);

  if (!change)
    return FALSE;
  for (gsize row = 0; row < job->shape.out; row++, original += job->columns) {
    vel_delta_product (change, self->up + row * self->rank, self->down, 1, self->rank, job->columns);
    scale_row (original, change, original, (float) self->scale, magnitudes[row], job->columns);
  }
  return TRUE;
}

static void
scale_rows (float *change, const float *original, float scale, const float *magnitudes, const VelDeltaJob *job)
{
  for (gsize row = 0, at = 0; row < job->shape.out; row++, at += job->columns)
    scale_row (change + at, change + at, original + at, scale, magnitudes[row], job->columns);
}

/* factors: magnitudes before, [in] */
static void
scale_columns (float *change, const float *original, float scale, float *factors, const VelDeltaJob *job)
{
  gsize in = job->shape.in, taps = job->shape.kernel * job->shape.kernel, count = job->shape.out * job->columns;
  g_autofree double *squares = g_new0 (double, in);

  for (gsize row = 0; row < job->shape.out; row++) {
    float *values = change + row * job->columns;

    add_original (values, original + row * job->columns, scale, job->columns);
    for (gsize i = 0; i < in; i++)
      for (gsize tap = 0; tap < taps; tap++)
        squares[i] += (double) values[i * taps + tap] * values[i * taps + tap];
  }
  for (gsize i = 0; i < in; i++)
    factors[i] = get_factor (factors[i], squares[i]);
  for (gsize first = 0; first < count; first += job->columns)
    for (gsize i = 0; i < in; i++)
      for (gsize tap = 0, at = first + i * taps; tap < taps; tap++, at++)
        change[at] = change[at] * factors[i] - original[at];
}

/* whole: (transfer full) */
static void
take_whole (VelDelta *self, float *whole)
{
  g_free (self->up);
  g_clear_pointer (&self->down, g_free);
  self->up = whole;
  self->rank = 0;
}

/* A low-rank change becomes a whole one. */
static gboolean
unfold (VelDelta *self, const VelDeltaJob *job, GError **error)
{
  float *whole = vel_delta_new (job, job->shape.out, job->columns, error);

  if (!whole)
    return FALSE;
  vel_delta_product (whole, self->up, self->down, job->shape.out, self->rank, job->columns);
  take_whole (self, whole);
  return TRUE;
}

gboolean
vel_delta_decompose (VelDelta *self, const VelDeltaJob *job, GError **error)
{
  gboolean along_out = is_along_out (job);
  g_autofree float *magnitudes = vel_delta_read_vector (job, VEL_DELTA_DORA_SCALE, along_out ? job->shape.out : job->shape.in, error);
  g_autofree float *original = magnitudes ? vel_delta_read_original (job, error) : NULL;

  if (!original)
    return FALSE;
  if (self->rank > 0 && along_out) {
    if (!scale_products (original, self, job, magnitudes, error))
      return FALSE;
    take_whole (self, g_steal_pointer (&original));
  } else if (self->rank > 0 && !unfold (self, job, error))
    return FALSE;
  else if (along_out)
    scale_rows (self->up, original, (float) self->scale, magnitudes, job);
  else
    scale_columns (self->up, original, (float) self->scale, magnitudes, job);
  self->scale = 1;
  return TRUE;
}
