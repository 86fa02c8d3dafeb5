/* Between the floating types, through double, which holds each of them exactly.  SPDX-License-Identifier: Apache-2.0 */
#include "kernels/reference/reference.h"

#include <string.h>

#include "kernels/half.h"

/* A weight in a file need not be aligned, so its bytes are copied out. */
double
vel_reference_load (const void *data, VelType type, size_t index)
{
  const char *bytes = (const char *) data + index * vel_type_size (type);
  uint16_t half = 0;
  float single = 0;
  double value = 0;

  switch (type) {
  case VEL_F64:
    memcpy (&value, bytes, sizeof value);
    return value;
  case VEL_F16:
    memcpy (&half, bytes, sizeof half);
    return (double) vel_half_to_float (half);
  case VEL_BF16:
    memcpy (&half, bytes, sizeof half);
    return (double) vel_bfloat_to_float (half);
  default:
    memcpy (&single, bytes, sizeof single);
    return (double) single;
  }
}

static void
store (void *data, VelType type, size_t index, double value)
{
  switch (type) {
  case VEL_F64:
    ((double *) data)[index] = value;
    break;
  case VEL_F16:
    ((uint16_t *) data)[index] = vel_half_from_float (vel_float_round_to_odd (value));
    break;
  case VEL_BF16:
    ((uint16_t *) data)[index] = vel_bfloat_from_float (vel_float_round_to_odd (value));
    break;
  default:
    ((float *) data)[index] = (float) value;
    break;
  }
}

void
vel_reference_convert (VelBackend *backend, const VelConvertArgs *args)
{
  for (size_t i = 0; i < args->count; i++)
    store (args->out, args->to, i, vel_reference_load (args->x, args->from, i));
}
