/* GLoRA (Chavan et al. 2023): W0 a1 a2 + b1 b2.  SPDX-License-Identifier: Apache-2.0
 *
 * Older LyCORIS called the same factors by each other's names: W0 a2 a1 + b2 b1. Only the shapes tell; where they fit both, ranks being
 * the layer's own sizes, the present order is meant. */
#include "engine/lora/delta-job.h"

typedef struct {
  VelDeltaRole a_left, a_right, b_left, b_right;
  gsize rank;
} Order;

static gboolean
find_order (Order *order, const VelDeltaJob *job, GError **error)
{
  const VelDeltaParts *parts = job->parts;
  gsize rank = vel_delta_axis (parts, VEL_DELTA_GLORA_B2, 0), old_rank = vel_delta_axis (parts, VEL_DELTA_GLORA_B1, 0);
  gboolean is_new = vel_delta_axis (parts, VEL_DELTA_GLORA_B1, 1) == rank && vel_delta_axis (parts, VEL_DELTA_GLORA_A1, 1) == rank &&
                    vel_delta_axis (parts, VEL_DELTA_GLORA_A2, 0) == rank;
  gboolean is_old = vel_delta_axis (parts, VEL_DELTA_GLORA_B2, 1) == old_rank &&
                    vel_delta_axis (parts, VEL_DELTA_GLORA_A1, 0) == old_rank && vel_delta_axis (parts, VEL_DELTA_GLORA_A2, 1) == old_rank;

  if (is_old && !is_new)
    *order = (Order){ VEL_DELTA_GLORA_A2, VEL_DELTA_GLORA_A1, VEL_DELTA_GLORA_B2, VEL_DELTA_GLORA_B1 };
  else
    *order = (Order){ VEL_DELTA_GLORA_A1, VEL_DELTA_GLORA_A2, VEL_DELTA_GLORA_B1, VEL_DELTA_GLORA_B2 };
  order->rank = vel_delta_find_rank (job, order->b_right, 0, error);
  return order->rank > 0;
}

/* W0 times two thin matrices along its inputs; a convolution's taps each for themselves. */
static float *
make_a (const VelDeltaJob *job, const Order *order, GError **error)
{
  gsize taps = job->shape.kernel * job->shape.kernel, out = job->shape.out, in = job->shape.in;
  g_autofree float *left = vel_delta_read (job, order->a_left, VEL_SHAPE ((gint64) in, (gint64) order->rank), error);
  g_autofree float *right = left ? vel_delta_read (job, order->a_right, VEL_SHAPE ((gint64) order->rank, (gint64) in), error) : NULL;
  g_autofree float *weight = right ? vel_delta_read_original (job, error) : NULL;
  g_autofree float *narrow = weight ? vel_delta_new (job, out, order->rank * taps, error) : NULL;

  /* The result can lie where W0 was: nobody reads W0 by then. */
  if (!narrow || !vel_delta_fold (job, narrow, weight, left, out, in, order->rank, taps, error) ||
      !vel_delta_fold (job, weight, narrow, right, out, order->rank, in, taps, error))
    return NULL;
  return g_steal_pointer (&weight);
}

/* b's right factor, with the k x k convolution in it if there is one */
static float *
read_b_right (const VelDeltaJob *job, const Order *order, GError **error)
{
  g_autofree float *right = NULL, *mid = NULL, *folded = NULL;

  if (!vel_delta_has (job->parts, VEL_DELTA_GLORA_BM))
    return vel_delta_read (job, order->b_right, vel_delta_shape (job, order->rank, job->shape.in), error);
  right = vel_delta_read (job, order->b_right, VEL_SHAPE ((gint64) order->rank, (gint64) job->shape.in), error);
  mid = right ? vel_delta_read (job, VEL_DELTA_GLORA_BM, vel_delta_shape (job, order->rank, order->rank), error) : NULL;
  folded = mid ? vel_delta_new (job, order->rank, job->columns, error) : NULL;
  if (!folded ||
      !vel_delta_fold (job, folded, mid, right, order->rank, order->rank, job->shape.in, job->shape.kernel * job->shape.kernel, error))
    return NULL;
  return g_steal_pointer (&folded);
}

gboolean
vel_delta_make_glora (VelDelta *self, const VelDeltaJob *job, GError **error)
{
  static const VelDeltaRole all[] = { VEL_DELTA_GLORA_A1, VEL_DELTA_GLORA_A2, VEL_DELTA_GLORA_B1, VEL_DELTA_GLORA_B2, VEL_N_DELTA_ROLES };
  g_autofree float *left = NULL, *right = NULL;
  Order order;

  if (!vel_delta_need (job, all, error) || !find_order (&order, job, error) || !vel_delta_read_scale (job, order.rank, &self->scale, error))
    return FALSE;
  left = vel_delta_read (job, order.b_left, VEL_SHAPE ((gint64) job->shape.out, (gint64) order.rank), error);
  right = left ? read_b_right (job, &order, error) : NULL;
  self->up = right ? make_a (job, &order, error) : NULL;
  if (self->up)
    vel_delta_add_product (self->up, left, right, job->shape.out, order.rank, job->columns);
  return self->up != NULL;
}
