/* What the two kernels of one-pass attention share: the softmax so far and the end (Dao et al. 2022, FlashAttention).
 * SPDX-License-Identifier: Apache-2.0
 *
 * A thread has two rows of a tile of scores or of the result, lane / 4 and eight further on, and of each eight columns the two from
 * 2 (lane % 4): numbers 4 j + 2 row + column for the j-th eight. */
#pragma once

#include "kernels/cuda/backend.cuh"

#include <math.h>

struct VelHeads {
  const void *q, *k, *v;
  void *out;
  size_t q_stride, k_stride, v_stride, out_stride;
  unsigned rows, keys, heads, head_dim;
  float scale; /* above 0; with log2 (e): exponentials are powers of two */
  bool causal;
};

/* Of the rows so far: the highest score, and the sum of this thread's powers. */
struct VelSoftmax {
  float highest[2], total[2];
};

/* Scores of KEYS keys from `first_key` become powers of two of their distance to the highest of the row so far; rescale: what that makes of
 * everything before. row: of the first of this thread's two */
template <int KEYS>
VEL_DEVICE void
vel_attention_soften (const VelHeads &h, VelSoftmax &softmax, float (&scores)[KEYS / 2], unsigned first_key, unsigned row, float rescale[2])
{
  if (h.causal || first_key + KEYS > h.keys)
    VEL_UNROLL
    for (int j = 0; j < KEYS / 8; j++)
      VEL_UNROLL
      for (int i = 0; i < 4; i++) {
        unsigned key = first_key + j * 8 + threadIdx.x % 4 * 2 + i % 2;

        if (key >= h.keys || (h.causal && key > row + i / 2 * 8))
          scores[4 * j + i] = -INFINITY;
      }
  VEL_UNROLL
  for (int half = 0; half < 2; half++) {
    float best = softmax.highest[half], scaled;

    VEL_UNROLL
    for (int j = 0; j < KEYS / 8; j++)
      best = fmaxf (best, fmaxf (scores[4 * j + 2 * half], scores[4 * j + 2 * half + 1]));
    best = fmaxf (best, shuffle_xor (best, 1));
    best = fmaxf (best, shuffle_xor (best, 2));
    scaled = best * h.scale;
    rescale[half] = exp2_fast (softmax.highest[half] * h.scale - scaled);
    softmax.highest[half] = best;
    softmax.total[half] *= rescale[half];
    VEL_UNROLL
    for (int j = 0; j < KEYS / 8; j++)
      VEL_UNROLL
      for (int i = 2 * half; i < 2 * half + 2; i++) {
        scores[4 * j + i] = exp2_fast (fmaf (scores[4 * j + i], h.scale, -scaled));
        softmax.total[half] += scores[4 * j + i];
      }
  }
}

/* The j-th sixteen keys of a row as the first factor of the next product. */
template <typename T, int N>
VEL_DEVICE void
vel_attention_probabilities (const float (&scores)[N], int j, uint32_t probabilities[4])
{
  VEL_UNROLL
  for (int i = 0; i < 4; i++)
    probabilities[i] = pack2<T> (scores[8 * j + 2 * i], scores[8 * j + 2 * i + 1]);
}

template <typename T, int N>
VEL_DEVICE void
vel_attention_store (const VelHeads &h, VelSoftmax &softmax, const float (&out)[N], unsigned picture, unsigned head, unsigned first_row)
{
  VEL_UNROLL
  for (int half = 0; half < 2; half++) {
    unsigned row = first_row + 8 * half;
    T *to = (T *) h.out + ((size_t) picture * h.rows + row) * h.out_stride + head * h.head_dim;
    float total = softmax.total[half];

    total += shuffle_xor (total, 1);
    total += shuffle_xor (total, 2);
    if (row >= h.rows)
      continue;
    VEL_UNROLL
    for (int j = 0; j < N / 4; j++) {
      unsigned c = j * 8 + threadIdx.x % 4 * 2;
      float first = out[4 * j + 2 * half] / total, second = out[4 * j + 2 * half + 1] / total;

      if (c + 1 < h.head_dim && h.head_dim % 2 == 0)
        *(uint32_t *) (to + c) = pack2<T> (first, second);
      else if (c < h.head_dim) {
        to[c] = from_float<T> (first);
        if (c + 1 < h.head_dim)
          to[c + 1] = from_float<T> (second);
      }
    }
  }
}

/* By warpgroups. Returns: false if they can not do this one */
bool vel_group_attention (VelBackend *backend, VelType type, const VelHeads &heads, size_t batch); /* group-attention.cu */
