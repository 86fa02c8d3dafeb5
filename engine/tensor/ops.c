/* Shape rules, then the table.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/tensor/ops.h"

#include <math.h>

static gint64
last_axis (const VelTensor *x)
{
  return x->shape.size[x->shape.n - 1];
}

static size_t
rows (const VelTensor *x)
{
  return (size_t) (vel_shape_count (x->shape) / last_axis (x));
}

static VelTensor *
like (VelContext *ctx, const VelTensor *x, gint64 channels)
{
  VelShape shape = x->shape;

  shape.size[shape.n - 1] = channels;
  return vel_context_tensor (ctx, x->type, shape);
}

VelTensor *
vel_op_linear (VelContext *ctx, VelTensor *x, const VelPacked *weight, const float *bias, gint64 out, VelActivation activation,
               VelTensor *residual)
{
  VelTensor *y = like (ctx, x, out);
  VelDevice *device = vel_context_get_device (ctx);

  g_assert (!residual || vel_shape_count (residual->shape) == vel_shape_count (y->shape));
  vel_context_count (ctx, 2.0 * rows (x) * last_axis (x) * out);
  if (vel_context_ok (ctx))
    device->kernels->linear (device->backend,
                             &(VelLinearArgs) { .type = x->type,
                                                .rows = rows (x),
                                                .weight = weight,
                                                .x = x->data,
                                                .bias = bias,
                                                .activation = activation,
                                                .residual = residual ? residual->data : NULL,
                                                .out = y->data });
  return y;
}

static const void *
at_channel (const VelTensor *x, gint64 offset)
{
  return x->data ? (const char *) x->data + (size_t) offset * vel_type_size (x->type) : NULL;
}

static gint64
conv_side (gint64 side, gint64 up, gint64 kernel, VelConvOptions options)
{
  return ((up ? up : side) + options.pad_before + options.pad_after - kernel) / MAX (options.stride, 1) + 1;
}

VelTensor *
vel_op_conv (VelContext *ctx, VelTensor *x, const VelPacked *weight, const float *bias, gint64 out, gint64 kernel, VelConvOptions options,
             VelTensor *embedding, VelTensor *residual)
{
  gint64 batch = x->shape.size[0], height = x->shape.size[1], width = x->shape.size[2];
  VelTensor *y = vel_context_tensor (ctx, x->type,
                                     VEL_SHAPE (batch, conv_side (height, options.up_height, kernel, options),
                                                conv_side (width, options.up_width, kernel, options), out));
  VelDevice *device = vel_context_get_device (ctx);
  gint64 x2_channels = options.x2 ? last_axis (options.x2) : 0;

  g_assert (x->shape.n == 4);
  g_assert (!residual || vel_shape_equal (residual->shape, y->shape));
  g_assert (!embedding || rows (embedding) == 1 || rows (embedding) == (size_t) batch);
  g_assert (!embedding || last_axis (embedding) >= options.embedding_offset + out);
  g_assert (!options.x2 || (vel_op_takes_two (ctx) && rows (options.x2) == rows (x)));
  vel_context_count (ctx, 2.0 * rows (y) * out * (last_axis (x) + x2_channels) * kernel * kernel);
  if (vel_context_ok (ctx))
    device->kernels->conv (device->backend,
                           &(VelConvArgs) { .type = x->type,
                                            .batch = (size_t) batch,
                                            .height = (size_t) height,
                                            .width = (size_t) width,
                                            .up_height = (size_t) options.up_height,
                                            .up_width = (size_t) options.up_width,
                                            .stride = MAX (options.stride, 1),
                                            .pad_before = options.pad_before,
                                            .pad_after = options.pad_after,
                                            .wrap_x = options.wrap_x,
                                            .wrap_y = options.wrap_y,
                                            .weight = weight,
                                            .x = x->data,
                                            .x2 = options.x2 ? options.x2->data : NULL,
                                            .x2_channels = (size_t) x2_channels,
                                            .bias = bias,
                                            .embedding = embedding ? at_channel (embedding, options.embedding_offset) : NULL,
                                            .embedding_stride = embedding && rows (embedding) > 1 ? (size_t) last_axis (embedding) : 0,
                                            .residual = residual ? residual->data : NULL,
                                            .out = y->data });
  return y;
}

VelTensor *
vel_op_attention (VelContext *ctx, VelAttend attend)
{
  gint64 batch = attend.q->shape.size[0], tokens = attend.q->shape.size[1], keys = attend.k->shape.size[1];
  VelTensor *y = vel_context_tensor (ctx, attend.q->type, VEL_SHAPE (batch, tokens, attend.heads * attend.head_dim));
  VelDevice *device = vel_context_get_device (ctx);

  g_assert (attend.k->shape.size[0] == batch && attend.v->shape.size[0] == batch && attend.v->shape.size[1] == keys);
  g_assert (attend.q_offset + attend.heads * attend.head_dim <= last_axis (attend.q));
  g_assert (attend.k_offset + attend.heads * attend.head_dim <= last_axis (attend.k));
  g_assert (attend.v_offset + attend.heads * attend.head_dim <= last_axis (attend.v));
  vel_context_count (ctx, 4.0 * batch * tokens * keys * attend.heads * attend.head_dim);
  if (vel_context_ok (ctx))
    device->kernels->attention (device->backend,
                                &(VelAttentionArgs) { .type = y->type,
                                                      .batch = (size_t) batch,
                                                      .heads = (size_t) attend.heads,
                                                      .head_dim = (size_t) attend.head_dim,
                                                      .rows = (size_t) tokens,
                                                      .keys = (size_t) keys,
                                                      .scale = 1 / sqrt ((double) attend.head_dim),
                                                      .causal = attend.causal,
                                                      .q = at_channel (attend.q, attend.q_offset),
                                                      .k = at_channel (attend.k, attend.k_offset),
                                                      .v = at_channel (attend.v, attend.v_offset),
                                                      .q_stride = (size_t) last_axis (attend.q),
                                                      .k_stride = (size_t) last_axis (attend.k),
                                                      .v_stride = (size_t) last_axis (attend.v),
                                                      .out = y->data });
  return y;
}

VelTensor *
vel_op_group_norm (VelContext *ctx, VelTensor *x, VelTensor *x2, const float *gamma, const float *beta, gint64 groups, double eps,
                   gboolean silu)
{
  gint64 x2_channels = x2 ? last_axis (x2) : 0;
  VelTensor *y = like (ctx, x, last_axis (x) + x2_channels);
  VelDevice *device = vel_context_get_device (ctx);

  g_assert (!x2 || (vel_op_takes_two (ctx) && rows (x2) == rows (x)));
  if (vel_context_ok (ctx))
    device->kernels->group_norm (device->backend,
                                 &(VelGroupNormArgs) { .type = x->type,
                                                       .batch = (size_t) x->shape.size[0],
                                                       .pixels = rows (x) / (size_t) x->shape.size[0],
                                                       .channels = (size_t) last_axis (y),
                                                       .groups = (size_t) groups,
                                                       .eps = eps,
                                                       .gamma = gamma,
                                                       .beta = beta,
                                                       .silu = silu,
                                                       .x = x->data,
                                                       .x2 = x2 ? x2->data : NULL,
                                                       .x2_channels = (size_t) x2_channels,
                                                       .out = y->data });
  return y;
}

VelTensor *
vel_op_layer_norm (VelContext *ctx, VelTensor *x, const float *gamma, const float *beta, double eps)
{
  VelTensor *y = like (ctx, x, last_axis (x));
  VelDevice *device = vel_context_get_device (ctx);

  if (vel_context_ok (ctx))
    device->kernels->layer_norm (device->backend,
                                 &(VelLayerNormArgs) { .type = x->type,
                                                       .rows = rows (x),
                                                       .channels = (size_t) last_axis (x),
                                                       .eps = eps,
                                                       .gamma = gamma,
                                                       .beta = beta,
                                                       .x = x->data,
                                                       .out = y->data });
  return y;
}

VelTensor *
vel_op_activate (VelContext *ctx, VelTensor *x, VelActivation activation)
{
  VelTensor *y = like (ctx, x, last_axis (x));
  VelDevice *device = vel_context_get_device (ctx);

  if (vel_context_ok (ctx))
    device->kernels->activate (device->backend,
                               &(VelActivateArgs) { .type = x->type,
                                                    .count = (size_t) vel_shape_count (x->shape),
                                                    .activation = activation,
                                                    .x = x->data,
                                                    .out = y->data });
  return y;
}

VelTensor *
vel_op_leaky (VelContext *ctx, VelTensor *x, const float *slopes)
{
  VelDevice *device = vel_context_get_device (ctx);

  if (vel_context_ok (ctx))
    device->kernels->activate (device->backend,
                               &(VelActivateArgs) { .type = x->type,
                                                    .count = (size_t) vel_shape_count (x->shape),
                                                    .activation = VEL_ACTIVATION_LEAKY,
                                                    .x = x->data,
                                                    .out = x->data,
                                                    .channels = (size_t) last_axis (x),
                                                    .slopes = slopes });
  return x;
}

void
vel_op_combine_into (VelContext *ctx, VelTensor *out, unsigned n, const double *weights, VelTensor *const *terms)
{
  VelDevice *device = vel_context_get_device (ctx);
  const void *data[8];
  VelType types[8];

  g_assert (n >= 1 && n <= G_N_ELEMENTS (data));
  for (unsigned i = 0; i < n; i++) {
    g_assert (vel_shape_count (terms[i]->shape) == vel_shape_count (out->shape));
    data[i] = terms[i]->data;
    types[i] = terms[i]->type;
  }
  if (vel_context_ok (ctx))
    device->kernels->combine (device->backend,
                              &(VelCombineArgs) { .type = out->type,
                                                  .count = (size_t) vel_shape_count (out->shape),
                                                  .n = n,
                                                  .weights = weights,
                                                  .terms = data,
                                                  .out = out->data,
                                                  .types = types });
}

VelTensor *
vel_op_combine (VelContext *ctx, unsigned n, const double *weights, VelTensor *const *terms)
{
  VelTensor *y = like (ctx, terms[0], last_axis (terms[0]));

  vel_op_combine_into (ctx, y, n, weights, terms);
  return y;
}

void
vel_op_blend_into (VelContext *ctx, VelTensor *out, VelTensor *x, VelTensor *share, VelTensor *rest)
{
  VelDevice *device = vel_context_get_device (ctx);
  VelTensor *all[] = { out, x, share, rest };

  for (unsigned i = 0; i < G_N_ELEMENTS (all); i++)
    g_assert (all[i]->type == VEL_F32 && vel_shape_count (all[i]->shape) == vel_shape_count (out->shape));
  if (vel_context_ok (ctx))
    device->kernels->blend (device->backend,
                            &(VelBlendArgs) { (size_t) vel_shape_count (out->shape), x->data, share->data, rest->data, out->data });
}

VelTensor *
vel_op_concat (VelContext *ctx, VelTensor *a, VelTensor *b)
{
  VelTensor *y = like (ctx, a, last_axis (a) + last_axis (b));
  VelDevice *device = vel_context_get_device (ctx);

  g_assert (rows (a) == rows (b));
  if (vel_context_ok (ctx))
    device->kernels->concat (device->backend,
                             &(VelConcatArgs) { .type = a->type,
                                                .rows = rows (a),
                                                .a_channels = (size_t) last_axis (a),
                                                .b_channels = (size_t) last_axis (b),
                                                .a = a->data,
                                                .b = b->data,
                                                .out = y->data });
  return y;
}

VelTensor *
vel_op_sinusoid (VelContext *ctx, const float *timesteps, gint64 n, gint64 channels)
{
  VelTensor *y = vel_context_tensor (ctx, VEL_F32, VEL_SHAPE (n, channels));
  VelDevice *device = vel_context_get_device (ctx);

  if (vel_context_ok (ctx))
    device->kernels->sinusoid (
      device->backend,
      &(VelSinusoidArgs) { .type = VEL_F32, .n = (size_t) n, .channels = (size_t) channels, .timesteps = timesteps, .out = y->data });
  return y;
}

VelTensor *
vel_op_convert (VelContext *ctx, VelTensor *x, VelType type)
{
  VelDevice *device = vel_context_get_device (ctx);
  VelTensor *y;

  if (x->type == type)
    return x;
  y = vel_context_tensor (ctx, type, x->shape);
  if (vel_context_ok (ctx))
    device->kernels->convert (
      device->backend,
      &(VelConvertArgs) { .count = (size_t) vel_shape_count (x->shape), .from = x->type, .to = type, .x = x->data, .out = y->data });
  return y;
}

gboolean
vel_op_takes_two (VelContext *ctx)
{
  return (vel_context_get_device (ctx)->kernels->features & VEL_FEATURE_TWO_INPUTS) != 0;
}

static VelTensor *
transpose (VelContext *ctx, VelTensor *x, VelShape shape, size_t n_rows, size_t n_columns)
{
  VelTensor *y = vel_context_tensor (ctx, x->type, shape);
  VelDevice *device = vel_context_get_device (ctx);

  if (vel_context_ok (ctx))
    device->kernels->transpose (device->backend,
                                &(VelTransposeArgs) { .type = x->type,
                                                      .batch = (size_t) x->shape.size[0],
                                                      .rows = n_rows,
                                                      .columns = n_columns,
                                                      .x = x->data,
                                                      .out = y->data });
  return y;
}

VelTensor *
vel_op_channels_first (VelContext *ctx, VelTensor *x)
{
  VelShape shape = x->shape;
  gint64 channels = last_axis (x);

  g_assert (shape.n >= 3);
  for (unsigned i = shape.n - 1; i > 1; i--)
    shape.size[i] = shape.size[i - 1];
  shape.size[1] = channels;
  return transpose (ctx, x, shape, rows (x) / (size_t) x->shape.size[0], (size_t) channels);
}

VelTensor *
vel_op_channels_last (VelContext *ctx, VelTensor *x)
{
  VelShape shape = x->shape;
  gint64 channels = shape.size[1];

  g_assert (shape.n >= 3);
  for (unsigned i = 1; i + 1 < shape.n; i++)
    shape.size[i] = shape.size[i + 1];
  shape.size[shape.n - 1] = channels;
  return transpose (ctx, x, shape, (size_t) channels, (size_t) (vel_shape_count (x->shape) / x->shape.size[0] / channels));
}

/* size, strides: see VelRearrangeArgs */
static VelTensor *
rearrange (VelContext *ctx, VelTensor *x, VelShape shape, const gint64 *size, const gint64 *strides)
{
  VelTensor *y = vel_context_tensor (ctx, x->type, shape);
  VelDevice *device = vel_context_get_device (ctx);
  VelRearrangeArgs args = { .from = x->type, .to = x->type, .scale = 1, .x = x->data, .out = y->data };

  for (unsigned i = 0; i < G_N_ELEMENTS (args.size); i++) {
    args.size[i] = (size_t) size[i];
    args.strides[i] = (ptrdiff_t) strides[i];
  }
  if (vel_context_ok (ctx))
    device->kernels->rearrange (device->backend, &args);
  return y;
}

VelTensor *
vel_op_pixels_to_channels (VelContext *ctx, VelTensor *x, unsigned n)
{
  gint64 height = x->shape.size[1], width = x->shape.size[2], c = x->shape.size[3];

  g_assert (x->shape.n == 4 && x->shape.size[0] == 1 && height % n == 0 && width % n == 0);
  return rearrange (ctx, x, VEL_SHAPE (1, height / n, width / n, c * n * n), (gint64[]) { height / n, width / n, c, n, n },
                    (gint64[]) { n * width * c, n * c, 1, width * c, c });
}

VelTensor *
vel_op_channels_to_pixels (VelContext *ctx, VelTensor *x, unsigned n)
{
  gint64 height = x->shape.size[1], width = x->shape.size[2], all = x->shape.size[3];

  g_assert (x->shape.n == 4 && x->shape.size[0] == 1 && all % (n * n) == 0);
  return rearrange (ctx, x, VEL_SHAPE (1, height * n, width * n, all / (n * n)), (gint64[]) { height, n, width, n, all / (n * n) },
                    (gint64[]) { width * all, n, all, 1, n * n });
}

VelTensor *
vel_op_repeat_pixels (VelContext *ctx, VelTensor *x, unsigned n)
{
  gint64 height = x->shape.size[1], width = x->shape.size[2], c = x->shape.size[3];

  g_assert (x->shape.n == 4 && x->shape.size[0] == 1);
  return rearrange (ctx, x, VEL_SHAPE (1, height * n, width * n, c), (gint64[]) { height, n, width, n, c },
                    (gint64[]) { width * c, 0, c, 0, 1 });
}
