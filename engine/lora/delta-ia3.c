/* (IA)3 (Liu et al. 2022): the weight's rows or columns grow by a factor each.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/lora/delta-job.h"

static void
scale_rows (float *weight, const float *factors, const VelDeltaJob *job)
{
  for (gsize row = 0; row < job->shape.out; row++)
    for (gsize i = 0; i < job->columns; i++)
      *weight++ *= factors[row];
}

static void
scale_columns (float *weight, const float *factors, const VelDeltaJob *job)
{
  gsize taps = job->shape.kernel * job->shape.kernel;

  for (gsize row = 0; row < job->shape.out; row++)
    for (gsize i = 0; i < job->shape.in; i++)
      for (gsize tap = 0; tap < taps; tap++)
        *weight++ *= factors[i];
}

gboolean
vel_delta_make_ia3 (VelDelta *self, const VelDeltaJob *job, GError **error)
{
  g_autofree float *factors = NULL;
  double on_input;

  if (!vel_delta_need (job, (VelDeltaRole[]){ VEL_DELTA_IA3, VEL_DELTA_IA3_ON_INPUT, VEL_N_DELTA_ROLES }, error) ||
      !vel_delta_read_number (job, VEL_DELTA_IA3_ON_INPUT, &on_input, error))
    return FALSE;
  factors = vel_delta_read_vector (job, VEL_DELTA_IA3, on_input != 0 ? job->shape.in : job->shape.out, error);
  self->up = factors ? vel_delta_read_original (job, error) : NULL;
  if (!self->up)
    return FALSE;
  if (on_input != 0)
    scale_columns (self->up, factors, job);
  else
    scale_rows (self->up, factors, job);
  return TRUE;
}
