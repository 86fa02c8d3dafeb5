/* The activations, in fp32; for numbers of 16 bits with the card's quick exponentials and divisions, whose errors their rounding swallows.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/cuda/dialect.cuh"
#include "kernels/kernels.h"

/* x / (1 + exp (-slope x)) */
template <typename T>
VEL_DEVICE float
vel_sigmoid_gated (float x, float slope)
{
  if constexpr (sizeof (T) == 2)
    return divide_fast (x, 1 + exp_fast (-slope * x));
  else
    return x / (1 + expf (-slope * x));
}

template <typename T>
VEL_DEVICE float
vel_silu (float x)
{
  return vel_sigmoid_gated<T> (x, 1);
}

/* x Phi(x). Where T is exact too: erfc keeps its digits where 1 + erf loses them. */
template <typename T>
VEL_DEVICE float
vel_gelu (float x)
{
  if constexpr (sizeof (T) == 2)
    return 0.5f * x * (1 + erff (0.70710678118654752f * x));
  else
    return 0.5f * x * erfcf (-0.70710678118654752f * x);
}

template <typename T>
VEL_DEVICE float
vel_activate (VelActivation activation, float x)
{
  switch (activation) {
  case VEL_ACTIVATION_SILU:
    return vel_silu<T> (x);
  case VEL_ACTIVATION_GELU:
    return vel_gelu<T> (x);
  case VEL_ACTIVATION_QUICK_GELU:
    return vel_sigmoid_gated<T> (x, 1.702f);
  default:
    return x;
  }
}
