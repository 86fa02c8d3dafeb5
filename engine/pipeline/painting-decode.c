/* Latents to pictures.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/painting.h"

#include <glib/gi18n-lib.h>
#include <math.h>

#include "engine/pipeline/preview.h"
#include "engine/pipeline/room.h"

/* value = round (255 image), or cut to whole numbers; image = clamp ((decoded + 1) / 2). trace: (nullable) */
static guint8 *
to_bytes (VelTrace *trace, VelTensor *decoded, gboolean cut)
{
  gsize count = (gsize) vel_shape_count (decoded->shape);
  g_autofree float *host = g_malloc (decoded->bytes);
  guint8 *rgb = g_malloc (count);

  vel_tensor_download (decoded, host);
  for (gsize i = 0; i < count; i++) {
    host[i] = CLAMP ((host[i] + 1) / 2, 0, 1);
    rgb[i] = (guint8) (cut ? host[i] * 255 : rintf (host[i] * 255));
  }
  if (trace) {
    g_autoptr (VelTensor) image = vel_tensor_new (decoded->device, VEL_F32, decoded->shape);

    if (image) {
      vel_tensor_upload (image, host);
      vel_trace_add_picture (trace, image, "image");
    }
  }
  return rgb;
}

/* Looks for the layer that left the bounds, by decoding once more. Returns: (nullable) */
static const char *
find_culprit (VelPainting *self, const VelVae *vae, VelTensor *scaled)
{
  g_autoptr (VelContext) ctx = vel_painting_new_context (self, scaled->device);

  vel_context_set_watch (ctx, TRUE);
  vel_vae_decode (ctx, vae, scaled);
  return vel_context_get_culprit (ctx);
}

/* One picture's latent where it will be decoded. Returns: (transfer full) (nullable) */
static VelTensor *
take_latent (VelPainting *self, gint64 index)
{
  g_autoptr (VelTensor) latent = vel_tensor_slice (self->latents, index, 1);
  g_autofree void *host = NULL;
  VelTensor *copy;

  if (!self->spare)
    return g_steal_pointer (&latent);
  host = g_malloc (latent->bytes);
  vel_tensor_download (latent, host);
  copy = vel_tensor_new (self->spare, latent->type, latent->shape);
  if (copy)
    vel_tensor_upload (copy, host);
  return copy;
}

/* rgb: (transfer full) as it was decoded */
static void
finish_picture (const VelPainting *self, VelPicture *picture, gint64 index, guint8 *rgb)
{
  VelBitmap *bitmap = vel_bitmap_new_take (self->width, self->height, 3, rgb);

  if (self->before && !self->between)
    bitmap = vel_inpaint_finish (self->before, bitmap, self->changed ? self->changed->pdata[index] : NULL);
  picture->width = bitmap->width;
  picture->height = bitmap->height;
  picture->rgb = g_steal_pointer (&bitmap->data);
  vel_bitmap_free (bitmap);
}

static VelTensor *
decode_latent (VelPainting *self, VelContext *ctx, const VelVae *vae, VelTensor *scaled)
{
  VelStripPlace place;

  if (!self->in_strips)
    return vel_vae_decode (ctx, vae, scaled);
  place = vel_room_find_place (vel_context_get_device (ctx), self->on_disk, self->narrow);
  return vel_vae_decode_in_strips (ctx, vae, scaled, &place);
}

static VelPicture *
decode_once (VelPainting *self, gint64 index, GError **error)
{
  g_autoptr (VelContext) ctx = vel_painting_new_context (self, self->spare ? self->spare : self->engine->device);
  const VelVae *vae = self->spare ? self->spare_vae : self->model->vae;
  g_autoptr (VelTensor) latent = take_latent (self, index);
  VelTensor *scaled, *decoded;
  VelPicture *picture;

  vel_context_set_lean (ctx, TRUE);
  vel_painting_tell (self, (VelProgress) { .stage = VEL_STAGE_DECODING, .fraction = (double) index / (double) self->batch, .seconds_left = -1 });
  if (!latent) {
    vel_context_fail (ctx, VEL_ERROR_MEMORY, _ ("There is not enough memory to decode the picture"));
    vel_context_check (ctx, error);
    return NULL;
  }
  scaled = vel_op_combine (ctx, 1, (double[]) { 1 / self->model->architecture.family->latent_scale }, &latent);
  decoded = decode_latent (self, ctx, vae, scaled);
  if (vel_context_ok (ctx) && !vel_tensor_is_finite (decoded)) {
    const char *layer = find_culprit (self, vae, scaled);

    vel_context_fail (ctx, VEL_ERROR_NUMBERS, _ ("The VAE's numbers went out of bounds at \"%s\" in %s; the model file is damaged"),
                      layer ? layer : "?", vel_precision_name (self->model->precision.vae));
  }
  if (!vel_context_check (ctx, error))
    return NULL;
  picture = g_new0 (VelPicture, 1);
  picture->seed = vel_first_noise_seed (&self->first, index);
  picture->variation_seed = self->first.variation + (guint64) index;
  picture->painted_width = self->first_width;
  picture->painted_height = self->first_height;
  finish_picture (self, picture, index, to_bytes (index == 0 && !self->between ? self->trace : NULL, decoded, self->between));
  if (vel_context_check (ctx, error)) /* a card that broke down meanwhile gave anything */
    return picture;
  vel_picture_free (picture);
  return NULL;
}

/* stage: one latent to a picture */
VelPicture *
vel_painting_decode (VelPainting *self, gint64 index, GError **error)
{
  for (;;) {
    VelType type = self->model->precision.vae, higher = vel_precision_higher (type, self->engine->device);
    g_autoptr (GError) failure = NULL;
    VelPicture *picture;

    vel_painting_foresee_decode (self);
    picture = decode_once (self, index, &failure);

    if (picture)
      return picture;
    if (!vel_painting_may_retry (self, failure, type, higher)) {
      g_propagate_error (error, g_steal_pointer (&failure));
      return NULL;
    }
    if (!vel_engine_reload_vae (self->engine, self->key, higher, self->cancellable, error))
      return NULL;
  }
}

VelPicture *
vel_painting_take_preview (VelPainting *self)
{
  guint factor = vel_vae_get_factor (self->model->vae);
  VelPicture *picture = g_new0 (VelPicture, 1);

  picture->seed = self->first.seed;
  picture->variation_seed = self->first.variation;
  picture->width = self->preview_width * factor;
  picture->height = self->preview_height * factor;
  picture->painted_width = self->first_width;
  picture->painted_height = self->first_height;
  picture->rgb = vel_preview_enlarge (self->preview, self->preview_width, self->preview_height, factor);
  return picture;
}
