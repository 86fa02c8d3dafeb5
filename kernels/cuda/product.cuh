/* out [M, N] = A [M, K] W [N, K]^T on tensor cores, where A is gathered on the way: the pixels under each tap of a convolution, or plain rows.
 * SPDX-License-Identifier: Apache-2.0
 *
 * An implicit GEMM as in CUTLASS's fprop: K runs over taps and, within each, over channels, 32 at a time. Blocks of eight warps; tiles of A
 * and W come through shared memory by asynchronous copies, several stages deep; 16-byte pieces are swizzled so that neither the copies nor
 * ldmatrix meet in a bank. Where there are too few tiles for the card, K is split and the parts are summed in order afterwards. */
#pragma once

#include "kernels/cuda/activation.cuh"
#include "kernels/cuda/backend.cuh"
#include "kernels/cuda/by-type.cuh"

#define VEL_PRODUCT_K 32      /* channels of a stage */
#define VEL_PRODUCT_BLOCK 256 /* threads */
#define VEL_MAX_SLICES 16

/* What a product reads and how it ends. Sizes of pictures fit 31 bits (engine/tensor/ops.c), their product may not. */
struct VelProduct {
  const void *x, *x2, *weight, *embedding, *residual;
  const float *bias;
  void *out;
  float *partial; /* [slices, M, N] where K is split, or where sums are all that is wanted */
  unsigned m, n;  /* n: stored rows of the weight */
  unsigned out_columns;
  unsigned first, second, in_padded; /* channels of x, of x2, of a row of the weight */
  size_t x_stride, weight_stride, out_stride; /* elements from one pixel of x, tap of the weight, row of the result to the next */
  int height, width, up_height, up_width, out_height, out_width; /* up: as it is after resizing */
  int kernel, stride, pad;
  int wrap_x, wrap_y; /* a side's length where its padding is its other end, else 0 */
  unsigned chunks, steps, slices; /* chunks: of a tap; steps: over all taps */
  size_t embedding_stride;
  VelActivation activation;
  bool gated, resized;
  bool doubled; /* resized to twice its size */
  bool sums;  /* the result is `partial`, in fp32, and nothing is added */
  bool whole; /* K is not split: the scratch is the caller's */
};

/* Row m of A before any tap: its picture, and where its window begins. */
struct VelWindow {
  int picture, y, x;
};

static VEL_DEVICE VelWindow
vel_product_window (const VelProduct &p, unsigned m)
{
  unsigned pixels = (unsigned) p.out_height * (unsigned) p.out_width, pixel = m % pixels;

  if (m >= p.m)
    return { -1, 0, 0 };
  return { (int) (m / pixels), (int) (pixel / p.out_width) * p.stride - p.pad, (int) (pixel % p.out_width) * p.stride - p.pad };
}

/* A row or column in the padding as one of the other end; wrap: the side, or 0, which changes nothing. */
static VEL_DEVICE int
vel_product_place (int i, int wrap)
{
  return i < 0 ? i + wrap : wrap != 0 && i >= wrap ? i - wrap : i;
}

/* The pixel of x under a tap, counted over all pictures; -1 in the padding or behind the last row. */
static VEL_DEVICE ptrdiff_t
vel_product_pixel (const VelProduct &p, const VelWindow &window, int tap)
{
  int y = vel_product_place (window.y + tap / p.kernel, p.wrap_y), x = vel_product_place (window.x + tap % p.kernel, p.wrap_x);

  if (window.picture < 0 || y < 0 || x < 0 || y >= p.up_height || x >= p.up_width)
    return -1;
  if (p.resized) {
    y = (int) ((int64_t) y * p.height / p.up_height);
    x = (int) ((int64_t) x * p.width / p.up_width);
  }
  return ((ptrdiff_t) window.picture * p.height + y) * p.width + x;
}

template <typename T>
VEL_DEVICE const T *
vel_product_channel (const VelProduct &p, ptrdiff_t pixel, unsigned c)
{
  return c < p.first ? (const T *) p.x + pixel * (ptrdiff_t) p.x_stride + c : (const T *) p.x2 + pixel * p.second + (c - p.first);
}

/* The end of a sum: everything in fp32, rounded once. m, o: its place in the result */
template <typename T>
VEL_DEVICE float
vel_product_finish (const VelProduct &p, float sum, unsigned m, unsigned o)
{
  size_t at = (size_t) m * p.out_stride + o;

  if (p.bias != NULL)
    sum += p.bias[o];
  sum = vel_activate<T> (p.activation, sum);
  if (p.embedding != NULL)
    sum += to_float (((const T *) p.embedding)[m / ((unsigned) p.out_height * (unsigned) p.out_width) * p.embedding_stride + o]);
  if (p.residual != NULL)
    sum += to_float (((const T *) p.residual)[at]);
  return sum;
}

template <typename T>
VEL_DEVICE float
vel_product_finish_gated (const VelProduct &p, float value, float gate, unsigned m, unsigned o)
{
  if (p.bias != NULL) {
    value += p.bias[o];
    gate += p.bias[p.out_columns + o];
  }
  value *= vel_gelu<T> (gate);
  return p.residual != NULL ? value + to_float (((const T *) p.residual)[(size_t) m * p.out_stride + o]) : value;
}

/* Two neighbours of a row at once where they stand at four bytes. */
template <typename T>
VEL_DEVICE void
vel_product_store (const VelProduct &p, float first, float second, unsigned m, unsigned o)
{
  T *to = (T *) p.out + (size_t) m * p.out_stride + o;

  if (o + 1 < p.out_columns && p.out_stride % 2 == 0)
    *(uint32_t *) to = pack2<T> (first, second);
  else {
    to[0] = from_float<T> (first);
    if (o + 1 < p.out_columns)
      to[1] = from_float<T> (second);
  }
}

/* Piece `piece` (8 channels) of row `row` of a tile. */
static VEL_DEVICE unsigned
vel_product_swizzle (unsigned row, unsigned piece)
{
  return row * VEL_PRODUCT_K + ((piece ^ (row >> 1)) & 3) * 8;
}

/* One piece of A into shared memory. ALIGNED: channels of both inputs are multiples of 8, all at 16 bytes. */
template <typename T, bool ALIGNED>
VEL_DEVICE void
vel_product_load_a (const VelProduct &p, T *to, ptrdiff_t pixel, unsigned c)
{
  bool inside = pixel >= 0 && c < p.first + p.second;

  if constexpr (ALIGNED)
    copy16_async (to, inside ? (const void *) vel_product_channel<T> (p, pixel, c) : p.x, inside);
  else {
    union {
      vec4 whole;
      T parts[8];
    } piece;

    VEL_UNROLL
    for (int i = 0; i < 8; i++)
      piece.parts[i] = inside && c + i < p.first + p.second ? *vel_product_channel<T> (p, pixel, c + i) : from_float<T> (0);
    *(vec4 *) to = piece.whole;
  }
}

/* TILE_M x TILE_N of the result a block, WARPS_M x (8 / WARPS_M) warps. */
template <typename T, int TILE_M, int TILE_N, int WARPS_M, int STAGES, bool ALIGNED>
VEL_GLOBAL void
__launch_bounds__ (VEL_PRODUCT_BLOCK)
vel_product_kernel (VelProduct p)
{
  constexpr int WARPS_N = 8 / WARPS_M, WARP_M = TILE_M / WARPS_M, WARP_N = TILE_N / WARPS_N;
  constexpr int M_PIECES = WARP_M / 16, N_PIECES = WARP_N / 8;
  constexpr int A_LOADS = TILE_M / 64, B_LOADS = (TILE_N + 63) / 64;
  constexpr unsigned A_SIZE = TILE_M * VEL_PRODUCT_K, B_SIZE = TILE_N * VEL_PRODUCT_K;
  VEL_SHARED (T, shared); /* [STAGES] tiles of A, then of W */
  T *const tiles_a = shared, *const tiles_b = shared + STAGES * A_SIZE;
  const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, warp_m = warp % WARPS_M, warp_n = warp / WARPS_M;
  const unsigned m0 = blockIdx.x * TILE_M, n0 = blockIdx.y * TILE_N;
  const unsigned load_row = threadIdx.x / 4, load_piece = threadIdx.x % 4;
  const unsigned begin = (unsigned) ((uint64_t) p.steps * blockIdx.z / p.slices);
  const unsigned end = (unsigned) ((uint64_t) p.steps * (blockIdx.z + 1) / p.slices);
  VelWindow windows[A_LOADS];
  float sums[M_PIECES][N_PIECES][4] = {};

  VEL_UNROLL
  for (int i = 0; i < A_LOADS; i++)
    windows[i] = vel_product_window (p, m0 + load_row + i * 64);

  auto load = [&] (unsigned step, unsigned stage) {
    unsigned tap = step / p.chunks, c = step % p.chunks * VEL_PRODUCT_K + load_piece * 8;

    VEL_UNROLL
    for (int i = 0; i < A_LOADS; i++)
      vel_product_load_a<T, ALIGNED> (p, tiles_a + stage * A_SIZE + vel_product_swizzle (load_row + i * 64, load_piece),
                                      vel_product_pixel (p, windows[i], (int) tap), c);
    VEL_UNROLL
    for (int i = 0; i < B_LOADS; i++) {
      unsigned row = load_row + i * 64;
      bool inside = n0 + row < p.n && c < p.in_padded;

      if (TILE_N >= 64 || row < TILE_N)
        copy16_async (tiles_b + stage * B_SIZE + vel_product_swizzle (row, load_piece),
                      inside ? (const T *) p.weight + ((size_t) (n0 + row) * (p.kernel * p.kernel) + tap) * p.weight_stride + c
                             : (const T *) p.weight,
                      inside);
    }
  };

  VEL_UNROLL
  for (unsigned i = 0; i < STAGES - 1; i++) {
    if (begin + i < end)
      load (begin + i, i);
    copy_commit ();
  }
  for (unsigned step = begin; step < end; step++) {
    const unsigned stage = (step - begin) % STAGES;
    const T *a = tiles_a + stage * A_SIZE, *b = tiles_b + stage * B_SIZE;

    copy_wait<STAGES - 2> ();
    __syncthreads (); /* this stage is there for all, and all are done with the one that is filled next */
    if (step + STAGES - 1 < end)
      load (step + STAGES - 1, (step - begin + STAGES - 1) % STAGES);
    copy_commit ();
    VEL_UNROLL
    for (unsigned k = 0; k < VEL_PRODUCT_K / 16; k++) {
      uint32_t from_a[M_PIECES][4], from_b[N_PIECES / 2][4];

      VEL_UNROLL
      for (int i = 0; i < M_PIECES; i++)
        load_matrix_x4 (from_a[i], a + vel_product_swizzle (warp_m * WARP_M + i * 16 + lane % 16, k * 2 + lane / 16));
      VEL_UNROLL
      for (int j = 0; j < N_PIECES / 2; j++)
        load_matrix_x4 (from_b[j], b + vel_product_swizzle (warp_n * WARP_N + j * 16 + lane % 8 + lane / 16 * 8, k * 2 + lane / 8 % 2));
      VEL_UNROLL
      for (int i = 0; i < M_PIECES; i++)
        VEL_UNROLL
        for (int j = 0; j < N_PIECES; j++)
          multiply_16x8x16<T> (sums[i][j], from_a[i], from_b[j / 2] + j % 2 * 2);
    }
  }

  VEL_UNROLL
  for (int i = 0; i < M_PIECES; i++)
    VEL_UNROLL
    for (int half = 0; half < 2; half++) {
      const unsigned m = m0 + warp_m * WARP_M + i * 16 + half * 8 + lane / 4;

      if (m >= p.m)
        continue;
      VEL_UNROLL
      for (int j = 0; j < N_PIECES; j++) {
        const unsigned n = n0 + warp_n * WARP_N + j * 8 + lane % 4 * 2;
        const float *sum = sums[i][j] + 2 * half;

        if (p.slices > 1 || p.sums) {
          float *to = p.partial + ((size_t) blockIdx.z * p.m + m) * p.n + n;

          if (n < p.n)
            to[0] = sum[0];
          if (n + 1 < p.n)
            to[1] = sum[1];
        } else if (!p.gated) {
          if (n < p.out_columns)
            vel_product_store<T> (p, vel_product_finish<T> (p, sum[0], m, n),
                                  n + 1 < p.out_columns ? vel_product_finish<T> (p, sum[1], m, n + 1) : 0, m, n);
        } else if (j % 2 == 0) { /* the gates are the next eight columns */
          const float *gate = sums[i][j + 1 < N_PIECES ? j + 1 : j] + 2 * half;
          const unsigned o = (n0 + warp_n * WARP_N + j * 8) / 2 + lane % 4 * 2;

          if (o < p.out_columns)
            vel_product_store<T> (p, vel_product_finish_gated<T> (p, sum[0], gate[0], m, o),
                                  o + 1 < p.out_columns ? vel_product_finish_gated<T> (p, sum[1], gate[1], m, o + 1) : 0, m, o);
        }
      }
    }
}

/* The slices in order, then the end of the sum. One thread a number of the result. */
template <typename T>
VEL_GLOBAL void
vel_product_reduce_kernel (VelProduct p)
{
  size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x, plane = (size_t) p.m * p.n;
  unsigned m = (unsigned) (i / p.out_columns), o = (unsigned) (i % p.out_columns);
  unsigned n = p.gated ? o / 8 * 16 + o % 8 : o;
  float value = 0, gate = 0;

  if (m >= p.m)
    return;
  for (unsigned slice = 0; slice < p.slices; slice++) {
    const float *from = p.partial + slice * plane + (size_t) m * p.n + n;

    value += from[0];
    if (p.gated)
      gate += from[8];
  }
  ((T *) p.out)[(size_t) m * p.out_stride + o] = from_float<T> (p.gated ? vel_product_finish_gated<T> (p, value, gate, m, o) : vel_product_finish<T> (p, value, m, o));
}

/* Runs a product whose sizes are filled in; chooses tiles and slices. type: of activations and weight */
void vel_product_run (VelBackend *backend, VelType type, VelProduct p); /* matmul.cu */
/* A linear layer, its result somewhere. */
void vel_product_linear (VelBackend *backend, const VelLinearArgs *args, void *out); /* matmul.cu */
/* Runs all of it but the sum of the slices, if `slices` says that there are some. A is aligned. Returns: false if warpgroups can not do this one */
bool vel_group_product_run (VelBackend *backend, VelType type, VelProduct *p); /* group-product.cu */
