/* What touches one element at a time.  SPDX-License-Identifier: Apache-2.0 */
#include "kernels/reference/reference.h"

#include <math.h>

double
vel_reference_activation (VelActivation activation, double x)
{
  switch (activation) {
  case VEL_ACTIVATION_NONE:
    return x;
  case VEL_ACTIVATION_SILU:
    return x / (1 + exp (-x));
  case VEL_ACTIVATION_GELU:
    return x * 0.5 * erfc (-x * 0.70710678118654752440);
  case VEL_ACTIVATION_QUICK_GELU:
    return x / (1 + exp (-1.702 * x));
  case VEL_ACTIVATION_LEAKY: /* has slopes, which are not known here */
    break;
  }
  return x;
}

void
vel_reference_activate (VelBackend *backend, const VelActivateArgs *args)
{
  const float *x = args->x;
  float *out = args->out;

  for (size_t i = 0; i < args->count; i++)
    if (args->activation == VEL_ACTIVATION_LEAKY)
      out[i] = x[i] > 0 ? x[i] : x[i] * args->slopes[i % args->channels];
    else
      out[i] = (float) vel_reference_activation (args->activation, x[i]);
}

/* In fp32 and in order, as the contract says: programs compared with round here too. */
void
vel_reference_combine (VelBackend *backend, const VelCombineArgs *args)
{
  float *out = args->out;

  for (size_t i = 0; i < args->count; i++) {
    float sum = 0;

    for (unsigned term = 0; term < args->n; term++) {
      VelType type = args->types != NULL ? args->types[term] : VEL_F32;
      float product = (float) args->weights[term] * (float) vel_reference_load (args->terms[term], type, i);

      sum = term == 0 ? product : sum + product;
    }
    out[i] = sum;
  }
}

void
vel_reference_blend (VelBackend *backend, const VelBlendArgs *args)
{
  for (size_t i = 0; i < args->count; i++) {
    float product = args->x[i] * args->share[i];

    args->out[i] = product + args->rest[i];
  }
}

/* The frequencies and angles are rounded to fp32 where the reference programs round them: at timestep 999 an angle is known to
 * 3e-5 only, so anything more exact would differ from them. */
void
vel_reference_sinusoid (VelBackend *backend, const VelSinusoidArgs *args)
{
  size_t half = args->channels / 2;

  for (size_t i = 0; i < args->n; i++) {
    float *out = (float *) args->out + i * args->channels;

    if (args->channels % 2 == 1)
      out[args->channels - 1] = 0;
    for (size_t j = 0; j < half; j++) {
      float exponent = -9.210340371976184f * (float) j / (float) half;
      float frequency = (float) exp (exponent);
      float angle = args->timesteps[i] * frequency;

      out[j] = (float) cos (angle);
      out[half + j] = (float) sin (angle);
    }
  }
}
