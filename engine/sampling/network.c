/* What the parts of a denoiser share.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/sampling/network.h"

#include <glib/gi18n-lib.h>
#include <math.h>

double
vel_network_get_skip (const VelNetwork *self, double sigma)
{
  return self->prediction == VEL_PREDICTION_V ? 1 / (sigma * sigma + 1) : 1;
}

double
vel_network_get_out (const VelNetwork *self, double sigma)
{
  return self->prediction == VEL_PREDICTION_V ? -sigma / sqrt (sigma * sigma + 1) : -sigma;
}

void
vel_condition_clear (VelCondition *self)
{
  g_clear_pointer (&self->states, vel_tensor_unref);
  g_clear_pointer (&self->vector, vel_tensor_unref);
  g_clear_pointer (&self->extra, vel_tensor_unref);
}

void
vel_conditions_fill (VelContext *ctx, VelTensor *all, unsigned n, const VelCondition *const *conditions, gsize member)
{
  gint64 batch = all->shape.size[0];

  vel_context_open (ctx);
  for (gint64 i = 0; i < batch; i++)
    vel_op_combine_into (ctx, vel_context_slice (ctx, all, i, 1), 1, (double[]){ 1 },
                         &G_STRUCT_MEMBER (VelTensor *, conditions[i * n / batch], member));
  vel_context_close (ctx, NULL);
}

VelTensor *
vel_conditions_stack (VelContext *ctx, unsigned n, const VelCondition *const *conditions, gsize member, gint64 batch, VelType type)
{
  VelShape shape = G_STRUCT_MEMBER (VelTensor *, conditions[0], member)->shape;
  VelTensor *all;

  shape.size[0] = batch;
  all = vel_network_tensor (ctx, type, shape);
  if (all)
    vel_conditions_fill (ctx, all, n, conditions, member);
  return all;
}

VelTensor *
vel_network_tensor (VelContext *ctx, VelType type, VelShape shape)
{
  VelTensor *tensor = vel_tensor_new (vel_context_get_device (ctx), type, shape);

  if (!tensor)
    vel_context_fail (ctx, VEL_ERROR_MEMORY, _ ("There is not enough memory to paint at this size; choose a smaller one"));
  return tensor;
}
