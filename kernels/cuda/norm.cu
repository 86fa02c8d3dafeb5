/* Group and layer normalisation; statistics in fp32, combined in a fixed order.  SPDX-License-Identifier: Apache-2.0
 *
 * A group's pixels are far apart in memory, its channels side by side, so threads lie along the channels. Each part of a picture gives its
 * mean and sum of squared differences; the parts are then put together as Chan, Golub and LeVeque 1979 do, which stays exact where the mean
 * is far from 0. */
#include "kernels/cuda/activation.cuh"
#include "kernels/cuda/backend.cuh"
#include "kernels/cuda/by-type.cuh"

#define BLOCK 256
#define MAX_PARTS 64 /* of a picture: each block of the second pass reads the figures of all */

/* Sixteen bytes of a row, or one number. */
template <typename T, int V>
VEL_DEVICE void
load_some (float values[V], const T *from)
{
  if constexpr (V == 1)
    values[0] = to_float (*from);
  else {
    union {
      vec4 whole;
      T parts[V];
    } some;

    static_assert (V * sizeof (T) == 16, "a vec4");
    some.whole = *(const vec4 *) from;
    VEL_UNROLL
    for (int i = 0; i < V; i++)
      values[i] = to_float (some.parts[i]);
  }
}

template <typename T, int V>
VEL_DEVICE void
store_some (T *to, const float values[V])
{
  if constexpr (V == 1)
    *to = from_float<T> (values[0]);
  else {
    union {
      vec4 whole;
      T parts[V];
    } some;

    VEL_UNROLL
    for (int i = 0; i < V; i++)
      some.parts[i] = from_float<T> (values[i]);
    *(vec4 *) to = some.whole;
  }
}

struct GroupNorm {
  size_t pixels, part_pixels;
  unsigned parts, first, second, groups; /* first, second: channels of x and of x2 */
  unsigned columns, rows;                /* threads along the channels, and across pixels */
  float eps;
  bool silu;
  const float *gamma, *beta;
  float *figures; /* [batch, parts, groups, 2]: mean, sum of squared differences */
};

/* Where channel c of a pixel is. */
template <typename T>
VEL_DEVICE const T *
channel_at (const GroupNorm &norm, const T *x, const T *x2, size_t pixel, unsigned c)
{
  return c < norm.first ? x + pixel * norm.first + c : x2 + pixel * norm.second + (c - norm.first);
}

struct Figures {
  float n, mean, squares;
};

static VEL_DEVICE Figures
join (Figures a, Figures b)
{
  float n = a.n + b.n, difference = b.mean - a.mean;

  if (b.n == 0)
    return a;
  return { n, a.mean + difference * (b.n / n), a.squares + b.squares + difference * difference * (a.n * b.n / n) };
}

/* Pass 1: block (part, picture). */
template <typename T, int V>
VEL_GLOBAL void
__launch_bounds__ (BLOCK, 2)
group_figures_kernel (GroupNorm norm, const T *__restrict__ x, const T *__restrict__ x2)
{
  VEL_SHARED (float, shared); /* [channels, rows, 2] */
  unsigned channels = norm.first + norm.second, group_channels = channels / norm.groups;
  unsigned column = threadIdx.x % norm.columns, row = threadIdx.x / norm.columns;
  size_t start = (size_t) blockIdx.x * norm.part_pixels, picture = (size_t) blockIdx.y * norm.pixels;
  size_t end = start + norm.part_pixels < norm.pixels ? start + norm.part_pixels : norm.pixels;

  for (unsigned c = column * V; c < channels && row < norm.rows; c += norm.columns * V) {
    float origin[V], sum[V] = {}, squares[V] = {}, n = 0, values[V];

    /* Seen from a value of its own channel the numbers are small. */
    load_some<T, V> (origin, channel_at (norm, x, x2, picture + start, c));
    for (size_t pixel = start + row; pixel < end; pixel += norm.rows) {
      load_some<T, V> (values, channel_at (norm, x, x2, picture + pixel, c));
      n += 1;
      VEL_UNROLL
      for (int i = 0; i < V; i++) {
        float d = values[i] - origin[i];

        sum[i] += d;
        squares[i] += d * d;
      }
    }
    VEL_UNROLL
    for (int i = 0; i < V; i++) {
      float mean = n > 0 ? sum[i] / n : 0;

      shared[((c + i) * norm.rows + row) * 2] = origin[i] + mean;
      shared[((c + i) * norm.rows + row) * 2 + 1] = squares[i] - mean * sum[i];
    }
  }
  __syncthreads ();
  for (unsigned group = threadIdx.x; group < norm.groups; group += blockDim.x) {
    Figures all = { 0, 0, 0 };
    float *out = norm.figures + (((size_t) blockIdx.y * norm.parts + blockIdx.x) * norm.groups + group) * 2;

    for (unsigned i = 0; i < group_channels * norm.rows; i++) {
      unsigned r = i % norm.rows;
      float n = (float) (end > start + r ? (end - start - r + norm.rows - 1) / norm.rows : 0);
      const float *one = shared + ((size_t) group * group_channels * norm.rows + i) * 2;

      all = join (all, { n, one[0], one[1] });
    }
    out[0] = all.mean;
    out[1] = all.squares;
  }
}

/* Pass 2: the parts put together, then every number of this one. */
template <typename T, int V>
VEL_GLOBAL void
__launch_bounds__ (BLOCK, 2)
group_apply_kernel (GroupNorm norm, const T *x, const T *x2, T *out)
{
  VEL_SHARED (float, shared); /* [groups, 2]: mean, factor */
  unsigned channels = norm.first + norm.second, group_channels = channels / norm.groups;
  unsigned column = threadIdx.x % norm.columns, row = threadIdx.x / norm.columns;
  size_t start = (size_t) blockIdx.x * norm.part_pixels, picture = (size_t) blockIdx.y * norm.pixels;
  size_t end = start + norm.part_pixels < norm.pixels ? start + norm.part_pixels : norm.pixels;

  for (unsigned group = threadIdx.x; group < norm.groups; group += blockDim.x) {
    Figures all = { 0, 0, 0 };

    for (unsigned part = 0; part < norm.parts; part++) {
      const float *one = norm.figures + (((size_t) blockIdx.y * norm.parts + part) * norm.groups + group) * 2;
      size_t from = part * norm.part_pixels, to = from + norm.part_pixels < norm.pixels ? from + norm.part_pixels : norm.pixels;

      all = join (all, { (float) (to - from) * (float) group_channels, one[0], one[1] });
    }
    shared[2 * group] = all.mean;
    shared[2 * group + 1] = 1 / sqrtf (all.squares / all.n + norm.eps);
  }
  __syncthreads ();
  for (unsigned c = column * V; c < channels && row < norm.rows; c += norm.columns * V)
    for (size_t pixel = start + row; pixel < end; pixel += norm.rows) {
      float values[V];

      load_some<T, V> (values, channel_at (norm, x, x2, picture + pixel, c));
      VEL_UNROLL
      for (int i = 0; i < V; i++) {
        unsigned group = (c + i) / group_channels;
        float value = (values[i] - shared[2 * group]) * shared[2 * group + 1] * norm.gamma[c + i] + norm.beta[c + i];

        values[i] = norm.silu ? vel_silu (value) : value;
      }
      store_some<T, V> (out + (picture + pixel) * channels + c, values);
    }
}

template <typename T, int V>
static void
group_norm (VelBackend *backend, const VelGroupNormArgs *args, GroupNorm norm)
{
  unsigned channels = norm.first + norm.second, units = (unsigned) vel_divide_up (channels, V);
  dim3 grid (norm.parts, (unsigned) args->batch);

  norm.columns = units < BLOCK ? units : BLOCK;
  norm.rows = BLOCK / norm.columns;
  while (norm.rows > 1 && (size_t) channels * norm.rows * 2 * sizeof (float) > 40 * 1024)
    norm.rows /= 2;
  VEL_LAUNCH ((group_figures_kernel<T, V>), grid, dim3 (BLOCK), (size_t) channels * norm.rows * 2 * sizeof (float), backend->stream, norm,
              (const T *) args->x, (const T *) args->x2);
  VEL_LAUNCH ((group_apply_kernel<T, V>), grid, dim3 (BLOCK), norm.groups * 2 * sizeof (float), backend->stream, norm,
              (const T *) args->x, (const T *) args->x2, (T *) args->out);
}

void
vel_cuda_group_norm (VelBackend *backend, const VelGroupNormArgs *args)
{
  size_t wanted = vel_divide_up ((size_t) 4 * backend->info.multiprocessors, args->batch > 0 ? args->batch : 1);
  size_t vector = 16 / vel_type_size (args->type);
  bool aligned = args->channels % vector == 0 && args->x2_channels % vector == 0 && vel_is_aligned (args->x) && vel_is_aligned (args->x2)
                 && vel_is_aligned (args->out);
  GroupNorm norm = {};

  if (args->batch * args->pixels == 0)
    return;
  wanted = wanted < MAX_PARTS ? wanted : MAX_PARTS;
  norm.pixels = args->pixels;
  norm.part_pixels = vel_divide_up (args->pixels, wanted);
  norm.part_pixels = norm.part_pixels < 16 ? 16 : norm.part_pixels;
  norm.parts = (unsigned) vel_divide_up (args->pixels, norm.part_pixels);
  norm.first = (unsigned) (args->channels - args->x2_channels);
  norm.second = (unsigned) args->x2_channels;
  norm.groups = (unsigned) args->groups;
  norm.eps = (float) args->eps;
  norm.silu = args->silu;
  norm.gamma = args->gamma;
  norm.beta = args->beta;
  norm.figures = (float *) vel_cuda_scratch (backend, args->batch * norm.parts * norm.groups * 2 * sizeof (float));
  if (norm.figures == NULL) {
    vel_cuda_give_up (backend, args->type, args->out, args->batch * args->pixels * args->channels);
    return;
  }
  vel_by_type (args->type, [=] (auto type) {
    typedef typename decltype (type)::Is T;

    if (aligned)
      group_norm<T, 16 / sizeof (T)> (backend, args, norm);
    else
      group_norm<T, 1> (backend, args, norm);
  });
}

static VEL_DEVICE float
warp_sum (float value)
{
  VEL_UNROLL
  for (int mask = 16; mask > 0; mask /= 2)
    value += shuffle_xor (value, mask);
  return value;
}

/* A warp for a row; the row comes from the cache the second and third time. */
template <typename T, int V>
VEL_GLOBAL void
__launch_bounds__ (BLOCK, 2)
layer_norm_kernel (const T *x, T *out, size_t rows, unsigned channels, float eps, const float *__restrict__ gamma,
                   const float *__restrict__ beta)
{
  size_t row = (size_t) blockIdx.x * (BLOCK / 32) + threadIdx.x / 32;
  unsigned lane = threadIdx.x % 32;
  const T *from = x + row * channels;
  float values[V], sum = 0, squares = 0, mean, factor;

  if (row >= rows) /* the whole warp */
    return;
  for (unsigned c = lane * V; c < channels; c += 32 * V) {
    load_some<T, V> (values, from + c);
    VEL_UNROLL
    for (int i = 0; i < V; i++)
      sum += values[i];
  }
  mean = warp_sum (sum) / (float) channels;
  for (unsigned c = lane * V; c < channels; c += 32 * V) {
    load_some<T, V> (values, from + c);
    VEL_UNROLL
    for (int i = 0; i < V; i++)
      squares += (values[i] - mean) * (values[i] - mean);
  }
  factor = 1 / sqrtf (warp_sum (squares) / (float) channels + eps);
  for (unsigned c = lane * V; c < channels; c += 32 * V) {
    load_some<T, V> (values, from + c);
    VEL_UNROLL
    for (int i = 0; i < V; i++)
      values[i] = (values[i] - mean) * factor * gamma[c + i] + beta[c + i];
    store_some<T, V> (out + row * channels + c, values);
  }
}

void
vel_cuda_layer_norm (VelBackend *backend, const VelLayerNormArgs *args)
{
  dim3 grid ((unsigned) vel_divide_up (args->rows, BLOCK / 32));
  bool aligned = args->channels % (16 / vel_type_size (args->type)) == 0 && vel_is_aligned (args->x) && vel_is_aligned (args->out);

  if (args->rows == 0)
    return;
  vel_by_type (args->type, [=] (auto type) {
    typedef typename decltype (type)::Is T;
    constexpr int V = 16 / sizeof (T);

    if (aligned)
      VEL_LAUNCH ((layer_norm_kernel<T, V>), grid, dim3 (BLOCK), 0, backend->stream, (const T *) args->x, (T *) args->out, args->rows,
                  (unsigned) args->channels, (float) args->eps, args->gamma, args->beta);
    else
      VEL_LAUNCH ((layer_norm_kernel<T, 1>), grid, dim3 (BLOCK), 0, backend->stream, (const T *) args->x, (T *) args->out, args->rows,
                  (unsigned) args->channels, (float) args->eps, args->gamma, args->beta);
  });
}
