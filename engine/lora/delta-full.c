/* A change that is stored as it is.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/lora/delta-job.h"

gboolean
vel_delta_make_full (VelDelta *self, const VelDeltaJob *job, GError **error)
{
  if (!vel_delta_need (job, (VelDeltaRole[]){ VEL_DELTA_DIFF, VEL_N_DELTA_ROLES }, error))
    return FALSE;
  self->up = vel_delta_read (job, VEL_DELTA_DIFF, vel_delta_shape (job, job->shape.out, job->shape.in), error);
  return self->up != NULL;
}
