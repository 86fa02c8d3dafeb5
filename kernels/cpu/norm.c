/* Group and layer normalisation.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Group statistics are taken in one pass: chunks of pixels, a fixed number of them whatever the threads, each give sums and sums
 * of squares per channel, in fp32 over a few pixels and in double from there, of the distance to the channel's first pixel, so
 * that a large mean takes no digits from the variance. */
#include "kernels/cpu/isa.h"
#include "kernels/cpu/vector.h"

#include <math.h>

#define CHUNKS 64   /* at most */
#define CHUNK 16384 /* numbers, at least: worth waking a thread for */
#define RUN 32      /* pixels summed in fp32 */

typedef struct {
  const VelGroupNormArgs *args;
  VelBackend *backend;
  size_t padded; /* channels, up to whole vectors */
  size_t chunks;
  double *sums;   /* [batch, chunks, 2, padded] */
  float *factors; /* [batch, 3, padded]: (x - middle) * factor + offset */
} Groups;

static size_t
chunk_start (const Groups *self, size_t chunk)
{
  return self->args->pixels * chunk / self->chunks;
}

VEL_INLINE V8
load_channels (const float *x, size_t channel, size_t channels)
{
  return channel + 8 <= channels ? load8 (x + channel) : load_part (x + channel, channels - channel);
}

/* Of a run of pixels: sum and sum of squares of x - first, per channel. */
static void
sum_run (const Groups *self, const float *x, const float *first, size_t pixels, float *sums, float *squares)
{
  size_t channels = self->args->channels;

  for (size_t c = 0; c < self->padded; c += 8) {
    store8 (sums + c, splat8 (0));
    store8 (squares + c, splat8 (0));
  }
  for (size_t pixel = 0; pixel < pixels; pixel++, x += channels)
    for (size_t c = 0; c < self->padded; c += 8) {
      V8 d = load_channels (x, c, channels) - load_channels (first, c, channels);

      store8 (sums + c, load8 (sums + c) + d);
      store8 (squares + c, fma8 (d, d, load8 (squares + c)));
    }
}

static void
sum_chunk (void *data, size_t task, unsigned thread)
{
  const Groups *self = data;
  size_t picture = task / self->chunks, chunk = task % self->chunks, channels = self->args->channels;
  const float *x = (const float *) self->args->x + picture * self->args->pixels * channels;
  double *sums = self->sums + task * 2 * self->padded, *squares = sums + self->padded;
  float *run_sums = self->backend->own[thread], *run_squares = run_sums + self->padded;
  size_t end = chunk_start (self, chunk + 1);

  for (size_t c = 0; c < self->padded; c++)
    sums[c] = squares[c] = 0;
  for (size_t pixel = chunk_start (self, chunk); pixel < end; pixel += RUN) {
    sum_run (self, x + pixel * channels, x, vel_min (RUN, end - pixel), run_sums, run_squares);
    for (size_t c = 0; c < channels; c++) {
      sums[c] += run_sums[c];
      squares[c] += run_squares[c];
    }
  }
}

/* All chunks of a channel together, in order. */
static void
add_chunks (const Groups *self, size_t picture, size_t channel, double *total, double *squares)
{
  *total = *squares = 0;
  for (size_t chunk = 0; chunk < self->chunks; chunk++) {
    const double *sums = self->sums + (picture * self->chunks + chunk) * 2 * self->padded;

    *total += sums[channel];
    *squares += sums[self->padded + channel];
  }
}

/* Chan et al. 1979: the channels' means and deviations make those of the group. */
static void
finish_group (void *data, size_t task, unsigned thread)
{
  const Groups *self = data;
  const VelGroupNormArgs *args = self->args;
  size_t picture = task / args->groups, group = task % args->groups;
  size_t size = args->channels / args->groups, start = group * size;
  const float *first = (const float *) args->x + picture * args->pixels * args->channels;
  float *factors = self->factors + picture * 3 * self->padded, *offsets = factors + self->padded, *middles = offsets + self->padded;
  double n = (double) args->pixels, mean = 0, deviation = 0, scale;

  for (size_t c = start; c < start + size; c++) {
    double total, squares;

    add_chunks (self, picture, c, &total, &squares);
    mean += (first[c] + total / n) / (double) size;
  }
  for (size_t c = start; c < start + size; c++) {
    double total, squares, distance;

    add_chunks (self, picture, c, &total, &squares);
    distance = first[c] + total / n - mean;
    deviation += squares - total * total / n + n * distance * distance;
  }
  if (deviation < 0)
    deviation = 0;
  scale = 1 / sqrt (deviation / (n * (double) size) + args->eps);
  for (size_t c = start; c < start + size; c++) {
    middles[c] = (float) mean;
    factors[c] = (float) (args->gamma[c] * scale);
    offsets[c] = (float) (args->beta[c] - (mean - middles[c]) * args->gamma[c] * scale);
  }
}

static void
apply_chunk (void *data, size_t task, unsigned thread)
{
  const Groups *self = data;
  const VelGroupNormArgs *args = self->args;
  size_t picture = task / self->chunks, chunk = task % self->chunks, channels = args->channels;
  const float *factors = self->factors + picture * 3 * self->padded, *offsets = factors + self->padded, *middles = offsets + self->padded;

  for (size_t pixel = chunk_start (self, chunk); pixel < chunk_start (self, chunk + 1); pixel++) {
    const float *x = (const float *) args->x + (picture * args->pixels + pixel) * channels;
    float *out = (float *) args->out + (picture * args->pixels + pixel) * channels;

    for (size_t c = 0; c < channels; c += 8) {
      V8 value = fma8 (load_channels (x, c, channels) - load8 (middles + c), load8 (factors + c), load8 (offsets + c));

      if (args->silu)
        value = sigmoid_gate8 (value, 1);
      if (c + 8 <= channels)
        store8 (out + c, value);
      else
        store_part (out + c, value, channels - c);
    }
  }
}

void
vel_isa_group_norm (VelBackend *backend, const VelGroupNormArgs *args)
{
  Groups self = { .args = args, .backend = backend };
  size_t tasks, sums;

  if (args->batch == 0 || args->pixels == 0 || args->channels == 0)
    return;
  self.padded = vel_divide_up (args->channels, 8) * 8;
  self.chunks = vel_min (CHUNKS, vel_divide_up (args->pixels * self.padded, CHUNK));
  self.chunks = vel_min (self.chunks, args->pixels);
  tasks = args->batch * self.chunks;
  sums = tasks * 2 * self.padded;
  self.sums = vel_cpu_shared_scratch (backend, sums * sizeof (double) + args->batch * 3 * self.padded * sizeof (float));
  if (self.sums == NULL || !vel_cpu_own_scratch (backend, 2 * self.padded * sizeof (float))) {
    vel_cpu_give_up (args->out, args->batch * args->pixels * args->channels);
    return;
  }
  self.factors = (float *) (self.sums + sums);
  vel_pool_run (backend->pool, tasks, sum_chunk, &self);
  vel_pool_run (backend->pool, args->batch * args->groups, finish_group, &self);
  vel_pool_run (backend->pool, tasks, apply_chunk, &self);
}

typedef struct {
  const VelLayerNormArgs *args;
  size_t rows; /* of a task */
} Layers;

/* Sum of x - shift, or of its squares: fp32 in eight lanes over a run, then double. */
VEL_INLINE double
sum_row (const float *x, size_t channels, float shift, bool squared)
{
  double total = 0;

  for (size_t start = 0; start < channels; start += 512) {
    size_t end = vel_min (start + 512, channels), c = start;
    V8 run = splat8 (0);

    for (; c + 8 <= end; c += 8) {
      V8 d = load8 (x + c) - shift;

      run = squared ? fma8 (d, d, run) : run + d;
    }
    total += sum (run);
    for (; c < end; c++) {
      double d = x[c] - shift;

      total += squared ? d * d : d;
    }
  }
  return total;
}

static void
layer_row (const VelLayerNormArgs *args, const float *x, float *out)
{
  size_t channels = args->channels;
  double n = (double) channels;
  double mean = x[0] + sum_row (x, channels, x[0], false) / n;
  float middle = (float) mean;
  double distance = mean - middle;
  double variance = sum_row (x, channels, middle, true) / n - distance * distance;
  float scale = (float) (1 / sqrt ((variance > 0 ? variance : variance * 0) + args->eps));

  for (size_t c = 0; c < channels; c += 8) {
    size_t left = channels - c;

    if (left >= 8)
      store8 (out + c, fma8 ((load8 (x + c) - middle) * scale, load8 (args->gamma + c), load8 (args->beta + c)));
    else
      store_part (out + c,
                  fma8 ((load_part (x + c, left) - middle) * scale, load_part (args->gamma + c, left), load_part (args->beta + c, left)),
                  left);
  }
}

static void
layer_task (void *data, size_t task, unsigned thread)
{
  const Layers *self = data;
  const VelLayerNormArgs *args = self->args;
  size_t end = vel_min ((task + 1) * self->rows, args->rows);

  for (size_t row = task * self->rows; row < end; row++)
    layer_row (args, (const float *) args->x + row * args->channels, (float *) args->out + row * args->channels);
}

void
vel_isa_layer_norm (VelBackend *backend, const VelLayerNormArgs *args)
{
  Layers self = { args };

  if (args->rows == 0 || args->channels == 0)
    return;
  self.rows = vel_divide_up (16384, args->channels);
  vel_pool_run (backend->pool, vel_divide_up (args->rows, self.rows), layer_task, &self);
}
