/* From a VelType to a template's type.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <type_traits>

#include "kernels/cuda/dialect.cuh"
#include "kernels/kernels.h"

template <typename T> struct VelTyped {
  typedef T Is;
};

/* Calls body (VelTyped<float>) or that of f16 or bf16. */
template <typename Body>
static void
vel_by_type (VelType type, Body body)
{
  if (type == VEL_F16)
    body (VelTyped<f16> ());
  else if (type == VEL_BF16)
    body (VelTyped<bf16> ());
  else
    body (VelTyped<float> ());
}

static inline bool
vel_is_aligned (const void *memory)
{
  return (uintptr_t) memory % 16 == 0;
}
