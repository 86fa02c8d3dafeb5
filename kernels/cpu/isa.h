/* One source, several instruction sets: the files that include this are compiled once for each, under names of its own.
 * SPDX-License-Identifier: Apache-2.0
 *
 * VEL_ISA is set by the build: portable or avx2. */
#pragma once

#include "kernels/cpu/backend.h"

#define VEL_JOIN_(a, b) a##_##b
#define VEL_JOIN(a, b) VEL_JOIN_ (a, b)

#define vel_isa_table VEL_JOIN (vel_isa, VEL_ISA)
#define vel_isa_linear VEL_JOIN (vel_isa_linear, VEL_ISA)
#define vel_isa_conv VEL_JOIN (vel_isa_conv, VEL_ISA)
#define vel_winograd_side VEL_JOIN (vel_winograd_side, VEL_ISA)
#define vel_isa_winograd VEL_JOIN (vel_isa_winograd, VEL_ISA)
#define vel_isa_attention VEL_JOIN (vel_isa_attention, VEL_ISA)
#define vel_isa_group_norm VEL_JOIN (vel_isa_group_norm, VEL_ISA)
#define vel_isa_layer_norm VEL_JOIN (vel_isa_layer_norm, VEL_ISA)
#define vel_isa_activate VEL_JOIN (vel_isa_activate, VEL_ISA)
#define vel_isa_combine VEL_JOIN (vel_isa_combine, VEL_ISA)
#define vel_isa_blend VEL_JOIN (vel_isa_blend, VEL_ISA)
#define vel_isa_convert VEL_JOIN (vel_isa_convert, VEL_ISA)
#define vel_isa_merge VEL_JOIN (vel_isa_merge, VEL_ISA)
#define vel_isa_multiply_registers VEL_JOIN (vel_isa_multiply_registers, VEL_ISA)
#define vel_isa_micro VEL_JOIN (vel_isa_micro, VEL_ISA)
#define vel_isa_micro_half VEL_JOIN (vel_isa_micro_half, VEL_ISA)
#define vel_isa_expand VEL_JOIN (vel_isa_expand, VEL_ISA)
#define vel_isa_product VEL_JOIN (vel_isa_product, VEL_ISA)

void vel_isa_linear (VelBackend *backend, const VelLinearArgs *args);
void vel_isa_conv (VelBackend *backend, const VelConvArgs *args);
void vel_isa_attention (VelBackend *backend, const VelAttentionArgs *args);
void vel_isa_group_norm (VelBackend *backend, const VelGroupNormArgs *args);
void vel_isa_layer_norm (VelBackend *backend, const VelLayerNormArgs *args);
void vel_isa_activate (VelBackend *backend, const VelActivateArgs *args);
void vel_isa_combine (VelBackend *backend, const VelCombineArgs *args);
void vel_isa_blend (VelBackend *backend, const VelBlendArgs *args);
void vel_isa_convert (VelBackend *backend, const VelConvertArgs *args);
void vel_isa_merge (VelBackend *backend, const VelMergeArgs *args, size_t n);
void vel_isa_multiply_registers (void *data, size_t task, unsigned thread);
