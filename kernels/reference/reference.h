/* The reference ops, one function per member of VelKernels.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/kernels.h"

/* The plain backend has nothing but its name; the plain weight is fp32 in the order of the file. */
struct VelBackend {
  char description[64];
};

struct VelPacked {
  size_t out, in, taps; /* taps: kernel * kernel */
  bool gated;
  float *values; /* [out, in, kernel, kernel] */
};

void vel_reference_linear (VelBackend *backend, const VelLinearArgs *args);
void vel_reference_conv (VelBackend *backend, const VelConvArgs *args);
void vel_reference_attention (VelBackend *backend, const VelAttentionArgs *args);
void vel_reference_group_norm (VelBackend *backend, const VelGroupNormArgs *args);
void vel_reference_layer_norm (VelBackend *backend, const VelLayerNormArgs *args);
void vel_reference_activate (VelBackend *backend, const VelActivateArgs *args);
void vel_reference_combine (VelBackend *backend, const VelCombineArgs *args);
void vel_reference_blend (VelBackend *backend, const VelBlendArgs *args);
void vel_reference_concat (VelBackend *backend, const VelConcatArgs *args);
void vel_reference_sinusoid (VelBackend *backend, const VelSinusoidArgs *args);
void vel_reference_transpose (VelBackend *backend, const VelTransposeArgs *args);
/* Channel c of a pixel of two inputs that lie side by side. */
static inline float
vel_reference_two (const void *x, const void *x2, size_t first, size_t second, size_t pixel, size_t c)
{
  return c < first ? ((const float *) x)[pixel * first + c] : ((const float *) x2)[pixel * second + c - first];
}

void vel_reference_rearrange (VelBackend *backend, const VelRearrangeArgs *args);
void vel_reference_merge (VelBackend *backend, const VelMergeArgs *args, size_t n);
void vel_reference_convert (VelBackend *backend, const VelConvertArgs *args);

double vel_reference_activation (VelActivation activation, double x);
/* Element `index` of `count` numbers of a floating type, exactly. */
double vel_reference_load (const void *data, VelType type, size_t index);
