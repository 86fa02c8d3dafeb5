/* LoRA (Hu et al. 2021), and its form for convolutions, LoCon: up down, two thin matrices.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/lora/delta-job.h"

/* The k x k convolution between the two, if there is one, goes into the one below. */
static float *
read_down (const VelDeltaJob *job, gsize rank, GError **error)
{
  gsize taps = job->shape.kernel * job->shape.kernel;
  g_autofree float *down = NULL, *mid = NULL, *folded = NULL;

  if (!vel_delta_has (job->parts, VEL_DELTA_MID))
    return vel_delta_read (job, VEL_DELTA_DOWN, vel_delta_shape (job, rank, job->shape.in), error);
  down = vel_delta_read (job, VEL_DELTA_DOWN, VEL_SHAPE ((gint64) rank, (gint64) job->shape.in), error);
  mid = down ? vel_delta_read (job, VEL_DELTA_MID, vel_delta_shape (job, rank, rank), error) : NULL;
  folded = mid ? vel_delta_new (job, rank, job->columns, error) : NULL;
  if (!folded || !vel_delta_fold (job, folded, mid, down, rank, rank, job->shape.in, taps, error))
    return NULL;
  return g_steal_pointer (&folded);
}

gboolean
vel_delta_make_lora (VelDelta *self, const VelDeltaJob *job, GError **error)
{
  if (!vel_delta_need (job, (VelDeltaRole[]){ VEL_DELTA_DOWN, VEL_DELTA_UP, VEL_N_DELTA_ROLES }, error))
    return FALSE;
  self->rank = vel_delta_find_rank (job, VEL_DELTA_DOWN, 0, error);
  if (self->rank == 0 || !vel_delta_read_scale (job, self->rank, &self->scale, error))
    return FALSE;
  self->down = read_down (job, self->rank, error);
  self->up = self->down ? vel_delta_read (job, VEL_DELTA_UP, VEL_SHAPE ((gint64) job->shape.out, (gint64) self->rank), error) : NULL;
  return self->up != NULL;
}
