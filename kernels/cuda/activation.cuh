/* The activations, in fp32.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/cuda/dialect.cuh"
#include "kernels/kernels.h"

static VEL_DEVICE float
vel_silu (float x)
{
  return x / (1 + expf (-x));
}

/* x Phi(x), exact: erfc keeps its digits where 1 + erf would lose them. */
static VEL_DEVICE float
vel_gelu (float x)
{
  return 0.5f * x * erfcf (-0.70710678118654752f * x);
}

static VEL_DEVICE float
vel_activate (VelActivation activation, float x)
{
  switch (activation) {
  case VEL_ACTIVATION_SILU:
    return vel_silu (x);
  case VEL_ACTIVATION_GELU:
    return vel_gelu (x);
  case VEL_ACTIVATION_QUICK_GELU:
    return x / (1 + expf (-1.702f * x));
  default:
    return x;
  }
}
