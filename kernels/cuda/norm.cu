/* Group and layer normalisation; statistics in fp32, of fp32 numbers in double, combined in a fixed order.  SPDX-License-Identifier: Apache-2.0
 *
 * A group's pixels are far apart in memory, its channels side by side, so threads lie along the channels. Each part of a picture gives its
 * mean and sum of squared differences; the parts are then put together as Chan, Golub and LeVeque 1979 do, which stays exact where the mean
 * is far from 0. */
#include "kernels/cuda/activation.cuh"
#include "kernels/cuda/backend.cuh"
#include "kernels/cuda/by-type.cuh"

#define BLOCK 256
#define MAX_PARTS 512 /* of a picture: each block of the second pass reads the figures of all */
#define LANES 8       /* threads that put the figures of a group together */
#define AT_ONCE 4     /* pixels of a thread */
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ == 900
#define APPLY_BLOCKS 3 /* on a processor at a time, of the second pass */
#else
#define APPLY_BLOCKS 2 /* the compiler wants more registers for other cards */
#endif

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

/* What statistics are kept in: no coarser than what they are of. A mean far from 0 costs fp32 as many digits as it has more than the
 * deviation, which 16-bit numbers did not have to begin with. */
template <typename T>
struct Exact {
  typedef float Is;
};

template <>
struct Exact<float> {
  typedef double Is;
};

struct GroupNorm {
  size_t pixels, part_pixels;
  unsigned parts, first, second, groups; /* first, second: channels of x and of x2 */
  unsigned columns, rows;                /* threads along the channels, and across pixels */
  float eps;
  bool silu;
  const float *gamma, *beta;
  void *figures; /* Exact [batch, parts, groups, 2]: mean, sum of squared differences */
};

template <typename E>
struct Figures {
  E n, mean, squares;
};

template <typename E>
static VEL_DEVICE Figures<E>
join (Figures<E> a, Figures<E> b)
{
  E n = a.n + b.n, difference = b.mean - a.mean;

  if (b.n == 0)
    return a;
  return { n, a.mean + difference * (b.n / n), a.squares + b.squares + difference * difference * (a.n * b.n / n) };
}

/* What LANES threads that lie side by side have, put together in an order that depends on nothing. */
template <typename E>
static VEL_DEVICE Figures<E>
join_lanes (Figures<E> mine)
{
  VEL_UNROLL
  for (int mask = 1; mask < LANES; mask *= 2) {
    Figures<E> other = { shuffle_xor (mine.n, mask), shuffle_xor (mine.mean, mask), shuffle_xor (mine.squares, mask) };

    mine = threadIdx.x & (unsigned) mask ? join (other, mine) : join (mine, other);
  }
  return mine;
}

/* Pass 1: block (part, picture). */
template <typename T, int V>
VEL_GLOBAL void
__launch_bounds__ (BLOCK, 4)
group_figures_kernel (GroupNorm norm, const T *__restrict__ x, const T *__restrict__ x2)
{
  typedef typename Exact<T>::Is E;
  VEL_SHARED (E, shared); /* [channels, rows, 2] */
  unsigned channels = norm.first + norm.second, group_channels = channels / norm.groups, entries = group_channels * norm.rows;
  unsigned column = threadIdx.x % norm.columns, row = threadIdx.x / norm.columns;
  size_t start = (size_t) blockIdx.x * norm.part_pixels, picture = (size_t) blockIdx.y * norm.pixels;
  size_t end = start + norm.part_pixels < norm.pixels ? start + norm.part_pixels : norm.pixels;

  for (unsigned c = column * V; c < channels && row < norm.rows; c += norm.columns * V) {
    const unsigned stride = c < norm.first ? norm.first : norm.second;
    const T *from = c < norm.first ? x + c : x2 + (c - norm.first);
    E sum[V] = {}, squares[V] = {}, n = 0;
    float origin[V], values[V];

    /* Seen from a value of its own channel the numbers are small. */
    load_some<T, V> (origin, from + (picture + start) * stride);
    VEL_UNROLL_4
    for (size_t pixel = start + row; pixel < end; pixel += norm.rows) {
      load_some<T, V> (values, from + (picture + pixel) * stride);
      n += 1;
      VEL_UNROLL
      for (int i = 0; i < V; i++) {
        E d = (E) values[i] - origin[i];

        sum[i] += d;
        squares[i] += d * d;
      }
    }
    VEL_UNROLL
    for (int i = 0; i < V; i++) {
      E mean = n > 0 ? sum[i] / n : 0;

      shared[((c + i) * norm.rows + row) * 2] = origin[i] + mean;
      shared[((c + i) * norm.rows + row) * 2 + 1] = squares[i] - mean * sum[i];
    }
  }
  __syncthreads ();
  /* All of a warp go round as often: they exchange what they have. */
  for (unsigned first = 0; first < norm.groups; first += BLOCK / LANES) {
    unsigned group = first + threadIdx.x / LANES;
    Figures<E> all = { 0, 0, 0 };

    for (unsigned i = threadIdx.x % LANES; i < entries && group < norm.groups; i += LANES) {
      unsigned r = i % norm.rows;
      E n = (E) (end > start + r ? (end - start - r + norm.rows - 1) / norm.rows : 0);
      const E *one = shared + ((size_t) group * entries + i) * 2;

      all = join<E> (all, { n, one[0], one[1] });
    }
    all = join_lanes (all);
    if (threadIdx.x % LANES == 0 && group < norm.groups) {
      E *out = (E *) norm.figures + (((size_t) blockIdx.y * norm.parts + blockIdx.x) * norm.groups + group) * 2;

      out[0] = all.mean;
      out[1] = all.squares;
    }
  }
}

/* Pass 2: the parts put together, then every number of this one. */
template <typename T, int V>
VEL_GLOBAL void
__launch_bounds__ (BLOCK, APPLY_BLOCKS)
group_apply_kernel (GroupNorm norm, const T *x, const T *x2, T *out)
{
  typedef typename Exact<T>::Is E;
  VEL_SHARED (E, shared); /* [groups, 2]: mean, factor */
  unsigned channels = norm.first + norm.second, group_channels = channels / norm.groups;
  unsigned column = threadIdx.x % norm.columns, row = threadIdx.x / norm.columns;
  size_t start = (size_t) blockIdx.x * norm.part_pixels, picture = (size_t) blockIdx.y * norm.pixels;
  size_t end = start + norm.part_pixels < norm.pixels ? start + norm.part_pixels : norm.pixels;

  for (unsigned first = 0; first < norm.groups; first += BLOCK / LANES) {
    unsigned group = first + threadIdx.x / LANES;
    Figures<E> all = { 0, 0, 0 };

    VEL_UNROLL_4
    for (unsigned part = threadIdx.x % LANES; part < norm.parts; part += LANES) {
      const E *one = (const E *) norm.figures
                     + (((size_t) blockIdx.y * norm.parts + part) * norm.groups + (group < norm.groups ? group : 0)) * 2;
      size_t from = part * norm.part_pixels, to = from + norm.part_pixels < norm.pixels ? from + norm.part_pixels : norm.pixels;

      all = join<E> (all, { (E) (to - from) * (E) group_channels, one[0], one[1] });
    }
    all = join_lanes (all);
    if (threadIdx.x % LANES == 0 && group < norm.groups) {
      shared[2 * group] = all.mean;
      shared[2 * group + 1] = 1 / sqrt (all.squares / all.n + (E) norm.eps);
    }
  }
  __syncthreads ();
  for (unsigned c = column * V; c < channels && row < norm.rows; c += norm.columns * V) {
    const unsigned stride = c < norm.first ? norm.first : norm.second;
    const T *from = c < norm.first ? x + c : x2 + (c - norm.first);
    E mean[V], factor[V];
    float beta[V];

    VEL_UNROLL
    for (int i = 0; i < V; i++) {
      unsigned group = (c + i) / group_channels;

      mean[i] = shared[2 * group];
      factor[i] = shared[2 * group + 1] * norm.gamma[c + i];
      beta[i] = norm.beta[c + i];
    }
    /* Several at once: the compiler would have each load wait for the store before, which may be to the same memory. */
    for (size_t pixel = start + row; pixel < end; pixel += AT_ONCE * norm.rows) {
      float values[AT_ONCE][V];

      VEL_UNROLL
      for (unsigned k = 0; k < AT_ONCE; k++)
        if (pixel + k * norm.rows < end)
          load_some<T, V> (values[k], from + (picture + pixel + k * norm.rows) * stride);
      VEL_UNROLL
      for (unsigned k = 0; k < AT_ONCE; k++) {
        VEL_UNROLL
        for (int i = 0; i < V; i++) {
          float value = (float) (((E) values[k][i] - mean[i]) * factor[i]) + beta[i];

          values[k][i] = norm.silu ? vel_silu<T> (value) : value;
        }
        if (pixel + k * norm.rows < end)
          store_some<T, V> (out + (picture + pixel + k * norm.rows) * channels + c, values[k]);
      }
    }
  }
}

template <typename T, int V>
static void
group_norm (VelBackend *backend, const VelGroupNormArgs *args, GroupNorm norm)
{
  typedef typename Exact<T>::Is E;
  unsigned channels = norm.first + norm.second, units = (unsigned) vel_divide_up (channels, V);
  size_t bytes = (size_t) channels * 2 * sizeof (E), wanted = vel_divide_up ((size_t) 4 * backend->info.multiprocessors, args->batch);

  norm.columns = units < BLOCK ? units : BLOCK;
  norm.rows = BLOCK / norm.columns;
  while (norm.rows > 1 && bytes * norm.rows > 40 * 1024)
    norm.rows /= 2;
  wanted = wanted < MAX_PARTS ? wanted : MAX_PARTS;
  norm.part_pixels = vel_divide_up (args->pixels, wanted);
  norm.part_pixels = norm.part_pixels < 4 * norm.rows ? 4 * norm.rows : norm.part_pixels;
  norm.parts = (unsigned) vel_divide_up (args->pixels, norm.part_pixels);
  norm.figures = vel_cuda_scratch (backend, args->batch * norm.parts * norm.groups * 2 * sizeof (E));
  if (norm.figures == NULL) {
    vel_cuda_give_up (backend, args->type, args->out, args->batch * args->pixels * args->channels);
    return;
  }
  dim3 grid (norm.parts, (unsigned) args->batch);
  VEL_LAUNCH ((group_figures_kernel<T, V>), grid, dim3 (BLOCK), bytes * norm.rows, backend->stream, norm, (const T *) args->x,
              (const T *) args->x2);
  VEL_LAUNCH ((group_apply_kernel<T, V>), grid, dim3 (BLOCK), norm.groups * 2 * sizeof (E), backend->stream, norm, (const T *) args->x,
              (const T *) args->x2, (T *) args->out);
}

void
vel_cuda_group_norm (VelBackend *backend, const VelGroupNormArgs *args)
{
  size_t vector = 16 / vel_type_size (args->type);
  bool aligned = args->channels % vector == 0 && args->x2_channels % vector == 0 && vel_is_aligned (args->x) && vel_is_aligned (args->x2)
                 && vel_is_aligned (args->out);
  GroupNorm norm = {};

  if (args->batch * args->pixels == 0)
    return;
  norm.pixels = args->pixels;
  norm.first = (unsigned) (args->channels - args->x2_channels);
  norm.second = (unsigned) args->x2_channels;
  norm.groups = (unsigned) args->groups;
  norm.eps = (float) args->eps;
  norm.silu = args->silu;
  norm.gamma = args->gamma;
  norm.beta = args->beta;
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

/* A warp for a row, of which each thread keeps KEPT pieces. */
template <typename T, int V, int KEPT>
VEL_GLOBAL void
__launch_bounds__ (BLOCK, 3)
layer_norm_kept_kernel (const T *x, T *out, size_t rows, unsigned channels, float eps, const float *__restrict__ gamma,
                        const float *__restrict__ beta)
{
  size_t row = (size_t) blockIdx.x * (BLOCK / 32) + threadIdx.x / 32;
  unsigned first = threadIdx.x % 32 * V;
  const T *from = x + row * channels;
  float values[KEPT][V], sum = 0, squares = 0, mean, factor;

  if (row >= rows) /* the whole warp */
    return;
  VEL_UNROLL
  for (unsigned k = 0; k < KEPT; k++)
    if (first + k * 32 * V < channels) {
      load_some<T, V> (values[k], from + first + k * 32 * V);
      VEL_UNROLL
      for (int i = 0; i < V; i++)
        sum += values[k][i];
    }
  mean = warp_sum (sum) / (float) channels;
  VEL_UNROLL
  for (unsigned k = 0; k < KEPT; k++)
    if (first + k * 32 * V < channels)
      VEL_UNROLL
      for (int i = 0; i < V; i++)
        squares += (values[k][i] - mean) * (values[k][i] - mean);
  factor = 1 / sqrtf (warp_sum (squares) / (float) channels + eps);
  VEL_UNROLL
  for (unsigned k = 0; k < KEPT; k++)
    if (first + k * 32 * V < channels) {
      const unsigned c = first + k * 32 * V;

      VEL_UNROLL
      for (int i = 0; i < V; i++)
        values[k][i] = (values[k][i] - mean) * factor * gamma[c + i] + beta[c + i];
      store_some<T, V> (out + row * channels + c, values[k]);
    }
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

    if (aligned && sizeof (T) == 2 && args->channels <= 2 * 32 * V)
      VEL_LAUNCH ((layer_norm_kept_kernel<T, V, 2>), grid, dim3 (BLOCK), 0, backend->stream, (const T *) args->x, (T *) args->out, args->rows,
                  (unsigned) args->channels, (float) args->eps, args->gamma, args->beta);
    else if (aligned && sizeof (T) == 2 && args->channels <= 5 * 32 * V)
      VEL_LAUNCH ((layer_norm_kept_kernel<T, V, 5>), grid, dim3 (BLOCK), 0, backend->stream, (const T *) args->x, (T *) args->out, args->rows,
                  (unsigned) args->channels, (float) args->eps, args->gamma, args->beta);
    else if (aligned)
      VEL_LAUNCH ((layer_norm_kernel<T, V>), grid, dim3 (BLOCK), 0, backend->stream, (const T *) args->x, (T *) args->out, args->rows,
                  (unsigned) args->channels, (float) args->eps, args->gamma, args->beta);
    else
      VEL_LAUNCH ((layer_norm_kernel<T, 1>), grid, dim3 (BLOCK), 0, backend->stream, (const T *) args->x, (T *) args->out, args->rows,
                  (unsigned) args->channels, (float) args->eps, args->gamma, args->beta);
  });
}
