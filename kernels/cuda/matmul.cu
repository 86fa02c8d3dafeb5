/* Linear layers, and how any product is cut into tiles.  SPDX-License-Identifier: Apache-2.0 */
#include "kernels/cuda/lt.h"
#include "kernels/cuda/product.cuh"

#define EXACT_TILE 64
#define EXACT_K 16

/* fp32 without tensor cores, which would round to 19 bits: 64 x 64 a block, 4 x 4 a thread. Sums of 16 products are added up, which keeps
 * the error of long sums small. */
VEL_GLOBAL void
__launch_bounds__ (VEL_PRODUCT_BLOCK)
exact_kernel (VelProduct p)
{
  VEL_SHARED (float, shared); /* [16, 64 + 4] of A, then of W: a row of channels goes down a column */
  constexpr unsigned ROW = EXACT_TILE + 4;
  float *const tile_a = shared, *const tile_b = shared + EXACT_K * ROW;
  const unsigned m0 = blockIdx.x * EXACT_TILE, n0 = blockIdx.y * EXACT_TILE, taps = (unsigned) (p.kernel * p.kernel);
  const unsigned load_row = threadIdx.x / 4, load_c = threadIdx.x % 4 * 4, my_m = threadIdx.x / 16 * 4, my_n = threadIdx.x % 16 * 4;
  const VelWindow window = vel_product_window (p, m0 + load_row);
  float sums[4][4] = {};

  for (unsigned tap = 0; tap < taps; tap++) {
    ptrdiff_t pixel = vel_product_pixel (p, window, (int) tap);

    for (unsigned c0 = 0; c0 < p.first + p.second; c0 += EXACT_K) {
      float part[4][4] = {};

      VEL_UNROLL
      for (unsigned i = 0; i < 4; i++) {
        unsigned c = c0 + load_c + i;

        tile_a[(load_c + i) * ROW + load_row]
          = pixel >= 0 && c < p.first + p.second ? *vel_product_channel<float> (p, pixel, c) : 0;
        tile_b[(load_c + i) * ROW + load_row]
          = n0 + load_row < p.n && c < p.in_padded ? ((const float *) p.weight)[((size_t) (n0 + load_row) * taps + tap) * p.weight_stride + c] : 0;
      }
      __syncthreads ();
      VEL_UNROLL
      for (unsigned k = 0; k < EXACT_K; k++)
        VEL_UNROLL
        for (int i = 0; i < 4; i++)
          VEL_UNROLL
          for (int j = 0; j < 4; j++)
            part[i][j] = fmaf (tile_a[k * ROW + my_m + i], tile_b[k * ROW + my_n + j], part[i][j]);
      VEL_UNROLL
      for (int i = 0; i < 4; i++)
        VEL_UNROLL
        for (int j = 0; j < 4; j++)
          sums[i][j] += part[i][j];
      __syncthreads ();
    }
  }
  VEL_UNROLL
  for (int i = 0; i < 4; i++)
    VEL_UNROLL
    for (int j = 0; j < 4; j++) {
      unsigned m = m0 + my_m + i, n = n0 + my_n + j;

      if (m >= p.m || n >= p.n)
        continue;
      if (p.slices > 1 || p.sums) /* gated: value and gate meet in the reduction */
        p.partial[(size_t) m * p.n + n] = sums[i][j];
      else
        ((float *) p.out)[(size_t) m * p.out_stride + n] = vel_product_finish<float> (p, sums[i][j], m, n);
    }
}

/* How a product is cut. */
struct Cut {
  unsigned tile_m, tile_n, slices;
};

/* Large tiles where there are enough of them for the card, else small ones, else K in slices too. Depends on the shape and the card alone. */
static Cut
choose_cut (const VelBackend *backend, const VelProduct *p)
{
  size_t processors = backend->info.multiprocessors, tiles;
  Cut cut = { 128, 128, 1 };

  if (p->n <= 16)
    cut = { 128, 16, 1 };
  else if (vel_divide_up (p->m, 128) * vel_divide_up (p->n, 128) < processors || p->n <= 64)
    cut = { 128, 64, 1 };
  if (p->n > 16 && (vel_divide_up (p->m, cut.tile_m) * vel_divide_up (p->n, cut.tile_n) < processors || p->m <= 64))
    cut = { 64, 64, 1 };
  tiles = vel_divide_up (p->m, cut.tile_m) * vel_divide_up (p->n, cut.tile_n);
  if (tiles < processors) {
    size_t slices = 2 * processors / tiles, most = p->steps / 8; /* a slice has to be worth its sum */

    slices = slices < most ? slices : most;
    slices = slices < VEL_MAX_SLICES ? slices : VEL_MAX_SLICES;
    cut.slices = slices > 1 ? (unsigned) slices : 1;
  }
  return cut;
}

template <typename T, int TILE_M, int TILE_N, int WARPS_M, int STAGES, bool ALIGNED>
static void
launch (VelBackend *backend, const VelProduct &p)
{
  dim3 grid ((unsigned) vel_divide_up (p.m, TILE_M), (unsigned) vel_divide_up (p.n, TILE_N), p.slices);

  VEL_LAUNCH ((vel_product_kernel<T, TILE_M, TILE_N, WARPS_M, STAGES, ALIGNED>), grid, dim3 (VEL_PRODUCT_BLOCK),
              STAGES * (TILE_M + TILE_N) * VEL_PRODUCT_K * sizeof (T), backend->stream, p);
}

template <typename T, bool ALIGNED>
static void
run_tiles (VelBackend *backend, const VelProduct &p, Cut cut)
{
  if (!ALIGNED) /* the first layer of a network: one kind of tile will do */
    cut.tile_n == 16 ? launch<T, 128, 16, 8, 4, false> (backend, p) : launch<T, 64, 64, 2, 4, false> (backend, p);
  else if (cut.tile_n == 16)
    launch<T, 128, 16, 8, 4, ALIGNED> (backend, p);
  else if (cut.tile_m == 64)
    launch<T, 64, 64, 2, 4, ALIGNED> (backend, p);
  else if (cut.tile_n == 64)
    launch<T, 128, 64, 4, 4, ALIGNED> (backend, p);
  else
    launch<T, 128, 128, 2, 3, ALIGNED> (backend, p);
}

template <typename T>
static void
reduce (VelBackend *backend, const VelProduct &p)
{
  dim3 grid ((unsigned) vel_divide_up ((size_t) p.m * p.out_columns, 256));

  VEL_LAUNCH (vel_product_reduce_kernel<T>, grid, dim3 (256), 0, backend->stream, p);
}

void
vel_product_run (VelBackend *backend, VelType type, VelProduct p)
{
  bool aligned = p.first % 8 == 0 && p.second % 8 == 0 && p.x_stride % 8 == 0 && vel_is_aligned (p.x) && vel_is_aligned (p.x2);
  Cut cut;

  if (p.m == 0 || p.out_columns == 0)
    return;
  if (aligned && vel_group_product_run (backend, type, &p)) {
    if (p.slices > 1)
      type == VEL_F16 ? reduce<f16> (backend, p) : reduce<bf16> (backend, p);
    return;
  }
  p.chunks = (unsigned) vel_divide_up (p.in_padded, VEL_PRODUCT_K);
  p.steps = (unsigned) (p.kernel * p.kernel) * p.chunks;
  cut = choose_cut (backend, &p);
  if (p.sums || p.whole)
    cut.slices = 1;
  p.slices = type == VEL_F32 ? (p.gated ? 2 : 1) : cut.slices; /* fp32, gated: a plane for the reduction, which counts one */
  if (p.slices > 1) {
    size_t planes = type == VEL_F32 ? 1 : p.slices;

    p.partial = (float *) vel_cuda_scratch (backend, planes * p.m * p.n * sizeof (float));
    if (p.partial == NULL) {
      vel_cuda_give_up (backend, type, p.out, (size_t) p.m * p.out_columns);
      return;
    }
  }
  if (type == VEL_F32) {
    dim3 grid ((unsigned) vel_divide_up (p.m, EXACT_TILE), (unsigned) vel_divide_up (p.n, EXACT_TILE));

    VEL_LAUNCH (exact_kernel, grid, dim3 (VEL_PRODUCT_BLOCK), 2 * EXACT_K * (EXACT_TILE + 4) * sizeof (float),
                backend->stream, p);
    if (p.slices > 1) {
      p.slices = 1;
      reduce<float> (backend, p);
    }
  } else if (type == VEL_F16) {
    aligned ? run_tiles<f16, true> (backend, p, cut) : run_tiles<f16, false> (backend, p, cut);
    if (p.slices > 1)
      reduce<f16> (backend, p);
  } else {
    aligned ? run_tiles<bf16, true> (backend, p, cut) : run_tiles<bf16, false> (backend, p, cut);
    if (p.slices > 1)
      reduce<bf16> (backend, p);
  }
}

/* A row is a picture of one pixel's height: the rows are its width. */
void
vel_product_linear (VelBackend *backend, const VelLinearArgs *args, void *out)
{
  const VelPacked *weight = args->weight;
  VelProduct p = {};

  p.x = args->x;
  p.weight = weight->data;
  p.residual = args->residual;
  p.bias = args->bias;
  p.out = out;
  p.m = (unsigned) args->rows;
  p.n = (unsigned) weight->rows;
  p.out_columns = (unsigned) weight->out;
  p.first = (unsigned) weight->in;
  p.x_stride = weight->in;
  p.in_padded = (unsigned) weight->in_padded;
  p.weight_stride = weight->in_padded;
  p.out_stride = weight->out;
  p.height = p.up_height = p.out_height = 1;
  p.width = p.up_width = p.out_width = (int) args->rows;
  p.kernel = p.stride = 1;
  p.activation = args->activation;
  p.gated = weight->gated;
  vel_product_run (backend, args->type, p);
}

void
vel_cuda_linear (VelBackend *backend, const VelLinearArgs *args)
{
  VelLinearArgs with = *args;
  VelPacked here;

  with.weight = vel_cuda_bring (backend, args->weight, &here);
  if (backend->lt == NULL || !vel_lt_linear (backend, &with))
    vel_product_linear (backend, &with, args->out);
}
