/* Running layers, and letting go of them.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/models/layers.h"

static void
clear_table (VelDevice *device, float **table)
{
  if (*table)
    device->kernels->free (device->backend, *table);
  *table = NULL;
}

static void
clear_packed (VelDevice **device, VelPacked **weight, float **bias)
{
  if (*weight)
    (*device)->kernels->unpack ((*device)->backend, *weight);
  *weight = NULL;
  clear_table (*device, bias);
  g_clear_pointer (device, vel_device_unref);
}

void
vel_linear_clear (VelLinear *self)
{
  clear_packed (&self->device, &self->weight, &self->bias);
}

void
vel_conv_clear (VelConv *self)
{
  clear_packed (&self->device, &self->weight, &self->bias);
}

void
vel_norm_clear (VelNorm *self)
{
  clear_table (self->device, &self->gamma);
  clear_table (self->device, &self->beta);
  g_clear_pointer (&self->device, vel_device_unref);
}

VelTensor *
vel_linear (VelContext *ctx, const VelLinear *self, VelTensor *x, VelActivation activation, VelTensor *residual)
{
  VelTensor *y = vel_op_linear (ctx, x, self->weight, self->bias, self->out, activation, residual);

  vel_context_look (ctx, y, self->name);
  return y;
}

static VelTensor *
run_conv (VelContext *ctx, const VelConv *self, VelTensor *x, VelConvOptions options, VelTensor *shifts, VelTensor *residual)
{
  gboolean alike = options.pad_before == options.pad_after;
  VelTensor *y;

  options.wrap_x = alike && vel_context_get_wrap_x (ctx);
  options.wrap_y = alike && vel_context_get_wrap_y (ctx);
  y = vel_op_conv (ctx, x, self->weight, self->bias, self->out, self->kernel, options, shifts, residual);
  vel_context_look (ctx, y, self->name);
  return y;
}

/* That keep height and width. */
static VelConvOptions
same_size (const VelConv *self)
{
  unsigned pad = self->kernel == 3 ? 1 : 0;

  return (VelConvOptions) { .pad_before = pad, .pad_after = pad };
}

VelTensor *
vel_conv (VelContext *ctx, const VelConv *self, VelTensor *x, VelTensor *residual)
{
  return run_conv (ctx, self, x, same_size (self), NULL, residual);
}

VelTensor *
vel_conv_shifted (VelContext *ctx, const VelConv *self, VelTensor *x, VelTensor *shifts, gint64 offset)
{
  VelConvOptions options = same_size (self);

  options.embedding_offset = offset;
  return run_conv (ctx, self, x, options, shifts, NULL);
}

VelTensor *
vel_conv_with (VelContext *ctx, const VelConv *self, VelTensor *x, VelConvOptions options)
{
  return run_conv (ctx, self, x, options, NULL, NULL);
}

VelTensor *
vel_group_norm (VelContext *ctx, const VelNorm *self, VelTensor *x, gboolean silu)
{
  return vel_group_norm_two (ctx, self, x, NULL, silu);
}

VelTensor *
vel_group_norm_two (VelContext *ctx, const VelNorm *self, VelTensor *x, VelTensor *x2, gboolean silu)
{
  VelTensor *y = vel_op_group_norm (ctx, x, x2, self->gamma, self->beta, VEL_NORM_GROUPS, self->eps, silu);

  vel_context_look (ctx, y, self->name);
  return y;
}

VelTensor *
vel_layer_norm (VelContext *ctx, const VelNorm *self, VelTensor *x)
{
  VelTensor *y = vel_op_layer_norm (ctx, x, self->gamma, self->beta, self->eps);

  vel_context_look (ctx, y, self->name);
  return y;
}
