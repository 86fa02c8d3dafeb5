/* LoHa (Hyeon-Woo et al. 2021): two products of thin matrices, multiplied element by element.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/lora/delta-job.h"

#include <string.h>

enum { PIECE = 1024 };

typedef struct {
  float *left;  /* [out, rank] */
  float *right; /* [rank, in * kernel * kernel] */
  gsize rank;
} Factors;

static void
clear_factors (Factors *self)
{
  g_free (self->left);
  g_free (self->right);
}

/* With a Tucker core: w1a is [rank, out], w1b [rank, in], and the core [rank, rank, k, k] goes into w1b. */
static gboolean
read_tucker (Factors *self, const VelDeltaJob *job, VelDeltaRole a, VelDeltaRole b, VelDeltaRole core, GError **error)
{
  gint64 rank = (gint64) self->rank;
  g_autofree float *left = vel_delta_read (job, a, VEL_SHAPE (rank, (gint64) job->shape.out), error);
  g_autofree float *right = left ? vel_delta_read (job, b, VEL_SHAPE (rank, (gint64) job->shape.in), error) : NULL;
  g_autofree float *mid = right ? vel_delta_read (job, core, vel_delta_shape (job, self->rank, self->rank), error) : NULL;

  self->left = mid ? vel_delta_new (job, job->shape.out, self->rank, error) : NULL;
  self->right = self->left ? vel_delta_new (job, self->rank, job->columns, error) : NULL;
  if (!self->right)
    return FALSE;
  vel_delta_transpose (self->left, left, self->rank, job->shape.out);
  return vel_delta_fold (job, self->right, mid, right, self->rank, self->rank, job->shape.in, job->shape.kernel * job->shape.kernel, error);
}

static gboolean
read_factors (Factors *self, const VelDeltaJob *job, VelDeltaRole a, VelDeltaRole b, VelDeltaRole core, GError **error)
{
  self->rank = vel_delta_find_rank (job, b, 0, error);
  if (self->rank == 0)
    return FALSE;
  if (vel_delta_has (job->parts, core))
    return read_tucker (self, job, a, b, core, error);
  self->left = vel_delta_read (job, a, VEL_SHAPE ((gint64) job->shape.out, (gint64) self->rank), error);
  self->right = self->left ? vel_delta_read (job, b, vel_delta_shape (job, self->rank, job->shape.in), error) : NULL;
  return self->right != NULL;
}

/* Piece by piece, so that the second product needs no memory of the weight's size. */
static void
multiply (float *out, const Factors *first, const Factors *second, gsize rows, gsize columns)
{
  float other[PIECE];

  memset (out, 0, rows * columns * sizeof *out);
  for (gsize start = 0; start < columns; start += PIECE) {
    gsize n = MIN (columns - start, PIECE);

    for (gsize row = 0; row < rows; row++) {
      float *piece = out + row * columns + start;

      memset (other, 0, n * sizeof *other);
      vel_delta_add_row (piece, first->left + row * first->rank, first->right + start, columns, first->rank, n);
      vel_delta_add_row (other, second->left + row * second->rank, second->right + start, columns, second->rank, n);
      for (gsize i = 0; i < n; i++)
        piece[i] *= other[i];
    }
  }
}

static gboolean
need_all (const VelDeltaJob *job, GError **error)
{
  static const VelDeltaRole plain[] = { VEL_DELTA_HADA_W1A, VEL_DELTA_HADA_W1B, VEL_DELTA_HADA_W2A, VEL_DELTA_HADA_W2B, VEL_N_DELTA_ROLES };
  static const VelDeltaRole cores[] = { VEL_DELTA_HADA_T1, VEL_DELTA_HADA_T2, VEL_N_DELTA_ROLES };
  gboolean tucker = vel_delta_has (job->parts, VEL_DELTA_HADA_T1) || vel_delta_has (job->parts, VEL_DELTA_HADA_T2);

  return vel_delta_need (job, plain, error) && (!tucker || vel_delta_need (job, cores, error));
}

gboolean
vel_delta_make_loha (VelDelta *self, const VelDeltaJob *job, GError **error)
{
  Factors first = { 0 }, second = { 0 };

  if (need_all (job, error) && read_factors (&first, job, VEL_DELTA_HADA_W1A, VEL_DELTA_HADA_W1B, VEL_DELTA_HADA_T1, error) &&
      read_factors (&second, job, VEL_DELTA_HADA_W2A, VEL_DELTA_HADA_W2B, VEL_DELTA_HADA_T2, error) &&
      vel_delta_read_scale (job, first.rank, &self->scale, error))
    self->up = vel_delta_new (job, job->shape.out, job->columns, error);
  if (self->up)
    multiply (self->up, &first, &second, job->shape.out, job->columns);
  clear_factors (&first);
  clear_factors (&second);
  return self->up != NULL;
}
