/* Times ops on the shapes of Stable Diffusion 1.5.  SPDX-License-Identifier: Apache-2.0 */
#include "kernels/bench.h"

#include "kernels/cpu/backend.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_RUNS 64

typedef struct {
  size_t in, out, side;
  unsigned count;
  bool doubled; /* the picture comes in at half the side */
} Conv;

typedef struct {
  size_t rows, out, in;
  unsigned count;
  bool gated;
} Linear;

typedef struct {
  size_t rows, keys, heads, head_dim;
  unsigned count;
} Attention;

static const Conv unet_convs[] = {
  { 320, 320, 64, 7 },       { 1280, 1280, 16, 6 },       { 640, 640, 32, 6 },   { 2560, 1280, 16, 2 }, { 1280, 1280, 32, 1, true },
  { 640, 640, 64, 1, true }, { 640, 320, 64, 2 },         { 1920, 640, 32, 1 },  { 960, 320, 64, 1 },   { 1280, 1280, 8, 11 },
  { 1280, 640, 32, 1 },      { 2560, 1280, 8, 3 },        { 1920, 1280, 16, 1 }, { 960, 640, 32, 1 },   { 320, 640, 32, 1 },
  { 640, 1280, 16, 1 },      { 1280, 1280, 16, 1, true }, { 4, 320, 64, 1 },
};

static const Conv vae_convs[] = {
  { 512, 512, 64, 10 }, { 512, 512, 128, 6 },       { 512, 512, 128, 1, true }, { 512, 512, 256, 1, true }, { 512, 256, 256, 1 },
  { 256, 256, 256, 5 }, { 256, 256, 512, 1, true }, { 256, 128, 512, 1 },       { 128, 128, 512, 5 },       { 128, 3, 512, 1 },
};

static const Linear unet_linears[] = {
  { 4096, 1280, 320, 5, true }, { 1024, 2560, 640, 5, true }, { 256, 5120, 1280, 5, true }, { 64, 5120, 1280, 1, true },
  { 4096, 320, 320, 25 },       { 4096, 960, 320, 5 },        { 1024, 640, 640, 25 },       { 1024, 1920, 640, 5 },
  { 256, 1280, 1280, 25 },      { 256, 3840, 1280, 5 },       { 4096, 320, 1280, 5 },       { 1024, 640, 2560, 5 },
  { 256, 1280, 5120, 5 },       { 256, 1280, 2560, 2 },       { 4096, 320, 640, 2 },        { 1024, 640, 1920, 1 },
  { 4096, 320, 960, 1 },        { 64, 1280, 1280, 5 },        { 64, 3840, 1280, 1 },        { 64, 1280, 5120, 1 },
  { 64, 1280, 2560, 3 },        { 256, 1280, 1920, 1 },       { 1024, 640, 1280, 1 },       { 1024, 640, 960, 1 },
};

static const Linear vae_linears[] = {
  { 4096, 512, 512, 4 },
  { 65536, 256, 512, 1 },
  { 262144, 128, 256, 1 },
};

static const Attention unet_attentions[] = {
  { 4096, 4096, 8, 40, 5 }, { 1024, 1024, 8, 80, 5 }, { 256, 256, 8, 160, 5 }, { 64, 64, 8, 160, 1 },
  { 4096, 77, 8, 40, 5 },   { 1024, 77, 8, 80, 5 },   { 256, 77, 8, 160, 5 },  { 64, 77, 8, 160, 1 },
};

static const Attention vae_attentions[] = {
  { 4096, 4096, 1, 512, 1 },
};

typedef struct {
  const VelKernels *kernels;
  VelBackend *backend;
  VelBenchOptions options;
  VelBenchReport report;
  void *data;
  double peak;
} Bench;

/* One thread is timed by what the processor gave it, several by the clock on the wall. */
static double
now (const VelKernels *kernels, VelBackend *backend)
{
  struct timespec time;

  clock_gettime (kernels == vel_kernels_cpu () && backend->threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return (double) time.tv_sec + 1e-9 * (double) time.tv_nsec;
}

static float *
noise (const Bench *bench, size_t count)
{
  float *values = bench->kernels->alloc (bench->backend, count * sizeof *values);
  uint32_t state = 1;

  for (size_t i = 0; i < count && values != NULL; i++) {
    state = state * 1664525u + 1013904223u;
    values[i] = (float) (state >> 8) / (1 << 23) - 1;
  }
  return values;
}

/* fp16 numbers between 2^-6 and 2^-4. */
static uint16_t *
weights (size_t count)
{
  uint16_t *values = malloc (count * sizeof *values);
  uint32_t state = 1;

  for (size_t i = 0; i < count && values != NULL; i++) {
    state = state * 1664525u + 1013904223u;
    values[i] = (uint16_t) (0x2400 + (state >> 21) + (state & 0x80000 ? 0x8000 : 0));
  }
  return values;
}

static int
compare_doubles (const void *a, const void *b)
{
  double difference = *(const double *) a - *(const double *) b;

  return (difference > 0) - (difference < 0);
}

typedef void (*Op) (const Bench *bench, const void *args);

static void
run_conv (const Bench *bench, const void *args)
{
  bench->kernels->conv (bench->backend, args);
}

static void
run_linear (const Bench *bench, const void *args)
{
  bench->kernels->linear (bench->backend, args);
}

static void
run_attention (const Bench *bench, const void *args)
{
  bench->kernels->attention (bench->backend, args);
}

static bool
time_op (const Bench *bench, Op op, const void *args, VelBenchRow *row)
{
  double times[MAX_RUNS], start = now (bench->kernels, bench->backend);

  op (bench, args);
  while (row->runs < 3 || (row->runs < MAX_RUNS && now (bench->kernels, bench->backend) - start < bench->options.seconds)) {
    double before = now (bench->kernels, bench->backend);

    op (bench, args);
    times[row->runs++] = now (bench->kernels, bench->backend) - before;
  }
  qsort (times, row->runs, sizeof *times, compare_doubles);
  row->seconds = times[row->runs / 2];
  row->gflops = row->gflop / row->seconds;
  row->share = bench->peak > 0 ? row->gflops / bench->peak : 0;
  return bench->report (row, bench->data);
}

static bool
bench_conv (const Bench *bench, const char *part, const Conv *conv, size_t batch)
{
  const VelKernels *kernels = bench->kernels;
  size_t side = conv->doubled ? conv->side / 2 : conv->side, pixels = conv->side * conv->side;
  VelBenchRow row = { part, "conv", .count = conv->count, .gflop = 18e-9 * (double) (batch * pixels * conv->in * conv->out) };
  float *x = noise (bench, batch * side * side * conv->in), *out = noise (bench, batch * pixels * conv->out);
  float *bias = noise (bench, conv->out);
  uint16_t *values = weights (9 * conv->in * conv->out);
  VelPacked *weight =
      values != NULL ? kernels->pack_conv (bench->backend, &(VelPackConv){ values, VEL_F16, conv->out, conv->in, 3 }) : NULL;
  VelConvArgs args = { .batch = batch,
                       .height = side,
                       .width = side,
                       .stride = 1,
                       .pad_before = 1,
                       .pad_after = 1,
                       .weight = weight,
                       .x = x,
                       .bias = bias,
                       .out = out };
  bool go_on = x != NULL && out != NULL && bias != NULL && weight != NULL;

  free (values);
  if (conv->doubled)
    args.up_height = args.up_width = conv->side;
  snprintf (row.shape, sizeof row.shape, "%zux %zu->%zu at %zux%zu%s", batch, conv->in, conv->out, conv->side, conv->side,
            conv->doubled ? " doubled" : "");
  go_on = go_on && time_op (bench, run_conv, &args, &row);
  if (weight != NULL)
    kernels->unpack (bench->backend, weight);
  kernels->free (bench->backend, x);
  kernels->free (bench->backend, out);
  kernels->free (bench->backend, bias);
  return go_on;
}

static bool
bench_linear (const Bench *bench, const char *part, const Linear *linear, size_t batch)
{
  const VelKernels *kernels = bench->kernels;
  size_t rows = batch * linear->rows, packed = linear->gated ? 2 * linear->out : linear->out;
  VelBenchRow row = { part, "linear", .count = linear->count, .gflop = 2e-9 * (double) (rows * packed * linear->in) };
  float *x = noise (bench, rows * linear->in), *out = noise (bench, rows * linear->out), *bias = noise (bench, packed);
  uint16_t *values = weights (packed * linear->in);
  VelWeightRows all = { values, VEL_F16, packed };
  VelPacked *weight = values != NULL ? kernels->pack_linear (bench->backend, &(VelPackLinear){ linear->in, 1, &all, linear->gated }) : NULL;
  VelLinearArgs args = { .rows = rows, .weight = weight, .x = x, .bias = bias, .out = out };
  bool go_on = x != NULL && out != NULL && bias != NULL && weight != NULL;

  free (values);
  snprintf (row.shape, sizeof row.shape, "%zu rows %zu->%zu%s", rows, linear->in, linear->out, linear->gated ? " gated" : "");
  go_on = go_on && time_op (bench, run_linear, &args, &row);
  if (weight != NULL)
    kernels->unpack (bench->backend, weight);
  kernels->free (bench->backend, x);
  kernels->free (bench->backend, out);
  kernels->free (bench->backend, bias);
  return go_on;
}

static bool
bench_attention (const Bench *bench, const char *part, const Attention *shape, size_t batch)
{
  const VelKernels *kernels = bench->kernels;
  size_t width = shape->heads * shape->head_dim, rows = batch * shape->rows * width, keys = batch * shape->keys * width;
  VelBenchRow row = { part, "attention", .count = shape->count, .gflop = 4e-9 * (double) (rows * shape->keys) };
  float *q = noise (bench, rows), *k = noise (bench, keys), *v = noise (bench, keys), *out = noise (bench, rows);
  VelAttentionArgs args = { .batch = batch,
                            .heads = shape->heads,
                            .head_dim = shape->head_dim,
                            .rows = shape->rows,
                            .keys = shape->keys,
                            .scale = 1 / sqrt ((double) shape->head_dim),
                            .q = q,
                            .k = k,
                            .v = v,
                            .q_stride = width,
                            .k_stride = width,
                            .v_stride = width,
                            .out = out };
  bool go_on = q != NULL && k != NULL && v != NULL && out != NULL;

  snprintf (row.shape, sizeof row.shape, "%zux %zu rows %zu keys %zu heads of %zu", batch, shape->rows, shape->keys, shape->heads,
            shape->head_dim);
  go_on = go_on && time_op (bench, run_attention, &args, &row);
  kernels->free (bench->backend, q);
  kernels->free (bench->backend, k);
  kernels->free (bench->backend, v);
  kernels->free (bench->backend, out);
  return go_on;
}

static bool
is_wanted (const char *wanted, const char *name)
{
  return wanted == NULL || strcmp (wanted, name) == 0;
}

static bool
bench_part (const Bench *bench, bool is_unet)
{
  const char *part = is_unet ? "unet" : "vae", *op = bench->options.op;
  size_t batch = is_unet ? bench->options.batch : 1;
  const Conv *convs = is_unet ? unet_convs : vae_convs;
  const Linear *linears = is_unet ? unet_linears : vae_linears;
  const Attention *attentions = is_unet ? unet_attentions : vae_attentions;
  size_t n_convs = is_unet ? sizeof unet_convs : sizeof vae_convs, n_linears = is_unet ? sizeof unet_linears : sizeof vae_linears;
  size_t n_attentions = is_unet ? sizeof unet_attentions : sizeof vae_attentions;

  if (!is_wanted (bench->options.part, part))
    return true;
  for (size_t i = 0; is_wanted (op, "conv") && i < n_convs / sizeof *convs; i++)
    if (!bench_conv (bench, part, &convs[i], batch))
      return false;
  for (size_t i = 0; is_wanted (op, "linear") && i < n_linears / sizeof *linears; i++)
    if (!bench_linear (bench, part, &linears[i], batch))
      return false;
  for (size_t i = 0; is_wanted (op, "attention") && i < n_attentions / sizeof *attentions; i++)
    if (!bench_attention (bench, part, &attentions[i], batch))
      return false;
  return true;
}

double
vel_bench_peak (const VelKernels *kernels, VelBackend *backend)
{
  const double flop_each = 2e9;
  double best = 0;

  if (kernels != vel_kernels_cpu ())
    return 0;
  for (unsigned run = 0; run < 10; run++) {
    size_t steps = (size_t) (flop_each / 160);
    double start = now (kernels, backend);

    vel_pool_run (backend->pool, backend->threads, backend->isa->multiply_registers, &steps);
    best = fmax (best, 160e-9 * (double) (steps * backend->threads) / (now (kernels, backend) - start));
  }
  return best;
}

bool
vel_bench_ops (const VelKernels *kernels, VelBackend *backend, const VelBenchOptions *options, VelBenchReport report, void *data)
{
  Bench bench = { kernels, backend, options != NULL ? *options : (VelBenchOptions){ NULL }, report, data };

  if (bench.options.batch == 0)
    bench.options.batch = 2;
  if (bench.options.seconds <= 0)
    bench.options.seconds = 0.3;
  bench.peak = vel_bench_peak (kernels, backend);
  return bench_part (&bench, true) && bench_part (&bench, false);
}
