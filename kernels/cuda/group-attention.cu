/* Attention by warpgroups, for heads of up to 64 on cards of capability 9.0.  SPDX-License-Identifier: Apache-2.0
 *
 * A block is one warpgroup with 64 rows of queries; four blocks share a processor, so that one multiplies while another has its softmax. Tiles
 * of 64 keys and their values come two deep. Probabilities are the first factor of the second product straight from the registers. */
#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/warpgroup.cuh"

#define ROWS 64 /* queries of a block, keys of a tile */
#define THREADS 128

/* Rows `first`.. of one head into a tile, WIDTH numbers a row, zeros behind the last row and the head's end. */
template <typename T, int WIDTH>
VEL_DEVICE void
load_tile (T *tile, const T *from, size_t stride, unsigned first, unsigned end, unsigned head_dim)
{
  for (unsigned i = threadIdx.x; i < ROWS * (WIDTH / 8); i += THREADS) {
    unsigned row = i / (WIDTH / 8), piece = i % (WIDTH / 8);
    bool inside = first + row < end && piece * 8 < head_dim;

    copy16_async (tile + group_swizzle (row, piece), inside ? from + (first + row) * stride + piece * 8 : from, inside);
  }
}

/* WIDTH: of the head as the first product sees it, in steps of 16; N: as the second one does, in steps of 8. */
template <typename T, int WIDTH, int N>
VEL_GLOBAL void
__launch_bounds__ (THREADS, 4)
group_flash_kernel (const VEL_CONSTANT VelHeads h)
{
#if VEL_HAS_GROUPS
  constexpr unsigned TILE = ROWS * VEL_GROUP_K;
  VEL_SHARED (T, shared); /* queries, then twice keys and values */
  T *const tile_q = shared, *const tiles = shared + TILE;
  const unsigned first_row = blockIdx.x * ROWS, head = blockIdx.y % h.heads, picture = blockIdx.y / h.heads;
  const T *q = (const T *) h.q + (size_t) picture * h.rows * h.q_stride + head * h.head_dim;
  const T *k = (const T *) h.k + (size_t) picture * h.keys * h.k_stride + head * h.head_dim;
  const T *v = (const T *) h.v + (size_t) picture * h.keys * h.v_stride + head * h.head_dim;
  const unsigned my_row = first_row + threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4; /* and eight further on */
  const unsigned seen = h.causal && first_row + ROWS < h.keys ? first_row + ROWS : h.keys;
  const unsigned count = (seen + ROWS - 1) / ROWS;
  float out[N / 2] = {};
  VelSoftmax softmax = { { -INFINITY, -INFINITY }, { 0, 0 } };

  load_tile<T, WIDTH> (tile_q, q, h.q_stride, first_row, h.rows, h.head_dim);
  load_tile<T, WIDTH> (tiles, k, h.k_stride, 0, h.keys, h.head_dim);
  load_tile<T, WIDTH> (tiles + TILE, v, h.v_stride, 0, h.keys, h.head_dim);
  copy_commit ();
  for (unsigned tile = 0; tile < count; tile++) {
    const T *keys = tiles + tile % 2 * 2 * TILE, *values = keys + TILE;
    float scores[ROWS / 2] = {}, rescale[2];

    copy_wait<0> ();
    group_publish ();
    __syncthreads (); /* this tile is there for all, and all are done with the one before */
    if (tile + 1 < count) {
      T *next = tiles + (tile + 1) % 2 * 2 * TILE;

      load_tile<T, WIDTH> (next, k, h.k_stride, (tile + 1) * ROWS, h.keys, h.head_dim);
      load_tile<T, WIDTH> (next + TILE, v, h.v_stride, (tile + 1) * ROWS, h.keys, h.head_dim);
    }
    copy_commit ();

    group_fence ();
    VEL_UNROLL
    for (int i = 0; i < WIDTH; i += 16)
      group_multiply<T, ROWS> (scores, tile_q + i, keys + i);
    group_commit ();
    group_wait<0> (scores);
    vel_attention_soften<ROWS> (h, softmax, scores, tile * ROWS, my_row, rescale);
    VEL_UNROLL
    for (int i = 0; i < N / 2; i++)
      out[i] *= rescale[i / 2 % 2];

    uint32_t probabilities[ROWS / 16][4];

    VEL_UNROLL
    for (int j = 0; j < ROWS / 16; j++)
      vel_attention_probabilities<T> (scores, j, probabilities[j]);
    group_fence ();
    VEL_UNROLL
    for (int j = 0; j < ROWS / 16; j++)
      group_multiply_turned<T, N> (out, probabilities[j], values + j * 16 * VEL_GROUP_K);
    group_commit ();
    group_wait<0> (out);
  }
  vel_attention_store<T> (h, softmax, out, picture, head, my_row);
#endif
}

template <typename T, int WIDTH, int N>
static void
launch (VelBackend *backend, const VelHeads &heads, size_t batch)
{
  dim3 grid ((unsigned) vel_divide_up (heads.rows, ROWS), (unsigned) (batch * heads.heads));

  VEL_LAUNCH ((group_flash_kernel<T, WIDTH, N>), grid, dim3 (THREADS), 5 * ROWS * VEL_GROUP_K * sizeof (T), backend->stream, heads);
}

bool
vel_group_attention (VelBackend *backend, VelType type, const VelHeads &heads, size_t batch)
{
  if (!backend->warpgroups || heads.head_dim > 64)
    return false;
  if (heads.head_dim == 40)
    type == VEL_F16 ? launch<f16, 48, 40> (backend, heads, batch) : launch<bf16, 48, 40> (backend, heads, batch);
  else
    type == VEL_F16 ? launch<f16, 64, 64> (backend, heads, batch) : launch<bf16, 64, 64> (backend, heads, batch);
  return true;
}
