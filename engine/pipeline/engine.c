/* Engines: one device, one model.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/engine.h"

#include "engine/catalog.h"

#include <glib/gi18n-lib.h>

VelEngine *
vel_engine_new (const char *device, const VelDeviceOptions *options, GError **error)
{
  g_autoptr (VelEngine) self = g_new0 (VelEngine, 1);

  self->options = *options;
  self->left = g_ptr_array_new_with_free_func ((GDestroyNotify) vel_kept_release);
  self->loras = vel_lora_stack_new ();
  self->controls = vel_control_nets_new ();
  self->device = vel_device_open (device, options, error);
  if (!self->device)
    return NULL;
  self->spec = g_strdup (device);
  return g_steal_pointer (&self);
}

void
vel_engine_free (VelEngine *self)
{
  if (!self)
    return;
  g_clear_pointer (&self->second, vel_second_free);
  g_clear_pointer (&self->upscaler, vel_upscaler_free);
  g_clear_pointer (&self->controls, vel_control_nets_free);
  g_clear_pointer (&self->model, vel_model_free);
  g_clear_pointer (&self->device, vel_device_unref);
  g_free (self->upscaler_path);
  g_clear_pointer (&self->left, g_ptr_array_unref);
  g_strfreev (self->outputs);
  g_free (self->folder);
  vel_lora_stack_free (self->loras);
  g_free (self->spec);
  g_free (self);
}

void
vel_engine_keep_in (VelEngine *self, const char *folder, const char *const *outputs)
{
  g_free (self->folder);
  g_strfreev (self->outputs);
  self->folder = g_strdup (folder);
  self->outputs = g_strdupv ((char **) outputs);
}

GPtrArray *
vel_engine_take_left (VelEngine *self)
{
  GPtrArray *left = g_steal_pointer (&self->left);

  self->left = g_ptr_array_new_with_free_func ((GDestroyNotify) vel_kept_release);
  return left;
}

void
vel_engine_leave (VelEngine *self, const VelResult *result)
{
  for (guint i = 0; i < result->pictures->len; i++) {
    VelPicture *picture = result->pictures->pdata[i];

    if (picture->kept)
      g_ptr_array_add (self->left, g_steal_pointer (&picture->kept));
  }
}

gboolean
vel_engine_use (VelEngine *self, const char *spec, guint64 memory, GError **error)
{
  VelDeviceOptions options = self->options;
  VelDevice *device;

  if (self->device && g_str_equal (spec, self->spec) && memory == options.memory && vel_device_check (self->device, NULL))
    return TRUE;
  /* A card's memory must be free before the card is opened anew. */
  g_clear_pointer (&self->upscaler, vel_upscaler_free);
  vel_control_nets_drop (self->controls);
  g_clear_pointer (&self->model, vel_model_free);
  g_clear_pointer (&self->device, vel_device_unref);
  self->rung = 0;
  options.memory = memory;
  device = vel_device_open (spec, &options, error);
  if (!device)
    return FALSE;
  self->options = options;
  self->device = device;
  g_free (self->spec);
  self->spec = g_strdup (spec);
  return TRUE;
}

VelDevice *
vel_engine_get_device (VelEngine *self)
{
  return self->device;
}

VelModel *
vel_engine_load (VelEngine *self, const char *name, VelModelKey key, VelPictureSize size, void (*progress) (double fraction, void *data),
                 void *data, GCancellable *cancellable, GError **error)
{
  g_autofree char *path = vel_catalog_resolve (name, NULL, error);

  if (!path)
    return NULL;
  key.path = path;
  if (self->model && vel_model_is (self->model, key)) {
    if (!vel_model_fit (self->model, self->device, key, size, self->rung, cancellable, error))
      return NULL;
    return self->model;
  }
  if (progress)
    progress (0, data);
  if (self->model)
    self->rung = 0;
  g_clear_pointer (&self->model, vel_model_free); /* first: two models may not fit */
  self->model = vel_model_load (self->device, key, size, self->rung, progress, data, cancellable, error);
  if (self->model)
    self->model->loras = self->loras;
  return self->model;
}

const VelElsewhere *
vel_engine_use_second (VelEngine *self, const char *spec, VelModelKey key, GCancellable *cancellable, GError **error)
{
  if (self->second && (!*spec || !vel_second_is (self->second, spec)))
    g_clear_pointer (&self->second, vel_second_free);
  if (!*spec)
    return NULL;
  if (!self->second)
    self->second = vel_second_new (spec, &(VelDeviceOptions) { .threads = self->options.threads, .nice = self->options.nice }, error);
  if (!self->second)
    return NULL;
  if (g_str_equal (vel_second_get_name (self->second), self->device->name) && !g_str_equal (self->device->name, "cpu")) {
    g_clear_pointer (&self->second, vel_second_free);
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST, _ ("--device2 names %s, which is the first device already; name another one or leave it out"),
                 self->device->name);
    return NULL;
  }
  return vel_second_load (self->second, self->model, key, cancellable, error);
}

gboolean
vel_engine_reload_unet (VelEngine *self, VelModelKey key, VelType type, GCancellable *cancellable, GError **error)
{
  gboolean ok = vel_model_reload_unet (self->model, self->device, key, type, cancellable, error);

  if (!ok)
    g_clear_pointer (&self->model, vel_model_free);
  return ok;
}

gboolean
vel_engine_reload_vae (VelEngine *self, VelModelKey key, VelType type, GCancellable *cancellable, GError **error)
{
  gboolean ok = vel_model_reload_vae (self->model, self->device, key, type, cancellable, error);

  if (!ok)
    g_clear_pointer (&self->model, vel_model_free);
  return ok;
}
