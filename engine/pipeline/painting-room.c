/* After memory ran out: a step down, or what is missing.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/painting.h"

#include <glib/gi18n-lib.h>

#include "engine/pipeline/room.h"

static gboolean
drop_networks (VelPainting *self)
{
  gboolean there = self->model->text[0] || self->model->unet;

  vel_control_nets_drop (self->engine->controls);
  vel_model_drop_text (self->model);
  vel_model_drop_unet (self->model);
  return there;
}

static void
go_to_strips (VelPainting *self, const VelDevice *device)
{
  if (!self->in_strips)
    g_ptr_array_add (self->notes, g_strdup_printf (_ ("Memory is short on %s: the picture was decoded strip by strip"), device->name));
  self->in_strips = TRUE;
}

static gboolean
go_to_processor (VelPainting *self, GError **error)
{
  self->in_strips = FALSE;
  self->spare = vel_device_new_cpu (self->engine->options.threads, self->engine->options.nice, error);
  if (self->spare)
    self->spare_vae = vel_model_load_vae_elsewhere (self->model, self->spare, self->key, self->cancellable, error);
  if (self->spare_vae)
    g_ptr_array_add (self->notes, g_strdup_printf (_ ("Memory is short on %s: the processor decoded the picture"), self->engine->device->name));
  return self->spare_vae != NULL;
}

/* What is painted already is not lost to a VAE that is too large: the other networks leave, then it decodes in strips, then the processor does,
 * for which the disk may lend memory. */
static gboolean
make_room_to_decode (VelPainting *self, gboolean card, GError **error)
{
  gboolean on_processor = !card || self->spare;

  if (drop_networks (self))
    return TRUE;
  if (!self->in_strips) {
    go_to_strips (self, self->spare ? self->spare : self->engine->device);
    return TRUE;
  }
  if (!on_processor)
    return go_to_processor (self, error);
  if (self->narrow)
    return FALSE;
  self->narrow = self->on_disk;
  self->on_disk = TRUE;
  return TRUE;
}

/* On the processor memory does not run out: the system takes it from other programs, swaps, and ends one of them. So it is looked at before. */
void
vel_painting_foresee_decode (VelPainting *self)
{
  VelDevice *device = self->spare ? self->spare : self->engine->device;
  const VelVae *vae = self->spare ? self->spare_vae : self->model->vae;

  if (self->in_strips)
    return;
  if (vel_room_has (device, vel_vae_get_decode_bytes (vae, self->width, self->height, FALSE)))
    return;
  if (drop_networks (self) && vel_room_has (device, vel_vae_get_decode_bytes (vae, self->width, self->height, FALSE)))
    return;
  go_to_strips (self, device);
  self->on_disk = !vel_room_has (device, vel_vae_get_decode_bytes (vae, self->width, self->height, TRUE));
}

/* The next rung of the ladder after memory ran out. Returns: FALSE at its end, with an error or none */
gboolean
vel_painting_make_room (VelPainting *self, GError **error)
{
  VelDevice *device = self->engine->device;

  gboolean card = device && (device->kernels->features & VEL_FEATURE_OUTSIDE);

  if (!device || !vel_device_check (device, NULL))
    return FALSE;
  if (self->sampled)
    return make_room_to_decode (self, card, error);
  if (!card)
    return FALSE;
  self->engine->rung = MAX (self->engine->rung, self->engine->model ? self->engine->model->plan.rung : 0) + 1;
  if (self->engine->rung <= VEL_LAST_RUNG)
    return TRUE;
  self->engine->rung = VEL_LAST_RUNG;
  return FALSE;
}

/* At the end of the ladder: what is missing, in numbers. */
void
vel_painting_explain_memory (VelPainting *self, GError **failure)
{
  VelDevice *device = self->engine->device;
  const VelModel *model = self->engine->model;
  g_autofree char *needed = NULL, *left = NULL, *message = NULL;
  guint64 free_bytes, total, most;

  if (!device || !model || !(device->kernels->features & VEL_FEATURE_OUTSIDE) || !g_error_matches (*failure, VEL_ERROR, VEL_ERROR_MEMORY))
    return;
  vel_device_get_memory (device, &free_bytes, &total);
  most = free_bytes + vel_control_nets_get_bytes (self->engine->controls) + model->text_bytes + model->unet_bytes + model->needs.vae;
  needed = g_format_size (MAX (model->needs.painting + model->needs.controls + model->needs.vae + 2 * model->needs.largest, most + device->wanted));
  left = g_format_size (most);
  message = g_strdup_printf (_ ("The memory of %s is too small for this picture, even piece by piece: about %s are needed and %s are free; choose a "
                                "smaller picture, close other programs or go on with the processor (device cpu)"),
                             device->name, needed, left);
  g_clear_error (failure);
  g_set_error_literal (failure, VEL_ERROR, VEL_ERROR_MEMORY, message);
}
