/* What the stages share.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/painting.h"

#include <glib/gi18n-lib.h>

void
vel_painting_tell (VelPainting *self, VelProgress progress)
{
  if (self->progress)
    self->progress (&progress, self->progress_data);
}

VelContext *
vel_painting_new_context (const VelPainting *self, VelDevice *device)
{
  VelContext *ctx = vel_context_new (device, self->cancellable);
  gboolean tiles = vel_values_get_bool (self->request, "tiling");
  const char *axes = vel_values_get (self->request, "tiling_axes");

  vel_context_set_wrap (ctx, tiles && !g_str_equal (axes, "y"), tiles && !g_str_equal (axes, "x"));
  return ctx;
}

/* Whether `failure` is of numbers that a higher precision may hold; says so in a note. */
gboolean
vel_painting_may_retry (VelPainting *self, const GError *failure, VelType type, VelType higher)
{
  if (type == VEL_F32 || !g_error_matches (failure, VEL_ERROR, VEL_ERROR_NUMBERS))
    return FALSE;
  g_ptr_array_add (self->notes, g_strdup_printf (_ ("%s went out of bounds, so this was computed again in %s"), vel_precision_name (type),
                                                 vel_precision_name (higher)));
  return TRUE;
}

GStrv
vel_painting_dup_notes (const VelPainting *self)
{
  const VelModel *model = self->model;
  g_autoptr (GStrvBuilder) notes = g_strv_builder_new ();
  guint unused = model->unused ? g_strv_length (model->unused) : 0;

  if (unused) {
    g_autofree char *note = g_strdup_printf (_ ("\"%s\" has %u tensors that no network uses, the first is \"%s\""), model->path, unused,
                                             model->unused[0]);
    g_strv_builder_add (notes, note);
  }
  for (guint i = 0; i < self->notes->len; i++)
    g_strv_builder_add (notes, self->notes->pdata[i]);
  return g_strv_builder_end (notes);
}

void
vel_painting_clear (VelPainting *self)
{
  g_clear_pointer (&self->notes, g_ptr_array_unref);
  g_clear_pointer (&self->prompts, vel_prompts_free);
  g_clear_pointer (&self->controls, g_ptr_array_unref);
  g_clear_pointer (&self->refiner_path, g_free);
  for (guint i = 0; i < VEL_N_PARTS; i++)
    g_clear_pointer (&self->parts[i], g_free);
  g_clear_pointer (&self->upscaler_path, g_free);
  g_clear_pointer (&self->latent_before, vel_tensor_unref);
  g_clear_pointer (&self->latent_start, vel_tensor_unref);
  g_clear_pointer (&self->before, vel_inpaint_free);
  g_clear_pointer (&self->sigmas, g_array_unref);
  g_clear_pointer (&self->latents, vel_tensor_unref);
  g_clear_pointer (&self->changed, g_ptr_array_unref);
  g_clear_pointer (&self->kept, g_ptr_array_unref);
  g_clear_pointer (&self->spare_vae, vel_vae_free);
  g_clear_pointer (&self->spare, vel_device_unref);
  g_clear_pointer (&self->preview, g_free);
  g_clear_pointer (&self->trace, vel_trace_free);
}
