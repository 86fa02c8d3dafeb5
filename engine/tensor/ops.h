/* The ops on tensors: shape rules first, then the device's table.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Every function returns a new tensor of the context's innermost scope (borrowed); inputs are not changed. Contracts of the arithmetic
 * are in kernels/kernels.h. A broken shape is a bug in the caller and asserts. */
#pragma once

#include "engine/tensor/context.h"

/* Tables (bias, gamma, beta) are floats in device memory.
 * x: [..., in] -> [..., out].  bias: [out] or NULL.  residual: (nullable) shaped like the result. */
VelTensor *vel_op_linear (VelContext *ctx, VelTensor *x, const VelPacked *weight, const float *bias, gint64 out, VelActivation activation,
                          VelTensor *residual);

typedef struct {
  unsigned stride; /* 0 means 1 */
  unsigned pad_before, pad_after;
  gboolean wrap_x, wrap_y;    /* the padding is the other end */
  gint64 up_height, up_width; /* 0: not resized */
  VelTensor *x2;              /* (nullable) [B, H, W, ...]: channels that follow those of x */
  gint64 embedding_offset;    /* where out channels begin in the embedding's rows */
} VelConvOptions;

/* x: [B, H, W, in] -> [B, H', W', out].  embedding: (nullable) [B, out or more], or [1, ...] for all pictures.  residual:
 * (nullable) shaped like the result. */
VelTensor *vel_op_conv (VelContext *ctx, VelTensor *x, const VelPacked *weight, const float *bias, gint64 out, gint64 kernel,
                        VelConvOptions options, VelTensor *embedding, VelTensor *residual);

/* q: [B, T, ...], k, v: [B, S, ...]; a head's channels start at *_offset + head * head_dim of each token, so q, k and v may be parts of
 * one tensor. -> [B, T, heads * head_dim] */
typedef struct {
  VelTensor *q, *k, *v;
  gint64 q_offset, k_offset, v_offset;
  gint64 heads, head_dim;
  gboolean causal;
} VelAttend;
VelTensor *vel_op_attention (VelContext *ctx, VelAttend attend);

/* x: [B, ..., C]; statistics over everything but B, per group of channels.  x2: (nullable) [B, ..., C2]: channels that follow. */
VelTensor *vel_op_group_norm (VelContext *ctx, VelTensor *x, VelTensor *x2, const float *gamma, const float *beta, gint64 groups, double eps,
                              gboolean silu);
/* x: [..., C] */
VelTensor *vel_op_layer_norm (VelContext *ctx, VelTensor *x, const float *gamma, const float *beta, double eps);
VelTensor *vel_op_activate (VelContext *ctx, VelTensor *x, VelActivation activation);
/* x: [..., C], which is changed.  slopes: [C or more] floats in device memory, what numbers below 0 are multiplied by.  Returns: x */
VelTensor *vel_op_leaky (VelContext *ctx, VelTensor *x, const float *slopes);
/* sum of weights[i] * terms[i]; n <= 8; in the type of the first term, the others may have another */
VelTensor *vel_op_combine (VelContext *ctx, unsigned n, const double *weights, VelTensor *const *terms);
/* The same into a tensor that is there already, which may be one of the terms. */
void vel_op_combine_into (VelContext *ctx, VelTensor *out, unsigned n, const double *weights, VelTensor *const *terms);
/* out = x share + rest, element by element; all in fp32 and of one shape; out may be x */
void vel_op_blend_into (VelContext *ctx, VelTensor *out, VelTensor *x, VelTensor *share, VelTensor *rest);
/* [..., A], [..., B] -> [..., A + B] */
VelTensor *vel_op_concat (VelContext *ctx, VelTensor *a, VelTensor *b);
/* n timesteps (host) -> [n, channels], in fp32 */
VelTensor *vel_op_sinusoid (VelContext *ctx, const float *timesteps, gint64 n, gint64 channels);
/* The same values in another type; x itself if it has that type. */
VelTensor *vel_op_convert (VelContext *ctx, VelTensor *x, VelType type);
/* Whether conv and group_norm take two inputs here; else vel_op_concat makes them one. */
gboolean vel_op_takes_two (VelContext *ctx);
/* [B, ..., C] -> [B, C, ...] and back: first and last axis meanings swap, those between stay. */
VelTensor *vel_op_channels_first (VelContext *ctx, VelTensor *x);
VelTensor *vel_op_channels_last (VelContext *ctx, VelTensor *x);
/* Squares of n x n pixels as channels and back, as PyTorch's pixel_unshuffle and pixel_shuffle order them; of one picture.
 * [1, H, W, C] -> [1, H / n, W / n, C n²], both sides multiples of n */
VelTensor *vel_op_pixels_to_channels (VelContext *ctx, VelTensor *x, unsigned n);
/* [1, H, W, C n²] -> [1, H n, W n, C] */
VelTensor *vel_op_channels_to_pixels (VelContext *ctx, VelTensor *x, unsigned n);
/* [1, H, W, C] -> [1, H n, W n, C], each pixel n x n times */
VelTensor *vel_op_repeat_pixels (VelContext *ctx, VelTensor *x, unsigned n);
