/* The ops of the instruction set this file is compiled for.  SPDX-License-Identifier: Apache-2.0 */
#include "kernels/cpu/isa.h"

const VelIsa vel_isa_table = {
#ifdef __AVX2__
  .name = "avx2",
  .label = "AVX2",
#else
  .name = "portable",
  .label = "portable",
#endif
  .linear = vel_isa_linear,
  .conv = vel_isa_conv,
  .attention = vel_isa_attention,
  .group_norm = vel_isa_group_norm,
  .layer_norm = vel_isa_layer_norm,
  .activate = vel_isa_activate,
  .combine = vel_isa_combine,
  .blend = vel_isa_blend,
  .convert = vel_isa_convert,
  .merge = vel_isa_merge,
  .multiply_registers = vel_isa_multiply_registers,
};
