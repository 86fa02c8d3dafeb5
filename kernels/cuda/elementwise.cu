/* Activations, weighted sums, timesteps as waves.  SPDX-License-Identifier: Apache-2.0 */
#include "kernels/cuda/activation.cuh"
#include "kernels/cuda/backend.cuh"
#include "kernels/cuda/by-type.cuh"

#include <math.h>

#define BLOCK 256
#define MAX_TERMS 8
#define MAX_TIMES 32 /* that travel with one launch */

template <typename T>
VEL_GLOBAL void
activate_kernel (const T *x, T *out, size_t count, VelActivation activation)
{
  size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x;

  if (i < count)
    out[i] = from_float<T> (vel_activate<T> (activation, to_float (x[i])));
}

template <typename T>
VEL_GLOBAL void
leaky_kernel (const T *x, T *out, size_t count, const float *slopes, size_t channels)
{
  size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x;
  float value;

  if (i >= count)
    return;
  value = to_float (x[i]);
  out[i] = from_float<T> (value > 0 ? value : value * slopes[i % channels]);
}

void
vel_cuda_activate (VelBackend *backend, const VelActivateArgs *args)
{
  dim3 grid ((unsigned) vel_divide_up (args->count, BLOCK));

  if (args->count > 0)
    vel_by_type (args->type, [=] (auto type) {
      typedef typename decltype (type)::Is T;

      if (args->activation == VEL_ACTIVATION_LEAKY)
        VEL_LAUNCH (leaky_kernel<T>, grid, dim3 (BLOCK), 0, backend->stream, (const T *) args->x, (T *) args->out, args->count,
                    args->slopes, args->channels);
      else
        VEL_LAUNCH (activate_kernel<T>, grid, dim3 (BLOCK), 0, backend->stream, (const T *) args->x, (T *) args->out, args->count,
                  args->activation);
    });
}

struct Terms {
  const void *data[MAX_TERMS];
  float weights[MAX_TERMS];
  VelType types[MAX_TERMS];
  unsigned n;
};

static VEL_DEVICE float
load_term (const Terms &terms, unsigned term, size_t i)
{
  const void *data = terms.data[term];

  return terms.types[term] == VEL_F32   ? ((const float *) data)[i]
         : terms.types[term] == VEL_F16 ? to_float (((const f16 *) data)[i])
                                        : to_float (((const bf16 *) data)[i]);
}

/* Each product and each sum is rounded, so that samplers give the same bits as on the processor. */
template <typename T>
VEL_GLOBAL void
combine_kernel (Terms terms, T *out, size_t count)
{
  size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x;
  float sum;

  if (i >= count)
    return;
  sum = multiply_rounded (terms.weights[0], load_term (terms, 0, i));
  VEL_UNROLL
  for (unsigned term = 1; term < MAX_TERMS; term++)
    if (term < terms.n)
      sum = add_rounded (sum, multiply_rounded (terms.weights[term], load_term (terms, term, i)));
  out[i] = from_float<T> (sum);
}

void
vel_cuda_combine (VelBackend *backend, const VelCombineArgs *args)
{
  dim3 grid ((unsigned) vel_divide_up (args->count, BLOCK));
  Terms terms = {};

  terms.n = args->n;
  for (unsigned i = 0; i < args->n; i++) {
    terms.data[i] = args->terms[i];
    terms.weights[i] = (float) args->weights[i];
    terms.types[i] = args->types != NULL ? args->types[i] : args->type;
  }
  if (args->count > 0)
    vel_by_type (args->type, [=] (auto type) {
      typedef typename decltype (type)::Is T;
      VEL_LAUNCH (combine_kernel<T>, grid, dim3 (BLOCK), 0, backend->stream, terms, (T *) args->out, args->count);
    });
}

VEL_GLOBAL void
blend_kernel (const float *x, const float *share, const float *rest, float *out, size_t count)
{
  size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x;

  if (i < count)
    out[i] = add_rounded (multiply_rounded (x[i], share[i]), rest[i]);
}

void
vel_cuda_blend (VelBackend *backend, const VelBlendArgs *args)
{
  dim3 grid ((unsigned) vel_divide_up (args->count, BLOCK));

  if (args->count > 0)
    VEL_LAUNCH (blend_kernel, grid, dim3 (BLOCK), 0, backend->stream, args->x, args->share, args->rest, args->out, args->count);
}

struct Times {
  float at[MAX_TIMES];
};

/* The frequency is rounded to fp32 and so is the angle, as the reference has it: at timestep 999 an angle is known to 3e-5 only. The waves
 * are computed in double, which costs nothing: it is done once a picture. */
template <typename T>
VEL_GLOBAL void
sinusoid_kernel (Times times, T *out, unsigned channels)
{
  unsigned half = channels / 2, j = blockIdx.x * blockDim.x + threadIdx.x;
  T *row = out + (size_t) blockIdx.y * channels;
  float exponent, angle;

  if (channels % 2 == 1 && j == 0)
    row[channels - 1] = from_float<T> (0);
  if (j >= half)
    return;
  exponent = multiply_rounded (-9.210340371976184f, (float) j) / (float) half;
  angle = multiply_rounded (times.at[blockIdx.y], (float) exp ((double) exponent));
  row[j] = from_float<T> ((float) cos ((double) angle));
  row[half + j] = from_float<T> ((float) sin ((double) angle));
}

void
vel_cuda_sinusoid (VelBackend *backend, const VelSinusoidArgs *args)
{
  dim3 block (128);
  unsigned blocks = (unsigned) vel_divide_up (args->channels / 2 + 1, 128);

  for (size_t first = 0; first < args->n; first += MAX_TIMES) {
    size_t count = args->n - first < MAX_TIMES ? args->n - first : MAX_TIMES;
    dim3 grid (blocks, (unsigned) count);
    Times times = {};

    for (size_t i = 0; i < count; i++)
      times.at[i] = args->timesteps[first + i];
    vel_by_type (args->type, [=] (auto type) {
      typedef typename decltype (type)::Is T;
      VEL_LAUNCH (sinusoid_kernel<T>, grid, block, 0, backend->stream, times, (T *) args->out + first * args->channels,
                  (unsigned) args->channels);
    });
  }
}
