/* The emulated kernels as the module that the program looks for: a card without a card.  SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernels.h"

const VelKernels *
vel_kernels_cuda (void)
{
  return vel_kernels_emulated ();
}
