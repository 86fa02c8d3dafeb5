/* Between the floating types.  SPDX-License-Identifier: Apache-2.0 */
#include "kernels/cpu/isa.h"
#include "kernels/cpu/vector.h"

#define CHUNK 16384

VEL_INLINE void
store_half8 (uint16_t *to, V8 value)
{
#ifdef __F16C__
  _mm_storeu_si128 ((__m128i *) to, _mm256_cvtps_ph ((__m256) value, _MM_FROUND_TO_NEAREST_INT));
#else
  for (unsigned i = 0; i < 8; i++)
    to[i] = vel_half_from_float (value[i]);
#endif
}

VEL_INLINE void
store_bfloat8 (uint16_t *to, V8 value)
{
  for (unsigned i = 0; i < 8; i++)
    to[i] = vel_bfloat_from_float (value[i]);
}

/* All but the double ones. */
static void
convert_eights (const VelConvertArgs *args, size_t i, size_t end)
{
  for (; i + 8 <= end; i += 8) {
    V8 value = load_typed8 (args->x, args->from, i);

    if (args->to == VEL_F16)
      store_half8 ((uint16_t *) args->out + i, value);
    else if (args->to == VEL_BF16)
      store_bfloat8 ((uint16_t *) args->out + i, value);
    else
      store8 ((float *) args->out + i, value);
  }
}

static double
load_one (const VelConvertArgs *args, size_t i)
{
  switch (args->from) {
  case VEL_F64:
    return ((const double *) args->x)[i];
  case VEL_F16:
    return (double) vel_half_to_float (((const uint16_t *) args->x)[i]);
  case VEL_BF16:
    return (double) vel_bfloat_to_float (((const uint16_t *) args->x)[i]);
  default:
    return (double) ((const float *) args->x)[i];
  }
}

static void
store_one (const VelConvertArgs *args, size_t i, double value)
{
  switch (args->to) {
  case VEL_F64:
    ((double *) args->out)[i] = value;
    break;
  case VEL_F16:
    ((uint16_t *) args->out)[i] = vel_half_from_float (vel_float_round_to_odd (value));
    break;
  case VEL_BF16:
    ((uint16_t *) args->out)[i] = vel_bfloat_from_float (vel_float_round_to_odd (value));
    break;
  default:
    ((float *) args->out)[i] = (float) value;
    break;
  }
}

static void
convert_task (void *data, size_t task, unsigned thread)
{
  const VelConvertArgs *args = data;
  size_t i = task * CHUNK, end = vel_min (i + CHUNK, args->count);

  if (args->from != VEL_F64 && args->to != VEL_F64) {
    convert_eights (args, i, end);
    i += (end - i) / 8 * 8;
  }
  for (; i < end; i++)
    store_one (args, i, load_one (args, i));
}

void
vel_isa_convert (VelBackend *backend, const VelConvertArgs *args)
{
  vel_pool_run (backend->pool, vel_divide_up (args->count, CHUNK), convert_task, (void *) args);
}
