/* Attention: one pass over keys and values where the head is narrow (Dao et al. 2022, FlashAttention), else scores, softmax and a second
 * product in turn.  SPDX-License-Identifier: Apache-2.0
 *
 * The one pass: a block of four warps has 64 rows of queries, 16 a warp, in registers; tiles of keys and values come through shared memory,
 * two deep. Scores never leave the registers: what the first product leaves in a thread is what the second one wants there. */
#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/product.cuh"

#define ROWS 64      /* queries of a block */
#define THREADS 128  /* of a block */
#define WIDEST 160   /* head of the one pass */
/* Of scores at a time, otherwise; and the share of the card's memory that may be. */
#define LEAST_SCRATCH ((size_t) 96 << 20)
#define MOST_SCRATCH ((size_t) 768 << 20)
#define SCRATCH_SHARE 64

/* Rows `first`.. of one head into a tile of `count` rows of WIDTH + 8 numbers (the eight keep rows apart in the banks), zeros elsewhere. */
template <typename T, int WIDTH, bool ALIGNED>
VEL_DEVICE void
load_rows (T *tile, unsigned count, const T *from, size_t stride, unsigned first, unsigned end, unsigned head_dim)
{
  for (unsigned i = threadIdx.x; i < count * (WIDTH / 8); i += THREADS) {
    unsigned row = i / (WIDTH / 8), c = i % (WIDTH / 8) * 8;
    bool inside = first + row < end && c < head_dim;
    T *to = tile + row * (WIDTH + 8) + c;
    const T *at = from + (size_t) (inside ? first + row : 0) * stride + (inside ? c : 0);

    if constexpr (ALIGNED)
      copy16_async (to, at, inside);
    else {
      union {
        vec4 whole;
        T parts[8];
      } piece;

      VEL_UNROLL
      for (int k = 0; k < 8; k++)
        piece.parts[k] = inside && c + k < head_dim ? at[k] : from_float<T> (0);
      *(vec4 *) to = piece.whole;
    }
  }
}

template <typename T, int WIDTH, int KEYS, bool ALIGNED>
VEL_GLOBAL void
__launch_bounds__ (THREADS)
flash_kernel (VelHeads h)
{
  constexpr unsigned STRIDE = WIDTH + 8, TILE = KEYS * STRIDE;
  VEL_SHARED (T, shared); /* keys [2, KEYS, STRIDE], values likewise; before that the queries [ROWS, STRIDE] */
  T *const tiles_k = shared, *const tiles_v = shared + 2 * TILE;
  const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, first_row = blockIdx.x * ROWS;
  const unsigned head = blockIdx.y % h.heads, picture = blockIdx.y / h.heads;
  const T *q = (const T *) h.q + (size_t) picture * h.rows * h.q_stride + head * h.head_dim;
  const T *k = (const T *) h.k + (size_t) picture * h.keys * h.k_stride + head * h.head_dim;
  const T *v = (const T *) h.v + (size_t) picture * h.keys * h.v_stride + head * h.head_dim;
  const unsigned my_row = first_row + warp * 16 + lane / 4; /* and eight further on */
  const unsigned seen = h.causal && first_row + ROWS < h.keys ? first_row + ROWS : h.keys;
  const unsigned tiles = (seen + KEYS - 1) / KEYS;
  uint32_t queries[WIDTH / 16][4];
  float out[WIDTH / 2] = {};
  VelSoftmax softmax = { { -INFINITY, -INFINITY }, { 0, 0 } };

  load_rows<T, WIDTH, ALIGNED> (shared, ROWS, q, h.q_stride, first_row, h.rows, h.head_dim);
  copy_commit ();
  copy_wait<0> ();
  __syncthreads ();
  VEL_UNROLL
  for (int i = 0; i < WIDTH / 16; i++)
    load_matrix_x4 (queries[i], shared + (warp * 16 + lane % 16) * STRIDE + i * 16 + lane / 16 * 8);
  __syncthreads (); /* the keys come where the queries were */

  load_rows<T, WIDTH, ALIGNED> (tiles_k, KEYS, k, h.k_stride, 0, h.keys, h.head_dim);
  load_rows<T, WIDTH, ALIGNED> (tiles_v, KEYS, v, h.v_stride, 0, h.keys, h.head_dim);
  copy_commit ();
  for (unsigned tile = 0; tile < tiles; tile++) {
    const T *tile_k = tiles_k + tile % 2 * TILE, *tile_v = tiles_v + tile % 2 * TILE;
    float scores[KEYS / 2] = {}, rescale[2];

    if (tile + 1 < tiles) {
      load_rows<T, WIDTH, ALIGNED> (tiles_k + (tile + 1) % 2 * TILE, KEYS, k, h.k_stride, (tile + 1) * KEYS, h.keys, h.head_dim);
      load_rows<T, WIDTH, ALIGNED> (tiles_v + (tile + 1) % 2 * TILE, KEYS, v, h.v_stride, (tile + 1) * KEYS, h.keys, h.head_dim);
    }
    copy_commit ();
    copy_wait<1> ();
    __syncthreads ();

    /* scores = queries keys^T */
    VEL_UNROLL
    for (int i = 0; i < WIDTH / 16; i++)
      VEL_UNROLL
      for (int j = 0; j < KEYS / 16; j++) {
        uint32_t part[4];

        load_matrix_x4 (part, tile_k + (j * 16 + lane % 8 + lane / 16 * 8) * STRIDE + i * 16 + lane / 8 % 2 * 8);
        multiply_16x8x16<T> (scores + 8 * j, queries[i], part);
        multiply_16x8x16<T> (scores + 8 * j + 4, queries[i], part + 2);
      }

    vel_attention_soften<KEYS> (h, softmax, scores, tile * KEYS, my_row, rescale);
    VEL_UNROLL
    for (int i = 0; i < WIDTH / 2; i++)
      out[i] *= rescale[i / 2 % 2];

    /* out += probabilities values */
    VEL_UNROLL
    for (int j = 0; j < KEYS / 16; j++) {
      uint32_t probabilities[4];

      vel_attention_probabilities<T> (scores, j, probabilities);
      VEL_UNROLL
      for (int i = 0; i < WIDTH / 16; i++) {
        uint32_t part[4];

        load_matrix_x4_transposed (part, tile_v + (j * 16 + lane % 16) * STRIDE + i * 16 + lane / 16 * 8);
        multiply_16x8x16<T> (out + 8 * i, probabilities, part);
        multiply_16x8x16<T> (out + 8 * i + 4, probabilities, part + 2);
      }
    }
    __syncthreads (); /* before the next but one tile comes here */
  }

  vel_attention_store<T> (h, softmax, out, picture, head, my_row);
}

template <typename T, int WIDTH, int KEYS>
static void
flash (VelBackend *backend, const VelHeads &heads, size_t batch, bool aligned)
{
  dim3 grid ((unsigned) vel_divide_up (heads.rows, ROWS), (unsigned) (batch * heads.heads));
  size_t rows = 4 * KEYS > ROWS ? 4 * KEYS : ROWS, shared = rows * (WIDTH + 8) * sizeof (T);

  if (aligned)
    VEL_LAUNCH ((flash_kernel<T, WIDTH, KEYS, true>), grid, dim3 (THREADS), shared, backend->stream, heads);
  else
    VEL_LAUNCH ((flash_kernel<T, WIDTH, KEYS, false>), grid, dim3 (THREADS), shared, backend->stream, heads);
}

/* The narrowest kernel that a head fits into. */
template <typename T>
static void
flash_any (VelBackend *backend, const VelHeads &heads, size_t batch, bool aligned)
{
  if (heads.head_dim <= 32)
    flash<T, 32, 64> (backend, heads, batch, aligned);
  else if (heads.head_dim <= 48)
    flash<T, 48, 64> (backend, heads, batch, aligned);
  else if (heads.head_dim <= 64)
    flash<T, 64, 64> (backend, heads, batch, aligned);
  else if (heads.head_dim <= 80)
    flash<T, 80, 64> (backend, heads, batch, aligned);
  else if (heads.head_dim <= 128)
    flash<T, 128, 32> (backend, heads, batch, aligned);
  else
    flash<T, 160, 32> (backend, heads, batch, aligned);
}

/* [keys, head] to [head, padded keys], zeros behind. */
template <typename T>
VEL_GLOBAL void
turn_values_kernel (const T *__restrict__ v, T *out, size_t stride, unsigned keys, unsigned padded, unsigned head_dim)
{
  size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x;
  unsigned c = (unsigned) (i / padded), key = (unsigned) (i % padded);

  if (c < head_dim)
    out[i] = key < keys ? v[key * stride + c] : from_float<T> (0);
}

/* Rows that do not start at 16 bytes, side by side where they do, zeros behind. */
template <typename T>
VEL_GLOBAL void
gather_keys_kernel (const T *__restrict__ k, T *out, size_t stride, unsigned keys, unsigned head_dim, unsigned padded)
{
  size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x;
  unsigned key = (unsigned) (i / padded), c = (unsigned) (i % padded);

  if (key < keys)
    out[i] = c < head_dim ? k[key * stride + c] : from_float<T> (0);
}

/* A warp for a row: [rows, keys] scores to [rows, padded keys] probabilities, zeros behind. */
template <typename T>
VEL_GLOBAL void
softmax_kernel (const float *__restrict__ scores, T *out, unsigned rows, unsigned keys, unsigned padded, unsigned first_row, float scale,
                bool causal)
{
  unsigned row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
  unsigned seen = causal && first_row + row + 1 < keys ? first_row + row + 1 : keys;
  const float *from = scores + (size_t) row * keys;
  T *to = out + (size_t) row * padded;
  float best = -INFINITY, total = 0;

  if (row >= rows) /* the whole warp */
    return;
  for (unsigned i = lane; i < seen; i += 32)
    best = fmaxf (best, from[i] * scale);
  VEL_UNROLL
  for (int mask = 16; mask > 0; mask /= 2)
    best = fmaxf (best, shuffle_xor (best, mask));
  for (unsigned i = lane; i < seen; i += 32)
    total += expf (from[i] * scale - best);
  VEL_UNROLL
  for (int mask = 16; mask > 0; mask /= 2)
    total += shuffle_xor (total, mask);
  for (unsigned i = lane; i < padded; i += 32)
    to[i] = from_float<T> (i < seen ? expf (from[i] * scale - best) / total : 0);
}

static VelProduct
plain_product (size_t rows, size_t columns, size_t k)
{
  VelProduct p = {};

  p.m = (unsigned) rows;
  p.n = p.out_columns = (unsigned) columns;
  p.first = p.in_padded = (unsigned) k;
  p.height = p.up_height = p.out_height = 1;
  p.width = p.up_width = p.out_width = (int) rows;
  p.kernel = p.stride = 1;
  return p;
}

/* One head of one picture in three steps, some rows at a time. */
template <typename T>
static void
three_steps (VelBackend *backend, const VelAttentionArgs *args, const T *q, const T *k, const T *v, T *out)
{
  bool gather = sizeof (T) == 2 && (args->k_stride % 8 != 0 || !vel_is_aligned (k) || args->head_dim % 8 != 0);
  size_t padded = vel_round_up (args->keys, 8), wide = vel_round_up (args->head_dim, 8);
  size_t turned = vel_round_up (wide * padded * sizeof (T), 256), gathered = gather ? turned : 0;
  size_t row_bytes = args->keys * sizeof (float) + padded * sizeof (T) + 16;
  size_t share = backend->info.memory / SCRATCH_SHARE, room = share < LEAST_SCRATCH ? LEAST_SCRATCH : share > MOST_SCRATCH ? MOST_SCRATCH : share;
  size_t at_once = room / row_bytes, stride = args->heads * args->head_dim, score_bytes;
  char *scratch;
  float *scores;
  T *values, *keys, *probabilities;

  at_once = at_once < 64 ? 64 : at_once;
  at_once = at_once < args->rows ? at_once : args->rows;
  score_bytes = vel_round_up (at_once * args->keys * sizeof (float), 256);
  scratch = (char *) vel_cuda_scratch (backend, turned + gathered + score_bytes + at_once * padded * sizeof (T));
  if (scratch == NULL) {
    vel_cuda_give_up (backend, args->type, args->out, args->batch * args->rows * stride);
    return;
  }
  values = (T *) scratch;
  keys = (T *) (scratch + turned);
  scores = (float *) (scratch + turned + gathered);
  probabilities = (T *) (scratch + turned + gathered + score_bytes);
  if (gather)
    VEL_LAUNCH (gather_keys_kernel<T>, dim3 ((unsigned) vel_divide_up (args->keys * wide, 256)), dim3 (256), 0, backend->stream, k, keys,
                args->k_stride, (unsigned) args->keys, (unsigned) args->head_dim, (unsigned) wide);
  VEL_LAUNCH (turn_values_kernel<T>, dim3 ((unsigned) vel_divide_up (args->head_dim * padded, 256)), dim3 (256), 0, backend->stream, v,
              values, args->v_stride, (unsigned) args->keys, (unsigned) padded, (unsigned) args->head_dim);
  for (size_t first = 0; first < args->rows; first += at_once) {
    size_t count = args->rows - first < at_once ? args->rows - first : at_once;
    VelProduct p = plain_product (count, args->keys, args->head_dim);

    p.x = q + first * args->q_stride;
    p.x_stride = args->q_stride;
    p.weight = gather ? keys : k;
    p.weight_stride = gather ? wide : args->k_stride;
    p.in_padded = (unsigned) (gather ? wide : args->head_dim);
    p.partial = scores;
    p.sums = true;
    vel_product_run (backend, args->type, p);
    VEL_LAUNCH (softmax_kernel<T>, dim3 ((unsigned) vel_divide_up (count, 4)), dim3 (128), 0, backend->stream, scores, probabilities,
                (unsigned) count, (unsigned) args->keys, (unsigned) padded, (unsigned) first, (float) args->scale, args->causal);
    p = plain_product (count, args->head_dim, padded);
    p.x = probabilities;
    p.x_stride = p.weight_stride = padded;
    p.weight = values;
    p.out = out + first * stride;
    p.out_stride = stride;
    p.whole = true;
    vel_product_run (backend, args->type, p);
  }
}

void
vel_cuda_attention (VelBackend *backend, const VelAttentionArgs *args)
{
  size_t size = vel_type_size (args->type), stride = args->heads * args->head_dim;
  bool aligned = args->head_dim % 8 == 0 && args->q_stride % 8 == 0 && args->k_stride % 8 == 0 && args->v_stride % 8 == 0
                 && vel_is_aligned (args->q) && vel_is_aligned (args->k) && vel_is_aligned (args->v);
  VelHeads heads = { args->q, args->k, args->v, args->out, args->q_stride, args->k_stride, args->v_stride, stride, (unsigned) args->rows,
                  (unsigned) args->keys, (unsigned) args->heads, (unsigned) args->head_dim,
                  (float) (args->scale * 1.44269504088896341), args->causal };

  if (args->batch * args->rows * args->keys * stride == 0)
    return;
  if (args->type != VEL_F32 && args->head_dim <= WIDEST && args->scale > 0) {
    if (aligned && vel_group_attention (backend, args->type, heads, args->batch))
      return;
    args->type == VEL_F16 ? flash_any<f16> (backend, heads, args->batch, aligned) : flash_any<bf16> (backend, heads, args->batch, aligned);
  } else
    for (size_t i = 0; i < args->batch * args->heads; i++) {
      size_t picture = i / args->heads, column = i % args->heads * args->head_dim;
      const char *q = (const char *) args->q + (picture * args->rows * args->q_stride + column) * size;
      const char *k = (const char *) args->k + (picture * args->keys * args->k_stride + column) * size;
      const char *v = (const char *) args->v + (picture * args->keys * args->v_stride + column) * size;
      char *out = (char *) args->out + (picture * args->rows * stride + column) * size;

      vel_by_type (args->type, [=] (auto type) {
        typedef typename decltype (type)::Is T;
        three_steps<T> (backend, args, (const T *) q, (const T *) k, (const T *) v, (T *) out);
      });
    }
}
