/* Which arithmetic each network of a model runs in.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/error.h"
#include "engine/tensor/device.h"

typedef struct {
  VelType text, unet, vae;
} VelPrecision;

/* name: "fp32", "bf16", "fp16", or "auto": fp32 on the processor, which is the exact reference, fp16 on a card, as the other programs
 * have it. Returns: FALSE with VEL_ERROR_REQUEST if the device has no such arithmetic */
gboolean vel_precision_choose (VelPrecision *self, const char *name, VelDevice *device, GError **error);
/* What to try when numbers went out of bounds in `type`: bf16 where there is one (its range is that of fp32), else fp32; fp32 after that. */
VelType vel_precision_higher (VelType type, VelDevice *device);
const char *vel_precision_name (VelType type);
