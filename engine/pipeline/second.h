/* A second device for one half of guidance, with its own copy of the UNet.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/pipeline/model.h"
#include "engine/sampling/half.h"

typedef struct VelSecond VelSecond;

/* spec: as of vel_device_open. Returns: (transfer full); NULL with VEL_ERROR_DEVICE */
VelSecond *vel_second_new (const char *spec, const VelDeviceOptions *options, GError **error);
void vel_second_free (VelSecond *self);
/* FALSE if the device was asked for in another way, or is lost. */
gboolean vel_second_is (VelSecond *self, const char *spec);
const char *vel_second_get_name (VelSecond *self);
/* Has the model's UNet there, in the type of the model's own one if the device takes it, else in fp32. key: as it was loaded with.
 * Returns: borrowed until the next call; NULL with any error of loading */
const VelElsewhere *vel_second_load (VelSecond *self, const VelModel *model, VelModelKey key, GCancellable *cancellable, GError **error);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelSecond, vel_second_free)
