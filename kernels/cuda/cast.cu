/* Between the types.  SPDX-License-Identifier: Apache-2.0 */
#include "kernels/cuda/backend.cuh"
#include "kernels/cuda/by-type.cuh"

/* A double is rounded to odd first, so that rounding once more is as if done in one go. */
static VEL_DEVICE float
narrow (double x)
{
  float nearest = (float) x;
  union {
    float number;
    uint32_t bits;
  } value = { nearest };

  if ((double) nearest == x || x != x || (value.bits & 1))
    return nearest;
  if (((double) nearest > x) == (x > 0))
    value.bits--;
  value.bits |= 1;
  return value.number;
}

template <typename From, typename To>
VEL_GLOBAL void
convert_kernel (const From *__restrict__ x, To *out, size_t count)
{
  size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x;

  if (i >= count)
    return;
  if constexpr (std::is_same<From, double>::value && std::is_same<To, double>::value)
    out[i] = x[i];
  else if constexpr (std::is_same<From, double>::value && std::is_same<To, float>::value)
    out[i] = (float) x[i];
  else if constexpr (std::is_same<From, double>::value)
    out[i] = from_float<To> (narrow (x[i]));
  else if constexpr (std::is_same<To, double>::value)
    out[i] = to_float (x[i]);
  else
    out[i] = from_float<To> (to_float (x[i]));
}

template <typename From>
static void
convert_from (VelBackend *backend, const VelConvertArgs *args)
{
  dim3 grid ((unsigned) vel_divide_up (args->count, 256));
  const From *x = (const From *) args->x;

  if (args->to == VEL_F64)
    VEL_LAUNCH ((convert_kernel<From, double>), grid, dim3 (256), 0, backend->stream, x, (double *) args->out, args->count);
  else if (args->to == VEL_F32)
    VEL_LAUNCH ((convert_kernel<From, float>), grid, dim3 (256), 0, backend->stream, x, (float *) args->out, args->count);
  else if (args->to == VEL_F16)
    VEL_LAUNCH ((convert_kernel<From, f16>), grid, dim3 (256), 0, backend->stream, x, (f16 *) args->out, args->count);
  else
    VEL_LAUNCH ((convert_kernel<From, bf16>), grid, dim3 (256), 0, backend->stream, x, (bf16 *) args->out, args->count);
}

void
vel_cuda_convert (VelBackend *backend, const VelConvertArgs *args)
{
  if (args->count == 0)
    return;
  if (args->from == VEL_F64)
    convert_from<double> (backend, args);
  else
    vel_by_type (args->from, [=] (auto type) { convert_from<typename decltype (type)::Is> (backend, args); });
}
