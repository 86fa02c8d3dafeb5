/* The ops of the networks.  SPDX-License-Identifier: Apache-2.0 */
#include "tests/gpu/bench.h"

#include <math.h>
#include <stdio.h>

typedef struct {
  const char *part;
  unsigned count;
  size_t batch, height, width, in, x2_channels, out, kernel;
  unsigned stride, pad_before, pad_after;
  size_t up_height, up_width;
  bool bias, embedding, residual;
} ConvShape;

typedef struct {
  const char *part;
  unsigned count;
  size_t rows, in, out;
  bool gated, bias, residual;
} LinearShape;

typedef struct {
  const char *part;
  unsigned count;
  size_t batch, heads, head_dim, rows, keys, q_stride, k_stride;
} AttentionShape;

typedef struct {
  const char *part;
  unsigned count;
  size_t batch, pixels, channels, x2_channels;
  bool silu;
} GroupNormShape;

typedef struct {
  const char *part;
  unsigned count;
  size_t rows, channels;
} LayerNormShape;

#include "tests/gpu/shapes.h"

/* conv */

static size_t
out_side (const ConvShape *shape, size_t side, size_t up_side)
{
  return ((up_side > 0 ? up_side : side) + shape->pad_before + shape->pad_after - shape->kernel) / shape->stride + 1;
}

static void
call_conv (const Bench *self, const void *args)
{
  self->kernels->conv (self->backend, args);
}

static void
prepare_conv (Bench *self, const void *data, VelType type, unsigned seed, Call *call)
{
  const ConvShape *shape = data;
  size_t pixels = shape->batch * shape->height * shape->width;
  size_t count =
      shape->batch * out_side (shape, shape->height, shape->up_height) * out_side (shape, shape->width, shape->up_width) * shape->out;
  VelConvArgs args = { .type = type,
                       .batch = shape->batch,
                       .height = shape->height,
                       .width = shape->width,
                       .up_height = shape->up_height,
                       .up_width = shape->up_width,
                       .stride = shape->stride,
                       .pad_before = shape->pad_before,
                       .pad_after = shape->pad_after,
                       .x2_channels = shape->x2_channels,
                       .embedding_stride = shape->out };

  args.x = bench_noise (self, type, pixels * (shape->in - shape->x2_channels), 7 * seed + 1);
  args.x2 = shape->x2_channels > 0 ? bench_noise (self, type, pixels * shape->x2_channels, 7 * seed + 2) : NULL;
  args.weight = bench_pack_conv (self, type, shape->in, shape->out, shape->kernel, 7 * seed + 3);
  args.bias = shape->bias ? bench_noise (self, VEL_F32, shape->out, 7 * seed + 4) : NULL;
  args.embedding = shape->embedding ? bench_noise (self, type, shape->batch * shape->out, 7 * seed + 5) : NULL;
  args.residual = shape->residual ? bench_noise (self, type, count, 7 * seed + 6) : NULL;
  args.out = bench_take (self, count * vel_type_size (type));
  *call = (Call){ call_conv, { .conv = args }, args.out, count, type };
}

void
bench_time_conv (Bench *self)
{
  for (size_t i = 0; i < COUNT_OF (conv_shapes); i++) {
    ConvShape shape = conv_shapes[i];
    Row row = { shape.part, "conv", .count = shape.count };
    double pixels, in, out;

    if (self->small) {
      shape.up_height = shape.up_height > 0 ? 8 : 0;
      shape.up_width = shape.up_width > 0 ? 8 : 0;
      shape.height = shape.width = 4;
      shape.in = bench_least (shape.in, 32);
      shape.out = bench_least (shape.out, 16);
      shape.x2_channels = bench_least (shape.x2_channels, 8);
    }
    if (shape.x2_channels > 0 && (self->kernels->features & VEL_FEATURE_TWO_INPUTS) == 0)
      continue;
    pixels = (double) (shape.batch * shape.height * shape.width);
    in = pixels * (double) shape.in;
    pixels = (double) (shape.batch * out_side (&shape, shape.height, shape.up_height) * out_side (&shape, shape.width, shape.up_width));
    out = pixels * (double) shape.out;
    row.gflop = 2e-9 * out * (double) (shape.in * shape.kernel * shape.kernel);
    row.bytes = (in + out + (shape.residual ? out : 0) + (double) (shape.in * shape.out * shape.kernel * shape.kernel)) *
                (double) vel_type_size (self->type);
    snprintf (row.words, sizeof row.words, "%zux%zux%zu %zu->%zu%s%s%s%s%s", shape.batch, shape.height, shape.width, shape.in, shape.out,
              shape.kernel == 1 ? " 1x1" : "", shape.stride == 2 ? " stride 2" : "", shape.up_height > 0 ? " doubled" : "",
              shape.x2_channels > 0 ? " two inputs" : "",
              shape.embedding  ? " embedding"
              : shape.residual ? " residual"
                               : "");
    bench_time_shape (self, &row, &shape, prepare_conv);
  }
}

/* linear */

static void
call_linear (const Bench *self, const void *args)
{
  self->kernels->linear (self->backend, args);
}

static void
prepare_linear (Bench *self, const void *data, VelType type, unsigned seed, Call *call)
{
  const LinearShape *shape = data;
  size_t packed = shape->gated ? 2 * shape->out : shape->out, count = shape->rows * shape->out;
  VelLinearArgs args = { .type = type, .rows = shape->rows };

  args.x = bench_noise (self, type, shape->rows * shape->in, 7 * seed + 1);
  args.weight = bench_pack_linear (self, type, shape->in, packed, shape->gated, 7 * seed + 2);
  args.bias = shape->bias ? bench_noise (self, VEL_F32, packed, 7 * seed + 3) : NULL;
  args.residual = shape->residual ? bench_noise (self, type, count, 7 * seed + 4) : NULL;
  args.out = bench_take (self, count * vel_type_size (type));
  *call = (Call){ call_linear, { .linear = args }, args.out, count, type };
}

static void
time_one_linear (Bench *self, const LinearShape *shape)
{
  Row row = { shape->part, "linear", .count = shape->count };
  double packed = (double) (shape->gated ? 2 * shape->out : shape->out), rows = (double) shape->rows, in = (double) shape->in;

  row.gflop = 2e-9 * rows * in * packed;
  row.bytes = (rows * in + in * packed + rows * (double) shape->out * (shape->residual ? 2 : 1)) * (double) vel_type_size (self->type);
  snprintf (row.words, sizeof row.words, "%zu rows %zu->%zu%s%s%s", shape->rows, shape->in, shape->out, shape->gated ? " gated" : "",
            shape->bias ? "" : " no bias", shape->residual ? " residual" : "");
  bench_time_shape (self, &row, shape, prepare_linear);
}

void
bench_time_linear (Bench *self)
{
  for (size_t i = 0; i < COUNT_OF (linear_shapes); i++) {
    LinearShape shape = linear_shapes[i];

    if (self->small) {
      shape.rows = bench_least (shape.rows, 8);
      shape.in = bench_least (shape.in, 64);
      shape.out = bench_least (shape.out, 48);
    }
    time_one_linear (self, &shape);
  }
}

void
bench_time_product (Bench *self, size_t side)
{
  LinearShape product = { "ceiling", 1, side, side, side, false, false, false };

  time_one_linear (self, &product);
}

/* attention */

static void
call_attention (const Bench *self, const void *args)
{
  self->kernels->attention (self->backend, args);
}

/* q, k and v are columns of one matrix, or k and v are. */
static void
prepare_attention (Bench *self, const void *data, VelType type, unsigned seed, Call *call)
{
  const AttentionShape *shape = data;
  size_t width = shape->heads * shape->head_dim, size = vel_type_size (type), count = shape->batch * shape->rows * width;
  VelAttentionArgs args = { .type = type,
                            .batch = shape->batch,
                            .heads = shape->heads,
                            .head_dim = shape->head_dim,
                            .rows = shape->rows,
                            .keys = shape->keys,
                            .scale = 1 / sqrt ((double) shape->head_dim),
                            .q_stride = shape->q_stride,
                            .k_stride = shape->k_stride,
                            .v_stride = shape->k_stride };
  char *q = bench_noise (self, type, shape->batch * shape->rows * shape->q_stride, 3 * seed + 1), *k = q + width * size;

  if (shape->q_stride == width)
    k = bench_noise (self, type, shape->batch * shape->keys * shape->k_stride, 3 * seed + 2);
  args.q = q;
  args.k = k;
  args.v = k + width * size;
  args.out = bench_take (self, count * size);
  *call = (Call){ call_attention, { .attention = args }, args.out, count, type };
}

void
bench_time_attention (Bench *self)
{
  for (size_t i = 0; i < COUNT_OF (attention_shapes); i++) {
    AttentionShape shape = attention_shapes[i];
    Row row = { shape.part, "attention", .count = shape.count };
    size_t times, width;
    double tokens;

    if (self->small) {
      shape.rows = bench_least (shape.rows, 16);
      shape.keys = bench_least (shape.keys, 16);
      times = shape.q_stride / (shape.heads * shape.head_dim);
      shape.heads = bench_least (shape.heads, 2);
      shape.head_dim = bench_least (shape.head_dim, 40);
      shape.q_stride = times * shape.heads * shape.head_dim;
      shape.k_stride = (times == 3 ? 3 : 2) * shape.heads * shape.head_dim;
    }
    width = shape.heads * shape.head_dim;
    tokens = (double) (shape.batch * (2 * shape.rows + 2 * shape.keys));
    row.gflop = 4e-9 * (double) (shape.batch * shape.rows * width) * (double) shape.keys;
    row.bytes = tokens * (double) (width * vel_type_size (self->type));
    snprintf (row.words, sizeof row.words, "%zux%zu rows %zu keys %zu heads of %zu", shape.batch, shape.rows, shape.keys, shape.heads,
              shape.head_dim);
    bench_time_shape (self, &row, &shape, prepare_attention);
  }
}

/* norms */

static void
call_group_norm (const Bench *self, const void *args)
{
  self->kernels->group_norm (self->backend, args);
}

static void
prepare_group_norm (Bench *self, const void *data, VelType type, unsigned seed, Call *call)
{
  const GroupNormShape *shape = data;
  size_t rows = shape->batch * shape->pixels, count = rows * shape->channels;
  VelGroupNormArgs args = { .type = type,
                            .batch = shape->batch,
                            .pixels = shape->pixels,
                            .channels = shape->channels,
                            .groups = 32,
                            .eps = 1e-5,
                            .silu = shape->silu,
                            .x2_channels = shape->x2_channels };

  args.x = bench_noise (self, type, rows * (shape->channels - shape->x2_channels), 5 * seed + 1);
  args.x2 = shape->x2_channels > 0 ? bench_noise (self, type, rows * shape->x2_channels, 5 * seed + 2) : NULL;
  args.gamma = bench_noise (self, VEL_F32, shape->channels, 5 * seed + 3);
  args.beta = bench_noise (self, VEL_F32, shape->channels, 5 * seed + 4);
  args.out = bench_take (self, count * vel_type_size (type));
  *call = (Call){ call_group_norm, { .group_norm = args }, args.out, count, type };
}

void
bench_time_group_norm (Bench *self)
{
  for (size_t i = 0; i < COUNT_OF (group_norm_shapes); i++) {
    GroupNormShape shape = group_norm_shapes[i];
    Row row = { shape.part, "group_norm", .count = shape.count };

    if (self->small)
      shape.pixels = 16;
    if (shape.x2_channels > 0 && (self->kernels->features & VEL_FEATURE_TWO_INPUTS) == 0)
      continue;
    row.bytes = 2.0 * (double) (shape.batch * shape.pixels * shape.channels * vel_type_size (self->type));
    snprintf (row.words, sizeof row.words, "%zux%zu pixels %zu%s%s", shape.batch, shape.pixels, shape.channels,
              shape.x2_channels > 0 ? " two inputs" : "", shape.silu ? " silu" : "");
    bench_time_shape (self, &row, &shape, prepare_group_norm);
  }
}

static void
call_layer_norm (const Bench *self, const void *args)
{
  self->kernels->layer_norm (self->backend, args);
}

static void
prepare_layer_norm (Bench *self, const void *data, VelType type, unsigned seed, Call *call)
{
  const LayerNormShape *shape = data;
  size_t count = shape->rows * shape->channels;
  VelLayerNormArgs args = { .type = type, .rows = shape->rows, .channels = shape->channels, .eps = 1e-5 };

  args.x = bench_noise (self, type, count, 3 * seed + 1);
  args.gamma = bench_noise (self, VEL_F32, shape->channels, 3 * seed + 2);
  args.beta = bench_noise (self, VEL_F32, shape->channels, 3 * seed + 3);
  args.out = bench_take (self, count * vel_type_size (type));
  *call = (Call){ call_layer_norm, { .layer_norm = args }, args.out, count, type };
}

void
bench_time_layer_norm (Bench *self)
{
  for (size_t i = 0; i < COUNT_OF (layer_norm_shapes); i++) {
    LayerNormShape shape = layer_norm_shapes[i];
    Row row = { shape.part, "layer_norm", .count = shape.count };

    shape.rows = self->small ? 8 : shape.rows;
    row.bytes = 2.0 * (double) (shape.rows * shape.channels * vel_type_size (self->type));
    snprintf (row.words, sizeof row.words, "%zu rows of %zu", shape.rows, shape.channels);
    bench_time_shape (self, &row, &shape, prepare_layer_norm);
  }
}
