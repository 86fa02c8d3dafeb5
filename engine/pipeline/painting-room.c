/* After memory ran out: a step down, or what is missing.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/painting.h"

#include <glib/gi18n-lib.h>

/* What is painted already is not lost to a VAE that is too large: the other networks leave, then it decodes in strips, then the processor does. */
static gboolean
make_room_to_decode (VelPainting *self, GError **error)
{
  if (self->model->text[0] || self->model->unet) {
    vel_model_drop_text (self->model);
    vel_model_drop_unet (self->model);
    return TRUE;
  }
  if (!self->in_strips) {
    self->in_strips = TRUE;
    g_ptr_array_add (self->notes, g_strdup_printf (_ ("Memory is short on %s: the picture was decoded strip by strip"), self->engine->device->name));
    return TRUE;
  }
  if (self->spare)
    return FALSE;
  self->in_strips = FALSE;
  self->spare = vel_device_new_cpu (self->engine->options.threads, self->engine->options.nice, error);
  if (self->spare)
    self->spare_vae = vel_model_load_vae_elsewhere (self->model, self->spare, self->key, self->cancellable, error);
  if (self->spare_vae)
    g_ptr_array_add (self->notes, g_strdup_printf (_ ("Memory is short on %s: the processor decoded the picture"), self->engine->device->name));
  return self->spare_vae != NULL;
}

/* The next rung of the ladder after memory ran out. Returns: FALSE at its end, with an error or none */
gboolean
vel_painting_make_room (VelPainting *self, GError **error)
{
  VelDevice *device = self->engine->device;

  if (!device || !(device->kernels->features & VEL_FEATURE_OUTSIDE) || !vel_device_check (device, NULL))
    return FALSE;
  if (self->sampled)
    return make_room_to_decode (self, error);
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
  most = free_bytes + model->text_bytes + model->unet_bytes + model->needs.vae;
  needed = g_format_size (MAX (model->needs.painting + model->needs.vae + 2 * model->needs.largest, most + device->wanted));
  left = g_format_size (most);
  message = g_strdup_printf (_ ("The memory of %s is too small for this picture, even piece by piece: about %s are needed and %s are free; choose a "
                                "smaller picture, close other programs or go on with the processor (device cpu)"),
                             device->name, needed, left);
  g_clear_error (failure);
  g_set_error_literal (failure, VEL_ERROR, VEL_ERROR_MEMORY, message);
}
