/* The processor's table: threads and vector instructions where they pay, the reference elsewhere.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernels.h"

const VelKernels *
vel_kernels_cpu (void)
{
  return vel_kernels_reference ();
}
