/* What all backends share.  SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernels.h"

size_t
vel_type_size (VelType type)
{
  switch (type) {
  case VEL_F64:
  case VEL_I64:
    return 8;
  case VEL_F32:
  case VEL_I32:
    return 4;
  case VEL_F16:
  case VEL_BF16:
    return 2;
  case VEL_U8:
    return 1;
  }
  return 0;
}
