/* LoKr (Edalati et al. 2022; Yeh et al. 2023): the Kronecker product of a small matrix and a larger one, each whole or itself a product.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/lora/delta-job.h"

#include <glib/gi18n-lib.h>

#include "engine/error.h"
#include "engine/formats/shown.h"

/* What multiplies to the layer's shape: w1 [a, c], w2 [b, d, k, k] with a b = out and c d = in. */
typedef struct {
  gsize a, b, c, d;
} Sizes;

static void
set_division_error (const VelDeltaJob *job, VelDeltaRole role, GError **error)
{
  const VelTensorEntry *entry = job->parts->tensors[role];
  g_autofree char *name = vel_shown (entry->name), *path = vel_shown (job->parts->path), *found = vel_shape_to_string (entry->shape);
  g_autofree char *weight = vel_shape_to_string (vel_delta_shape (job, job->shape.out, job->shape.in));

  g_set_error (error, VEL_ERROR, VEL_ERROR_WEIGHT, _ ("tensor “%s” in “%s” has the shape %s, which does not divide the layer's %s"), name,
               path, found, weight);
}

/* w1's shape decides; that of w2 follows from the layer's. */
static gboolean
find_sizes (Sizes *sizes, const VelDeltaJob *job, GError **error)
{
  gboolean whole = vel_delta_has (job->parts, VEL_DELTA_LOKR_W1);
  VelDeltaRole left = whole ? VEL_DELTA_LOKR_W1 : VEL_DELTA_LOKR_W1A, right = whole ? VEL_DELTA_LOKR_W1 : VEL_DELTA_LOKR_W1B;
  VelDeltaRole wrong;

  sizes->a = vel_delta_axis (job->parts, left, 0);
  sizes->c = vel_delta_axis (job->parts, right, 1);
  if (sizes->a > 0 && sizes->c > 0 && job->shape.out % sizes->a == 0 && job->shape.in % sizes->c == 0) {
    sizes->b = job->shape.out / sizes->a;
    sizes->d = job->shape.in / sizes->c;
    return TRUE;
  }
  wrong = sizes->a > 0 && job->shape.out % sizes->a == 0 ? right : left;
  set_division_error (job, wrong, error);
  return FALSE;
}

/* Returns: (transfer full): [rows, columns], the product of two thin matrices */
static float *
read_product (const VelDeltaJob *job, VelDeltaRole a, VelDeltaRole b, gsize rows, VelShape right_shape, gsize columns, gsize rank,
              GError **error)
{
  g_autofree float *left = vel_delta_read (job, a, VEL_SHAPE ((gint64) rows, (gint64) rank), error);
  g_autofree float *right = left ? vel_delta_read (job, b, right_shape, error) : NULL;
  float *out = right ? vel_delta_new (job, rows, columns, error) : NULL;

  if (out)
    vel_delta_product (out, left, right, rows, rank, columns);
  return out;
}

static float *
read_w1 (const VelDeltaJob *job, const Sizes *sizes, gsize *rank, GError **error)
{
  VelShape shape = VEL_SHAPE ((gint64) sizes->a, (gint64) sizes->c);

  if (vel_delta_has (job->parts, VEL_DELTA_LOKR_W1))
    return vel_delta_read (job, VEL_DELTA_LOKR_W1, shape, error);
  *rank = vel_delta_find_rank (job, VEL_DELTA_LOKR_W1B, 0, error);
  if (*rank == 0)
    return NULL;
  return read_product (job, VEL_DELTA_LOKR_W1A, VEL_DELTA_LOKR_W1B, sizes->a, VEL_SHAPE ((gint64) *rank, (gint64) sizes->c), sizes->c,
                       *rank, error);
}

/* The core [rank, rank, k, k] between w2a [rank, b] and w2b [rank, d] */
static float *
read_tucker (const VelDeltaJob *job, const Sizes *sizes, gsize rank, GError **error)
{
  gsize taps = job->shape.kernel * job->shape.kernel;
  g_autofree float *left = vel_delta_read (job, VEL_DELTA_LOKR_W2A, VEL_SHAPE ((gint64) rank, (gint64) sizes->b), error);
  g_autofree float *right = left ? vel_delta_read (job, VEL_DELTA_LOKR_W2B, VEL_SHAPE ((gint64) rank, (gint64) sizes->d), error) : NULL;
  g_autofree float *core = right ? vel_delta_read (job, VEL_DELTA_LOKR_T2, vel_delta_shape (job, rank, rank), error) : NULL;
  g_autofree float *turned = core ? vel_delta_new (job, sizes->b, rank, error) : NULL;
  g_autofree float *folded = turned ? vel_delta_new (job, rank, sizes->d * taps, error) : NULL;
  float *out;

  if (!folded || !vel_delta_fold (job, folded, core, right, rank, rank, sizes->d, taps, error))
    return NULL;
  out = vel_delta_new (job, sizes->b, sizes->d * taps, error);
  if (!out)
    return NULL;
  vel_delta_transpose (turned, left, rank, sizes->b);
  vel_delta_product (out, turned, folded, sizes->b, rank, sizes->d * taps);
  return out;
}

static float *
read_w2 (const VelDeltaJob *job, const Sizes *sizes, gsize *rank, GError **error)
{
  gsize taps = job->shape.kernel * job->shape.kernel, own;

  if (vel_delta_has (job->parts, VEL_DELTA_LOKR_W2))
    return vel_delta_read (job, VEL_DELTA_LOKR_W2, vel_delta_shape (job, sizes->b, sizes->d), error);
  own = vel_delta_find_rank (job, VEL_DELTA_LOKR_W2B, 0, error);
  if (own == 0)
    return NULL;
  if (*rank == 0) /* as LyCORIS where both are products: w1's */
    *rank = own;
  if (vel_delta_has (job->parts, VEL_DELTA_LOKR_T2))
    return read_tucker (job, sizes, own, error);
  return read_product (job, VEL_DELTA_LOKR_W2A, VEL_DELTA_LOKR_W2B, sizes->b, vel_delta_shape (job, own, sizes->d), sizes->d * taps, own,
                       error);
}

/* Row (i, p) of the result is row i of w1, each element times row p of w2. */
static void
multiply (float *out, const float *w1, const float *w2, const Sizes *sizes, gsize width)
{
  for (gsize i = 0; i < sizes->a; i++)
    for (gsize p = 0; p < sizes->b; p++)
      for (gsize j = 0; j < sizes->c; j++, out += width)
        for (gsize q = 0; q < width; q++)
          out[q] = w1[i * sizes->c + j] * w2[p * width + q];
}

static gboolean
need_all (const VelDeltaJob *job, GError **error)
{
  static const VelDeltaRole w1[] = { VEL_DELTA_LOKR_W1A, VEL_DELTA_LOKR_W1B, VEL_N_DELTA_ROLES };
  static const VelDeltaRole w2[] = { VEL_DELTA_LOKR_W2A, VEL_DELTA_LOKR_W2B, VEL_N_DELTA_ROLES };

  return (vel_delta_has (job->parts, VEL_DELTA_LOKR_W1) || vel_delta_need (job, w1, error)) &&
         (vel_delta_has (job->parts, VEL_DELTA_LOKR_W2) || vel_delta_need (job, w2, error));
}

gboolean
vel_delta_make_lokr (VelDelta *self, const VelDeltaJob *job, GError **error)
{
  g_autofree float *w1 = NULL, *w2 = NULL;
  gsize rank = 0; /* 0: both are whole, and alpha means nothing */
  Sizes sizes;

  if (!need_all (job, error) || !find_sizes (&sizes, job, error))
    return FALSE;
  w1 = read_w1 (job, &sizes, &rank, error);
  w2 = w1 ? read_w2 (job, &sizes, &rank, error) : NULL;
  if (!w2 || (rank > 0 && !vel_delta_read_scale (job, rank, &self->scale, error)))
    return FALSE;
  self->up = vel_delta_new (job, job->shape.out, job->columns, error);
  if (self->up)
    multiply (self->up, w1, w2, &sizes, sizes.d * job->shape.kernel * job->shape.kernel);
  return self->up != NULL;
}
