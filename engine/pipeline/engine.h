/* The inside of an engine: its device and the model it keeps.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/pipeline/control-nets.h"
#include "engine/pipeline/generate.h"
#include "engine/pipeline/model.h"
#include "engine/pipeline/second.h"
#include "engine/pipeline/upscale.h"

struct VelEngine {
  VelDevice *device;
  char *spec;               /* how the device was asked for */
  VelDeviceOptions options;
  VelModel *model;          /* (nullable) the last one used */
  VelSecond *second;        /* (nullable) kept from the last request that wanted one */
  VelUpscaler *upscaler;    /* (nullable) the last one used, */
  char *upscaler_path;      /* its file, */
  VelType upscaler_type;    /* and what it computes in */
  char *folder;             /* (nullable) where what is painted is kept until it is saved, */
  GStrv outputs;            /* (nullable) where its pictures are to go, */
  guint n_kept;             /* how many of the request at hand were put there, */
  GPtrArray *left;          /* (element-type VelKept) and those that were not given to anybody */
  VelLoraStack *loras;      /* of the last request, */
  VelControlNets *controls; /* likewise */
  guint rung;               /* of the memory's ladder: memory ran out on those before it, with this model on this device */
};

/* Another device than the one in use, or as much of its memory; a lost one is opened anew. The model goes with its device.
 * Returns: FALSE with VEL_ERROR_DEVICE; then there is none until the next call */
gboolean vel_engine_use (VelEngine *self, const char *spec, guint64 memory, GError **error);
/* The model of that name or path (key.path is filled in here), loaded if it is not the one that is there, and fitted into memory for a
 * picture of this size; borrowed until the next call. Returns: NULL with any error of loading */
VelModel *vel_engine_load (VelEngine *self, const char *name, VelModelKey key, VelPictureSize size, void (*progress) (double fraction, void *data),
                                 void *data, GCancellable *cancellable, GError **error);
/* A second device with the UNet of the model in use, for requests that name one; without a name what is there is given back.
 * Returns: borrowed until the next call; NULL without a name, or with an error */
const VelElsewhere *vel_engine_use_second (VelEngine *self, const char *spec, VelModelKey key, GCancellable *cancellable, GError **error);
/* The pictures of a result that nobody will get, back into `left`. */
void vel_engine_leave (VelEngine *self, const VelResult *result);
/* The model's UNet or VAE anew, in another precision; key: as it was loaded with, its path filled in. After an error there is no model. */
gboolean vel_engine_reload_unet (VelEngine *self, VelModelKey key, VelType type, GCancellable *cancellable, GError **error);
gboolean vel_engine_reload_vae (VelEngine *self, VelModelKey key, VelType type, GCancellable *cancellable, GError **error);
