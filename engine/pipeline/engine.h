/* The inside of an engine: its device and the model it keeps.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/pipeline/generate.h"
#include "engine/pipeline/model.h"

struct VelEngine {
  VelDevice *device;
  VelModel *model; /* (nullable) the last one used */
};

/* The model of that name or path (key.path is filled in here), loaded if it is not the one that is there; borrowed until the next
 * call. Returns: NULL with any error of loading */
const VelModel *vel_engine_load (VelEngine *self, const char *name, VelModelKey key, void (*progress) (double fraction, void *data),
                                 void *data, GCancellable *cancellable, GError **error);
