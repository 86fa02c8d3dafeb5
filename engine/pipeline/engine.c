/* Engines: one device, one model.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/pipeline/engine.h"

#include "engine/catalog.h"

VelEngine *
vel_engine_new (unsigned threads, int nice, GError **error)
{
  VelDevice *device = vel_device_new_cpu (threads, nice, error);
  VelEngine *self;

  if (!device)
    return NULL;
  self = g_new0 (VelEngine, 1);
  self->device = device;
  return self;
}

void
vel_engine_free (VelEngine *self)
{
  if (!self)
    return;
  g_clear_pointer (&self->model, vel_model_free);
  vel_device_unref (self->device);
  g_free (self);
}

VelDevice *
vel_engine_get_device (VelEngine *self)
{
  return self->device;
}

const VelModel *
vel_engine_load (VelEngine *self, const char *name, VelModelKey key, void (*progress) (double fraction, void *data), void *data,
                 GCancellable *cancellable, GError **error)
{
  g_autofree char *path = vel_catalog_resolve (name, NULL, error);

  if (!path)
    return NULL;
  key.path = path;
  if (self->model && vel_model_is (self->model, key))
    return self->model;
  if (progress)
    progress (0, data);
  g_clear_pointer (&self->model, vel_model_free); /* first: two models may not fit */
  self->model = vel_model_load (self->device, key, progress, data, cancellable, error);
  return self->model;
}
