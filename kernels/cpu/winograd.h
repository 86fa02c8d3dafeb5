/* 3x3 convolution with fewer multiplications.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/cpu/picture.h"
#include "kernels/cpu/store.h"

/* The side m of the tiles, 2 or 4, that is fastest for this call; 0: the direct product is, or the call has another kernel or
 * stride. Does not depend on the number of threads. */
unsigned vel_winograd_side (const VelConvArgs *args, const VelPictureSize *size);

/* m: 2 or 4. zeros: [in]. */
void vel_isa_winograd (VelBackend *backend, const VelConvArgs *args, const VelPictureSize *size, unsigned m, const float *zeros,
                       const VelStore *store);
