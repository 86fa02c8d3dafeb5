/* What the files of the processor backend share.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>

#include "kernels/cpu/pool.h"
#include "kernels/kernels.h"

#define VEL_PANEL 16 /* output channels that lie side by side in a packed weight */

/* The ops as one instruction set does them. The files that hold them are compiled once for each. */
typedef struct {
  const char *name;  /* as in VelBackendOptions */
  const char *label; /* for people */
  void (*linear) (VelBackend *backend, const VelLinearArgs *args);
  void (*conv) (VelBackend *backend, const VelConvArgs *args);
  void (*attention) (VelBackend *backend, const VelAttentionArgs *args);
  void (*group_norm) (VelBackend *backend, const VelGroupNormArgs *args);
  void (*layer_norm) (VelBackend *backend, const VelLayerNormArgs *args);
  void (*activate) (VelBackend *backend, const VelActivateArgs *args);
  void (*combine) (VelBackend *backend, const VelCombineArgs *args);
  void (*blend) (VelBackend *backend, const VelBlendArgs *args);
  void (*convert) (VelBackend *backend, const VelConvertArgs *args);
  void (*merge) (VelBackend *backend, const VelMergeArgs *args, size_t n);
  VelTask multiply_registers; /* data: size_t, steps of 160 operations */
} VelIsa;

extern const VelIsa vel_isa_portable, vel_isa_avx2;

struct VelBackend {
  const VelIsa *isa;
  VelPool *pool;
  unsigned threads;
  char description[64];
  void *shared; /* scratch that all threads read */
  size_t shared_bytes;
  void **own; /* [threads], scratch of each */
  size_t own_bytes;
  float *zeros; /* what lies around a picture */
  size_t zero_count;
  size_t limit;        /* bytes that are said to be enough; 0: what the system has */
  atomic_size_t held;  /* bytes that were given out */
  size_t lacking;      /* of scratch; see VelKernels */
};

/* Panels of VEL_PANEL output channels, each [taps, in, VEL_PANEL], zeros behind the last channel. Numbers stay in the type of the
 * file. A gated weight has VEL_PANEL / 2 values and their gates in each panel, so that both meet in one store. */
struct VelPacked {
  size_t out, in, taps; /* out: columns of the result; taps: kernel * kernel */
  size_t panels;
  VelType type;
  bool gated;
  size_t bytes;
  void *data;
};

/* 64-byte aligned, large pages where the system gives them. NULL if there is not enough. */
void *vel_cpu_alloc (VelBackend *backend, size_t bytes);
void vel_cpu_free (VelBackend *backend, void *memory);
/* See VelKernels: what the system has, or what is left of the limit. Ops are not kept from going beyond that; it is for planning. */
void vel_cpu_memory (VelBackend *backend, size_t *free_bytes, size_t *total_bytes);
size_t vel_cpu_lacking (VelBackend *backend);

/* Scratch that grows to the largest call. False or NULL if there is not enough memory, which is remembered; the op then calls
 * vel_cpu_give_up. */
void *vel_cpu_shared_scratch (VelBackend *backend, size_t bytes);
bool vel_cpu_own_scratch (VelBackend *backend, size_t bytes);
/* Returns: at least `count` zeros, not to be written; or NULL. */
const float *vel_cpu_zeros (VelBackend *backend, size_t count);
/* Fills a result with NaN: an op has no way to fail, and nobody takes this for a picture. */
void vel_cpu_give_up (float *out, size_t count);

VelPacked *vel_cpu_pack_linear (VelBackend *backend, const VelPackLinear *args);
VelPacked *vel_cpu_pack_conv (VelBackend *backend, const VelPackConv *args);
VelPacked *vel_cpu_pack_like (VelBackend *backend, const VelPacked *original); /* in fp32 */
void vel_cpu_unpack (VelBackend *backend, VelPacked *packed);
size_t vel_cpu_packed_bytes (const VelPacked *packed);

void vel_cpu_concat (VelBackend *backend, const VelConcatArgs *args);
void vel_cpu_sinusoid (VelBackend *backend, const VelSinusoidArgs *args);
void vel_cpu_transpose (VelBackend *backend, const VelTransposeArgs *args);
void vel_cpu_rearrange (VelBackend *backend, const VelRearrangeArgs *args);

static inline size_t
vel_min (size_t a, size_t b)
{
  return a < b ? a : b;
}

static inline size_t
vel_divide_up (size_t a, size_t b)
{
  return a / b + (a % b != 0);
}
