/* What the files of the CUDA backend share.  SPDX-License-Identifier: Apache-2.0
 *
 * Every file here is compiled twice: by nvcc for cards, and by the host's C++ compiler with the emulator behind the dialect, where the
 * same sources run in tests. So they keep to dialect.cuh for what kernels do and to runtime.h for what a driver does. */
#pragma once

#include "kernels/cuda/dialect.cuh"
#include "kernels/cuda/runtime.h"
#include "kernels/kernels.h"

struct VelLt; /* cuBLASLt and what was tuned with it: lt.h */

struct VelBackend {
  VelRuntime *runtime;
  VelStream stream;
  VelDeviceInfo info;
  size_t shared_limit; /* bytes of shared memory that one block may have */
  bool warpgroups;     /* the card multiplies by warpgroups (warpgroup.cuh), and VELATURA_WARPGROUPS does not say 0 */
  VelLt *lt;           /* NULL: products are done by our own kernels */
  void *scratch;       /* vel_cuda_scratch */
  size_t scratch_bytes;
  void *retired[16];   /* scratch that recorded graphs may still use */
  unsigned n_retired, n_graphs;
  struct {
    void *memory;
    size_t bytes;
    const VelPacked *holds;
  } places[VEL_RUNTIME_PLACES]; /* of weights that lie outside */
  VelPacked *outside, *latest;  /* all of those, newest first; the one that was used last */
  bool spoiled;        /* a recording asked for more scratch than there was */
  size_t lacking;      /* bytes of scratch that could not be had */
  char description[192];
};

/* A weight on the card, in the type of the activations it meets.
 *   linear  [rows, in_padded]
 *   conv    [out, kernel, kernel, in_padded]
 * in_padded is `in` rounded up to 8, zeros behind the last channel, so that rows start at 16 bytes. A gated weight has its rows in
 * turns of eight: rows 0-7 of the values, their gates, rows 8-15 of the values, ..., so that a value and its gate meet in one thread;
 * half of the rows are rounded up to 8 and zeros fill the rest: rows = 2 * round_up (out, 8). */
struct VelPacked {
  VelType type;  /* VEL_F32, VEL_F16, VEL_BF16 */
  size_t out;    /* columns of the result */
  size_t rows;   /* as stored */
  size_t in, in_padded;
  size_t kernel; /* 0: linear, else 1 or 3 */
  bool gated;
  size_t bytes;
  void *data;
  bool outside;     /* data is in the host's memory */
  VelPacked *next;  /* of those outside, the one that followed the last time */
  VelPacked *older; /* of all outside */
};

/* Where row `row` of a weight as the file has it is stored. out: columns of the result */
static inline size_t
vel_cuda_stored_row (bool gated, size_t out, size_t row)
{
  size_t half = row < out ? row : row - out;

  return gated ? half / 8 * 16 + half % 8 + (row < out ? 0 : 8) : row;
}

static inline size_t
vel_divide_up (size_t a, size_t b)
{
  return (a + b - 1) / b;
}

static inline size_t
vel_round_up (size_t a, size_t b)
{
  return vel_divide_up (a, b) * b;
}

/* At least `bytes`, 256-byte aligned, contents lost at the next call; NULL if there is not enough, and the op then fills its result with
 * NaN (vel_cuda_give_up). Grows only outside of a recording; a recording that wants more is spoiled. */
void *vel_cuda_scratch (VelBackend *backend, size_t bytes);
/* An op has no way to fail, and nobody takes NaN for a picture. count: elements of `type` */
void vel_cuda_give_up (VelBackend *backend, VelType type, void *out, size_t count);

/* The weight with its data on the card, until the next but one is brought. here: where it stands if it had to be copied */
const VelPacked *vel_cuda_bring (VelBackend *backend, const VelPacked *packed, VelPacked *here); /* outside.cu */
/* Makes the places large enough for one more. Returns: false if memory is short */
bool vel_cuda_make_places (VelBackend *backend, size_t bytes);
/* Before a weight goes. */
void vel_cuda_forget (VelBackend *backend, const VelPacked *packed);
void vel_cuda_free_places (VelBackend *backend);

VelPacked *vel_cuda_pack_linear (VelBackend *backend, const VelPackLinear *args); /* pack.cu */
VelPacked *vel_cuda_pack_conv (VelBackend *backend, const VelPackConv *args);
VelPacked *vel_cuda_pack_like (VelBackend *backend, const VelPacked *original);
void vel_cuda_unpack (VelBackend *backend, VelPacked *packed);
size_t vel_cuda_packed_bytes (const VelPacked *packed);
void vel_cuda_merge (VelBackend *backend, const VelMergeArgs *args, size_t n); /* merge.cu */

void vel_cuda_linear (VelBackend *backend, const VelLinearArgs *args);         /* matmul.cu */
void vel_cuda_conv (VelBackend *backend, const VelConvArgs *args);             /* conv.cu */
void vel_cuda_attention (VelBackend *backend, const VelAttentionArgs *args);   /* attention.cu */
void vel_cuda_group_norm (VelBackend *backend, const VelGroupNormArgs *args);  /* norm.cu */
void vel_cuda_layer_norm (VelBackend *backend, const VelLayerNormArgs *args);
void vel_cuda_activate (VelBackend *backend, const VelActivateArgs *args);     /* elementwise.cu */
void vel_cuda_combine (VelBackend *backend, const VelCombineArgs *args);
void vel_cuda_blend (VelBackend *backend, const VelBlendArgs *args);
void vel_cuda_sinusoid (VelBackend *backend, const VelSinusoidArgs *args);
void vel_cuda_concat (VelBackend *backend, const VelConcatArgs *args);         /* layout.cu */
void vel_cuda_transpose (VelBackend *backend, const VelTransposeArgs *args);
void vel_cuda_rearrange (VelBackend *backend, const VelRearrangeArgs *args);
void vel_cuda_convert (VelBackend *backend, const VelConvertArgs *args);       /* cast.cu */
