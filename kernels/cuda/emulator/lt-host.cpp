/* No cuBLASLt on the host: products are done by our own kernels, which is what tests are for.  SPDX-License-Identifier: Apache-2.0 */
#include "kernels/cuda/lt.h"

VelLt *
vel_lt_open (VelBackend *backend, const char *cache)
{
  return nullptr;
}

void
vel_lt_close (VelLt *self)
{
}

bool
vel_lt_linear (VelBackend *backend, const VelLinearArgs *args)
{
  return false;
}
