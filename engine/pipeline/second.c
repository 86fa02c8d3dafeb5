/* The second device lives on a thread of its own from its opening to its end.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/pipeline/second.h"

struct VelSecond {
  char *spec;
  VelDeviceOptions options;
  VelElsewhere elsewhere;
  char *identity; /* of the model whose UNet it is */
  VelType type;
  VelSlots *slots; /* of that UNet */

  /* of the call under way */
  const VelModel *model;
  VelModelKey key;
  GCancellable *cancellable;
  gboolean lost;
  GError *error;
};

static void
open_there (gpointer data)
{
  VelSecond *self = data;

  self->elsewhere.device = vel_device_open (self->spec, &self->options, &self->error);
}

static void
drop_there (gpointer data)
{
  VelSecond *self = data;

  g_clear_pointer (&self->slots, vel_slots_free);
  g_clear_pointer (&self->elsewhere.unet, vel_unet_free);
  g_clear_pointer (&self->identity, g_free);
}

static void
close_there (gpointer data)
{
  VelSecond *self = data;

  drop_there (self);
  g_clear_pointer (&self->elsewhere.device, vel_device_unref);
}

static void
look_there (gpointer data)
{
  VelSecond *self = data;

  self->lost = !vel_device_check (self->elsewhere.device, NULL);
}

static void
load_there (gpointer data)
{
  VelSecond *self = data;
  VelType type = vel_device_takes (self->elsewhere.device, self->model->precision.unet) ? self->model->precision.unet : VEL_F32;

  if (!self->elsewhere.unet || type != self->type || g_strcmp0 (self->identity, self->model->identity) != 0) {
    drop_there (self);
    self->elsewhere.unet
      = vel_model_load_unet_elsewhere (self->model, self->elsewhere.device, self->key, type, &self->slots, self->cancellable, &self->error);
    self->type = type;
    self->identity = g_strdup (self->model->identity);
  }
  if (self->elsewhere.unet && !vel_model_change_unet_elsewhere (self->model, self->slots, self->key, self->cancellable, &self->error))
    drop_there (self);
  if (!self->elsewhere.unet)
    vel_elsewhere_explain (&self->elsewhere, &self->error);
}

VelSecond *
vel_second_new (const char *spec, const VelDeviceOptions *options, GError **error)
{
  g_autoptr (VelSecond) self = g_new0 (VelSecond, 1);

  self->spec = g_strdup (spec);
  self->options = *options;
  self->elsewhere.helper = vel_helper_new ();
  vel_helper_run (self->elsewhere.helper, open_there, self);
  if (self->elsewhere.device)
    return g_steal_pointer (&self);
  g_propagate_error (error, g_steal_pointer (&self->error));
  return NULL;
}

void
vel_second_free (VelSecond *self)
{
  if (!self)
    return;
  vel_helper_run (self->elsewhere.helper, close_there, self);
  vel_helper_free (self->elsewhere.helper);
  g_free (self->spec);
  g_free (self);
}

gboolean
vel_second_is (VelSecond *self, const char *spec)
{
  vel_helper_run (self->elsewhere.helper, look_there, self);
  return !self->lost && g_str_equal (self->spec, spec);
}

const char *
vel_second_get_name (VelSecond *self)
{
  return self->elsewhere.device->name;
}

const VelElsewhere *
vel_second_load (VelSecond *self, const VelModel *model, VelModelKey key, GCancellable *cancellable, GError **error)
{
  self->model = model;
  self->key = key;
  self->cancellable = cancellable;
  vel_helper_run (self->elsewhere.helper, load_there, self);
  self->model = NULL;
  if (self->elsewhere.unet)
    return &self->elsewhere;
  g_propagate_error (error, g_steal_pointer (&self->error));
  return NULL;
}
