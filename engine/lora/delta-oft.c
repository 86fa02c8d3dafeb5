/* OFT (Qiu et al. 2023): the weight's rows, a block at a time, are turned by a rotation. BOFT (Liu et al. 2023): several times, the rows
 * in another order each time, as in the stages of a fast Fourier transform.  SPDX-License-Identifier: Apache-2.0
 *
 * The file has a matrix B for each rotation, R = (I + Q) (I - Q)^-1 with Q = B - B^T (Cayley). alpha, where it is not 0, bounds Q: its norm
 * over all blocks is at most alpha times out, in sd-scripts, LyCORIS and A1111 alike. */
#include "config.h"

#include "engine/lora/delta-job.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "engine/error.h"
#include "engine/formats/shown.h"

/* The time that a rotation takes grows with the third power of this. */
enum { MAX_BLOCK = 2560, MAX_STAGES = 32, PIECE = 256 };

typedef struct {
  gboolean butterfly;
  gsize stages, blocks, size; /* blocks * size = out */
  float *turns;               /* R - I, [stages, blocks, size, size] */
} Rotations;

/* BOFT's stage i takes a block from rows 2^i size / 2 apart. */
static gsize
get_span (const Rotations *self, gsize stage)
{
  return ((gsize) 1 << stage) * self->size;
}

static gboolean
check_sizes (const Rotations *self, const VelDeltaJob *job, VelDeltaRole role, GError **error)
{
  gsize out = job->shape.out;
  g_autofree char *wanted = NULL;

  if (self->size > 0 && self->size <= MAX_BLOCK && out % self->size == 0 && self->stages > 0 &&
      (!self->butterfly || (self->stages <= MAX_STAGES && self->size % 2 == 0 && out % get_span (self, self->stages - 1) == 0)))
    return TRUE;
  if (self->butterfly)
    /* Translators: shapes and conditions on their letters; fills the last place in “tensor … has the shape %s; %s was wanted” */
    wanted = g_strdup_printf (_ ("[m, n, b, b] with n b = %zu, b even and at most %d, and n a multiple of 2^(m - 1)"), out, MAX_BLOCK);
  else
    wanted = g_strdup_printf (_ ("[n, b, b] with n b = %zu and b at most %d"), out, MAX_BLOCK);
  vel_delta_set_shape_error (job, role, wanted, error);
  return FALSE;
}

static float *
read_blocks (Rotations *self, const VelDeltaJob *job, VelDeltaRole role, GError **error)
{
  gint64 size, blocks;

  self->butterfly = role == VEL_DELTA_OFT_BLOCKS && job->parts->tensors[role]->shape.n == 4;
  self->stages = self->butterfly ? vel_delta_axis (job->parts, role, 0) : 1;
  self->size = vel_delta_axis (job->parts, role, self->butterfly ? 2 : 1);
  if (!check_sizes (self, job, role, error))
    return NULL;
  self->blocks = job->shape.out / self->size;
  size = (gint64) self->size;
  blocks = (gint64) self->blocks;
  if (self->butterfly)
    return vel_delta_read (job, role, VEL_SHAPE ((gint64) self->stages, blocks, size, size), error);
  return vel_delta_read (job, role, VEL_SHAPE (blocks, size, size), error);
}

/* What Q is multiplied by to stay within its bound. */
static gboolean
find_factor (const Rotations *self, const VelDeltaJob *job, const float *blocks, double *factor, GError **error)
{
  gsize size = self->size;
  double alpha = 0, squares = 0, norm;

  if (vel_delta_has (job->parts, VEL_DELTA_ALPHA) && !vel_delta_read_number (job, VEL_DELTA_ALPHA, &alpha, error))
    return FALSE;
  for (gsize block = 0; block < self->stages * self->blocks; block++, blocks += size * size)
    for (gsize i = 0; i < size; i++)
      for (gsize j = 0; j < i; j++) {
        double q = (double) blocks[i * size + j] - blocks[j * size + i];

        squares += 2 * q * q;
      }
  norm = sqrt (squares) + 1e-8;
  *factor = alpha > 0 && norm > alpha * (double) job->shape.out ? alpha * (double) job->shape.out / norm : 1;
  return TRUE;
}

/* L U = matrix in its place, each of L's elements negated. I - Q has no small pivots, its symmetric part being I. */
static void
factorise (float *matrix, gsize n)
{
  for (gsize row = 1; row < n; row++) {
    float *values = matrix + row * n;

    for (gsize k = 0; k < row; k++) {
      values[k] /= -matrix[k * n + k];
      vel_delta_add_row (values + k + 1, values + k, matrix + k * n + k + 1, n, 1, n - k - 1);
    }
  }
}

/* Makes x the solution of L U x = x, in pieces of columns that stay in the cache. */
static void
solve (float *factors, float *x, gsize n)
{
  for (gsize row = 0; row < n; row++)
    for (gsize i = row + 1; i < n; i++)
      factors[row * n + i] = -factors[row * n + i];
  for (gsize first = 0; first < n; first += PIECE) {
    gsize width = MIN (n - first, PIECE);

    for (gsize row = 1; row < n; row++)
      vel_delta_add_row (x + row * n + first, factors + row * n, x + first, n, row, width);
    for (gsize row = n; row-- > 0;) {
      float *values = x + row * n + first;

      vel_delta_add_row (values, factors + row * n + row + 1, values + n, n, n - row - 1, width);
      for (gsize i = 0; i < width; i++)
        values[i] /= factors[row * n + row];
    }
  }
}

/* R - I = (I - Q)^-1 2 Q in the place of a block: a small turn keeps its digits, as it would not with I in it. */
static void
turn_block (float *block, double factor, gsize size, float *matrix, float *x)
{
  for (gsize i = 0; i < size; i++)
    for (gsize j = 0; j < size; j++) {
      double q = factor * ((double) block[i * size + j] - block[j * size + i]);

      matrix[i * size + j] = (float) ((i == j) - q);
      x[i * size + j] = (float) (2 * q);
    }
  factorise (matrix, size);
  solve (matrix, x, size);
  memcpy (block, x, size * size * sizeof *block);
}

/* Of BLOCKS */
static gboolean
read_turns (Rotations *self, const VelDeltaJob *job, GError **error)
{
  g_autofree float *matrix = vel_delta_new (job, self->size, self->size, error);
  g_autofree float *x = matrix ? vel_delta_new (job, self->size, self->size, error) : NULL;
  gsize square = self->size * self->size;
  double factor;

  if (!x || !find_factor (self, job, self->turns, &factor, error))
    return FALSE;
  for (gsize block = 0; block < self->stages * self->blocks; block++)
    turn_block (self->turns + block * square, factor, self->size, matrix, x);
  return TRUE;
}

/* Older LyCORIS stored R as it is. */
static void
subtract_identity (const Rotations *self)
{
  for (gsize block = 0; block < self->blocks; block++)
    for (gsize i = 0; i < self->size; i++)
      self->turns[(block * self->size + i) * self->size + i] -= 1;
}

static gboolean
read_rotations (Rotations *self, const VelDeltaJob *job, GError **error)
{
  gboolean diagonal = !vel_delta_has (job->parts, VEL_DELTA_OFT_BLOCKS) && vel_delta_has (job->parts, VEL_DELTA_OFT_DIAG);

  if (!diagonal && !vel_delta_need (job, (VelDeltaRole[]){ VEL_DELTA_OFT_BLOCKS, VEL_N_DELTA_ROLES }, error))
    return FALSE;
  self->turns = read_blocks (self, job, diagonal ? VEL_DELTA_OFT_DIAG : VEL_DELTA_OFT_BLOCKS, error);
  if (!self->turns)
    return FALSE;
  if (!diagonal)
    return read_turns (self, job, error);
  subtract_identity (self);
  return TRUE;
}

/* Adds to the rows of each block what R^T - I makes of them. */
static gboolean
turn_rows (const Rotations *self, const VelDeltaJob *job, float *change, const float *original, GError **error)
{
  gsize size = self->size, n = size * job->columns;
  g_autofree float *transposed = vel_delta_new (job, size, size, error);

  if (!transposed)
    return FALSE;
  for (gsize block = 0; block < self->blocks; block++) {
    vel_delta_transpose (transposed, self->turns + block * size * size, size, size);
    vel_delta_product (change + block * n, transposed, original + block * n, size, size, job->columns);
  }
  return TRUE;
}

/* Adds R - I times the block's rows to them, wherever they lie. */
static gboolean
turn_stage (const Rotations *self, const VelDeltaJob *job, float *weight, gsize stage, GError **error)
{
  gsize size = self->size, columns = job->columns, span = get_span (self, stage);
  g_autofree float *rows = vel_delta_new (job, size, columns, error), *turned = rows ? vel_delta_new (job, size, columns, error) : NULL;

  if (!turned)
    return FALSE;
  for (gsize block = 0; block < self->blocks; block++) {
    const float *turn = self->turns + (stage * self->blocks + block) * size * size;

    /* Neighbours p, p + 1 of the new order are half a span apart in the old one. */
    for (gsize j = 0, p = block * size; j < size; j++, p++)
      memcpy (rows + j * columns, weight + (p / span * span + p % 2 * (span / 2) + p % span / 2) * columns, columns * sizeof *rows);
    vel_delta_product (turned, turn, rows, size, size, columns);
    for (gsize j = 0, p = block * size; j < size; j++, p++) {
      float *row = weight + (p / span * span + p % 2 * (span / 2) + p % span / 2) * columns;

      for (gsize i = 0; i < columns; i++)
        row[i] += turned[j * columns + i];
    }
  }
  return TRUE;
}

static gboolean
turn_stages (const Rotations *self, const VelDeltaJob *job, float *change, const float *original, GError **error)
{
  gsize count = job->shape.out * job->columns;

  memcpy (change, original, count * sizeof *change);
  for (gsize stage = 0; stage < self->stages; stage++)
    if (!turn_stage (self, job, change, stage, error))
      return FALSE;
  for (gsize i = 0; i < count; i++)
    change[i] -= original[i];
  return TRUE;
}

/* The turned rows grow by a factor each: W' = rescale (W0 + change). */
static gboolean
rescale (const VelDeltaJob *job, float *change, const float *original, GError **error)
{
  g_autofree float *factors = NULL;

  if (!vel_delta_has (job->parts, VEL_DELTA_OFT_RESCALE))
    return TRUE;
  factors = vel_delta_read_vector (job, VEL_DELTA_OFT_RESCALE, job->shape.out, error);
  if (!factors)
    return FALSE;
  for (gsize row = 0; row < job->shape.out; row++)
    for (gsize i = 0; i < job->columns; i++, change++, original++)
      *change = factors[row] * *change + (factors[row] - 1) * *original;
  return TRUE;
}

gboolean
vel_delta_make_oft (VelDelta *self, const VelDeltaJob *job, GError **error)
{
  g_autofree float *original = NULL;
  Rotations rotations = { 0 };
  gboolean made = FALSE;

  if (read_rotations (&rotations, job, error))
    original = vel_delta_read_original (job, error);
  self->up = original ? vel_delta_new (job, job->shape.out, job->columns, error) : NULL;
  if (self->up && rotations.butterfly)
    made = turn_stages (&rotations, job, self->up, original, error);
  else if (self->up)
    made = turn_rows (&rotations, job, self->up, original, error);
  g_free (rotations.turns);
  return made && rescale (job, self->up, original, error);
}
