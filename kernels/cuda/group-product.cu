/* The products of product.cuh by warpgroups, for cards of capability 9.0.  SPDX-License-Identifier: Apache-2.0
 *
 * A block of two warpgroups has 128 rows of the result, 64 each, and 128, 160 or 256 columns: 160 divides the 320, 640 and 1280 channels of
 * Stable Diffusion without a rest. K runs over 64 channels at a time and for each over all taps, so that the pixels that neighbouring taps
 * share come from the nearest cache. Tiles come by asynchronous copies; while a stage is multiplied the one after the next is fetched into
 * the place of the one before. */
#include "kernels/cuda/product.cuh"
#include "kernels/cuda/warpgroup.cuh"

#define TILE_M 128
#define STAGES 4

/* What one thread copies of A: its 16-byte piece of every 32nd row, step by step. */
struct Rows {
  int picture[TILE_M / 32], y[TILE_M / 32], x[TILE_M / 32]; /* where the windows begin; picture: its first row of pixels, -1 behind the end */
  int tap_y, tap_x;
  unsigned channel; /* of the piece */
};

template <typename T>
VEL_DEVICE void
load_rows (const VelProduct &p, const Rows &rows, T *tile)
{
  const bool inside = rows.channel < p.first + p.second, first = rows.channel < p.first;
  const T *from = first ? (const T *) p.x + rows.channel : (const T *) p.x2 + (rows.channel - p.first);
  const size_t stride = first ? p.x_stride : p.second;

  VEL_UNROLL
  for (int i = 0; i < TILE_M / 32; i++) {
    int y = vel_product_place (rows.y[i] + rows.tap_y, p.wrap_y), x = vel_product_place (rows.x[i] + rows.tap_x, p.wrap_x);
    bool valid = inside && rows.picture[i] >= 0 && (unsigned) y < (unsigned) p.up_height && (unsigned) x < (unsigned) p.up_width;

    if (p.doubled) {
      y >>= 1;
      x >>= 1;
    } else if (p.resized) {
      y = (int) ((int64_t) y * p.height / p.up_height);
      x = (int) ((int64_t) x * p.width / p.up_width);
    }
    copy16_async_cached (tile + i * 32 * VEL_GROUP_K, valid ? from + ((ptrdiff_t) (rows.picture[i] + y) * p.width + x) * (ptrdiff_t) stride : p.x, valid);
  }
}

template <typename T, int TILE_N>
VEL_GLOBAL void
__launch_bounds__ (VEL_PRODUCT_BLOCK, 1)
group_product_kernel (const VEL_CONSTANT VelProduct p)
{
#if VEL_HAS_GROUPS
  constexpr unsigned A_SIZE = TILE_M * VEL_GROUP_K, B_SIZE = TILE_N * VEL_GROUP_K;
  VEL_SHARED (T, shared); /* [STAGES] tiles of A, then of W */
  T *const tiles_a = shared, *const tiles_b = shared + STAGES * A_SIZE;
  const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, group = threadIdx.x / 128;
  const unsigned m0 = blockIdx.x * TILE_M, n0 = blockIdx.y * TILE_N, taps = (unsigned) (p.kernel * p.kernel);
  const unsigned row = threadIdx.x / 8, piece = threadIdx.x % 8, place = group_swizzle (row, piece);
  const unsigned begin = (unsigned) ((uint64_t) p.steps * blockIdx.z / p.slices);
  const unsigned end = (unsigned) ((uint64_t) p.steps * (blockIdx.z + 1) / p.slices);
  const size_t weight_row = (size_t) taps * p.weight_stride;
  const T *const weight = (const T *) p.weight + (size_t) (n0 + row) * weight_row;
  float sums[TILE_N / 2] = {};
  Rows rows;

  VEL_UNROLL
  for (int i = 0; i < TILE_M / 32; i++) {
    VelWindow window = vel_product_window (p, m0 + row + (unsigned) i * 32);

    rows.picture[i] = window.picture * (window.picture >= 0 ? p.height : 1);
    rows.y[i] = window.y;
    rows.x[i] = window.x;
  }
  rows.channel = begin / taps * VEL_GROUP_K + piece * 8;
  rows.tap_y = (int) (begin % taps) / p.kernel;
  rows.tap_x = (int) (begin % taps) % p.kernel;

  /* The next step into a stage. */
  auto load = [&] (unsigned stage) {
    const T *from = weight + (size_t) (unsigned) (rows.tap_y * p.kernel + rows.tap_x) * p.weight_stride + rows.channel;
    const bool inside = rows.channel < p.in_padded;

    load_rows<T> (p, rows, tiles_a + stage * A_SIZE + place);
    VEL_UNROLL
    for (unsigned i = 0; i < TILE_N / 32; i++) {
      const bool valid = inside && n0 + row + i * 32 < p.n;

      copy16_async (tiles_b + stage * B_SIZE + place + i * 32 * VEL_GROUP_K, valid ? from + i * 32 * weight_row : (const T *) p.weight, valid);
    }
    if (++rows.tap_x == p.kernel) {
      rows.tap_x = 0;
      if (++rows.tap_y == p.kernel) {
        rows.tap_y = 0;
        rows.channel += VEL_GROUP_K;
      }
    }
  };

  VEL_UNROLL
  for (unsigned i = 0; i < STAGES - 2; i++) {
    if (begin + i < end)
      load (i);
    copy_commit ();
  }
  for (unsigned step = begin; step < end; step++) {
    const unsigned stage = (step - begin) % STAGES;
    const T *a = tiles_a + stage * A_SIZE + group * 64 * VEL_GROUP_K, *b = tiles_b + stage * B_SIZE;

    copy_wait<STAGES - 3> ();
    group_publish ();
    __syncthreads (); /* this stage is there for all, and all are done with the one before the last */
    group_fence ();
    VEL_UNROLL
    for (int k = 0; k < VEL_GROUP_K; k += 16)
      group_multiply<T, TILE_N> (sums, a + k, b + k);
    group_commit ();
    if (step + STAGES - 2 < end)
      load ((step - begin + STAGES - 2) % STAGES);
    copy_commit ();
    group_wait<1> (sums);
  }
  group_wait<0> (sums);

  VEL_UNROLL
  for (int half = 0; half < 2; half++) {
    const unsigned m = m0 + group * 64 + warp % 4 * 16 + half * 8 + lane / 4;

    if (m >= p.m)
      continue;
    if (p.slices > 1 || p.sums) {
      float *to = p.partial + ((size_t) blockIdx.z * p.m + m) * p.n + n0 + lane % 4 * 2;

      VEL_UNROLL
      for (int j = 0; j < TILE_N / 8; j++)
        if (n0 + j * 8 < p.n)
          *(float2 *) (to + j * 8) = { sums[4 * j + 2 * half], sums[4 * j + 2 * half + 1] };
    } else if (!p.gated) {
      const T *embedding = p.embedding == NULL ? NULL
                                               : (const T *) p.embedding + m / ((unsigned) p.out_height * (unsigned) p.out_width) * p.embedding_stride;
      const size_t at = (size_t) m * p.out_stride;

      VEL_UNROLL
      for (int j = 0; j < TILE_N / 8; j++) {
        const unsigned o = n0 + (unsigned) j * 8 + lane % 4 * 2;
        float first = sums[4 * j + 2 * half], second = sums[4 * j + 2 * half + 1], a, b;

        if (o >= p.out_columns)
          continue;
        if (p.bias != NULL) {
          const float2 bias = *(const float2 *) (p.bias + o);

          first += bias.x;
          second += bias.y;
        }
        first = vel_activate<T> (p.activation, first);
        second = vel_activate<T> (p.activation, second);
        if (embedding != NULL) {
          unpack2<T> (*(const uint32_t *) (embedding + o), a, b);
          first += a;
          second += b;
        }
        if (p.residual != NULL) {
          unpack2<T> (*(const uint32_t *) ((const T *) p.residual + at + o), a, b);
          first += a;
          second += b;
        }
        *(uint32_t *) ((T *) p.out + at + o) = pack2<T> (first, second);
      }
    } else { /* the gates are the next eight columns */
      VEL_UNROLL
      for (int j = 0; j < TILE_N / 8; j += 2) {
        const unsigned o = (n0 + (unsigned) j * 8) / 2 + lane % 4 * 2;

        if (o < p.out_columns)
          vel_product_store<T> (p, vel_product_finish_gated<T> (p, sums[4 * j + 2 * half], sums[4 * j + 4 + 2 * half], m, o),
                                vel_product_finish_gated<T> (p, sums[4 * j + 2 * half + 1], sums[4 * j + 5 + 2 * half], m, o + 1), m, o);
      }
    }
  }
#endif
}

/* How long a cut takes, in the card's clock cycles, roughly: shared memory feeds the products with 128 bytes a cycle, a stage's copies
 * included, and filling, emptying and summing up cost what they cost. Only the order of the candidates matters. */
static double
cost (const VelBackend *backend, const VelProduct *p, size_t tile_n, size_t slices)
{
  size_t tiles = vel_divide_up (p->m, TILE_M) * vel_divide_up (p->n, tile_n) * slices, processors = backend->info.multiprocessors;
  double step = 384 + 3.0 * (double) tile_n, waves = (double) vel_divide_up (tiles, processors);

  return waves * ((double) vel_divide_up (p->steps, slices) * step + 2000 + 6.0 * (double) tile_n)
         + (slices > 1 ? 3000 + (double) p->m * p->n * 8 * (double) slices / 1500 : 0);
}

template <typename T, int TILE_N>
static void
launch (VelBackend *backend, const VelProduct &p)
{
  dim3 grid ((unsigned) vel_divide_up (p.m, TILE_M), (unsigned) vel_divide_up (p.n, TILE_N), p.slices);

  VEL_LAUNCH ((group_product_kernel<T, TILE_N>), grid, dim3 (VEL_PRODUCT_BLOCK), STAGES * (TILE_M + TILE_N) * VEL_GROUP_K * sizeof (T),
              backend->stream, p);
}

template <typename T>
static void
run (VelBackend *backend, const VelProduct &p, size_t tile_n)
{
  if (tile_n == 128)
    launch<T, 128> (backend, p);
  else if (tile_n == 160)
    launch<T, 160> (backend, p);
  else
    launch<T, 256> (backend, p);
}

bool
vel_group_product_run (VelBackend *backend, VelType type, VelProduct *p)
{
  static const size_t tiles_n[] = { 256, 160, 128 };
  size_t best = 0;
  double least = 0;

  if (!backend->warpgroups || type == VEL_F32 || p->n < 64 || p->n % 8 != 0 || p->out_columns % 2 != 0 || p->out_stride % 2 != 0
      || p->embedding_stride % 2 != 0 || (uintptr_t) p->bias % 8 != 0 || ((uintptr_t) p->embedding | (uintptr_t) p->residual) % 4 != 0)
    return false;
  p->chunks = (unsigned) vel_divide_up (p->in_padded, VEL_GROUP_K);
  p->steps = (unsigned) (p->kernel * p->kernel) * p->chunks;
  p->doubled = p->resized && p->up_height == 2 * p->height && p->up_width == 2 * p->width;
  for (size_t i = 0; i < sizeof tiles_n / sizeof *tiles_n; i++)
    for (size_t slices = 1; slices <= (p->sums || p->whole ? 1 : VEL_MAX_SLICES) && slices * 4 <= p->steps + 3; slices++) {
      double found = cost (backend, p, tiles_n[i], slices);

      if (best == 0 || found < least) {
        least = found;
        best = tiles_n[i];
        p->slices = (unsigned) slices;
      }
    }
  if (p->slices > 1) {
    p->partial = (float *) vel_cuda_scratch (backend, (size_t) p->slices * p->m * p->n * sizeof (float));
    if (p->partial == NULL) {
      vel_cuda_give_up (backend, type, p->out, (size_t) p->m * p->out_columns);
      return true;
    }
  }
  type == VEL_F16 ? run<f16> (backend, *p, best) : run<bf16> (backend, *p, best);
  return true;
}
