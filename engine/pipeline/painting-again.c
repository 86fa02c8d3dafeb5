/* The second pass.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/painting.h"

#include <glib/gi18n-lib.h>

static void
on_enlarging (double fraction, gpointer data)
{
  vel_painting_tell (data, (VelProgress) { .stage = VEL_STAGE_ENLARGING, .fraction = fraction, .seconds_left = -1 });
}

/* Returns: (transfer full) in the second pass's size */
static VelBitmap *
enlarge_picture (VelPainting *self, const VelBitmap *small, GError **error)
{
  const VelUpscaleOptions options = { VEL_UPSCALE_TILE, VEL_UPSCALE_OVERLAP, self->rules->colours_reversed, on_enlarging, self };
  g_autoptr (VelBitmap) large = NULL;
  guint width, height;

  if (!self->upscaler_path)
    return vel_hires_enlarge_picture (&self->hires, small);
  if (!vel_hires_get_network_size (&self->hires, small, &width, &height))
    return vel_hires_finish_picture (&self->hires, small);
  large = vel_engine_upscale (self->engine, self->upscaler_path, vel_values_get (self->request, "precision"), small, width, height, &options,
                              self->notes, self->cancellable, error);
  return large ? vel_hires_finish_picture (&self->hires, large) : NULL;
}

/* All pictures' latents in the second pass's size, through pixels. Returns: (transfer full) */
static VelTensor *
enlarge_pixels (VelPainting *self, GError **error)
{
  guint factor = self->hires.factor;
  VelShape shape = VEL_SHAPE (self->batch, self->hires.height / factor, self->hires.width / factor, self->latents->shape.size[3]);
  g_autoptr (VelTensor) all = vel_tensor_new (self->engine->device, VEL_F32, shape);

  for (gint64 i = 0; i < self->batch; i++) {
    g_autoptr (VelContext) ctx = vel_painting_new_context (self, self->engine->device);
    VelPicture *picture = vel_painting_decode (self, i, error);
    g_autoptr (VelBitmap) small = NULL, large = NULL;
    g_autoptr (VelTensor) latent = NULL;

    if (!picture)
      return NULL;
    small = vel_bitmap_new_take (picture->width, picture->height, 3, g_steal_pointer (&picture->rgb));
    vel_picture_free (picture);
    large = enlarge_picture (self, small, error);
    if (!large)
      return NULL;
    vel_context_set_lean (ctx, TRUE);
    latent = vel_start_encode (ctx, self->model->vae, large, self->model->architecture.family->latent_scale, error);
    if (!latent)
      return NULL;
    if (!all)
      vel_context_fail (ctx, VEL_ERROR_MEMORY, _ ("There is not enough memory to paint at this size; choose a smaller one"));
    vel_context_open (ctx);
    if (all)
      vel_op_combine_into (ctx, vel_context_slice (ctx, all, i, 1), 1, (double[]) { 1 }, &latent);
    vel_context_close (ctx, NULL);
    if (!vel_context_check (ctx, error))
      return NULL;
  }
  return g_steal_pointer (&all);
}

/* What the second pass starts from. */
static gboolean
enlarge (VelPainting *self, VelTensor **out, GError **error)
{
  g_autoptr (VelContext) ctx = vel_painting_new_context (self, self->engine->device);
  g_autoptr (VelTensor) encoded = NULL, large = NULL;

  self->between = TRUE;
  if (vel_hires_is_of_pixels (&self->hires))
    encoded = enlarge_pixels (self, error);
  self->between = FALSE;
  if (vel_hires_is_of_pixels (&self->hires) && !encoded)
    return FALSE;
  large = vel_hires_enlarge_latents (ctx, &self->hires, encoded ? encoded : self->latents);
  vel_trace_add_picture (self->trace, large, "hires.init");
  if (!vel_context_check (ctx, error))
    return FALSE;
  *out = g_steal_pointer (&large);
  return TRUE;
}

/* stage: the picture once more, larger, if that was asked for. Texts are read again: their times count on, and some networks are told sizes; a
 * start picture is too, in the new size: where a mask lets it stand still it does so in its own sharpness. */
gboolean
vel_painting_paint_again (VelPainting *self, GError **error)
{
  VelReach reach = { self->hires.steps, self->hires.strength, TRUE, 1, vel_values_get_real (self->request, "extra_noise") };
  g_autoptr (VelTensor) large = NULL;

  if (!self->hires.upscaler)
    return TRUE;
  self->steps_before = self->start.n_steps;
  if (!enlarge (self, &large, error))
    return FALSE;
  self->second = TRUE;
  self->width = self->hires.width;
  self->height = self->hires.height;
  if (!vel_painting_plan_descent (self, "hires_sampler", "hires_schedule", reach, error) || !vel_painting_encode_text (self, error))
    return FALSE;
  self->n_steps = self->steps_before + self->start.n_steps;
  self->width = vel_hires_get_width (&self->hires);
  self->height = vel_hires_get_height (&self->hires);
  if (!vel_painting_encode_start (self, error))
    return FALSE;
  self->latent_start = g_steal_pointer (&large);
  return vel_painting_make_extra (self, error) && vel_painting_sample (self, error);
}
