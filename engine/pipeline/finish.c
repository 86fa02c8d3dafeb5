/* Pictures that were painted before, and not decoded then.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/painting.h"

#include "engine/catalog.h"

#include <glib/gi18n-lib.h>

/* The file it was painted with, or another one of that name. Returns: (transfer full) */
static char *
find_model (const VelUnfinished *unfinished, GError **error)
{
  char *path;

  if (g_file_test (unfinished->model_path, G_FILE_TEST_EXISTS))
    return g_strdup (unfinished->model_path);
  path = vel_catalog_resolve (unfinished->model_name, NULL, NULL);
  if (!path)
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST,
                 _ ("The model “%s” that painted this picture is gone; put it back, then the picture can be finished"),
                 unfinished->model_path);
  return path;
}

/* The device that painted it gives the same picture to the last bit; any other one a picture that looks the same. */
static gboolean
use_device (VelPainting *self, const VelUnfinished *unfinished, const char *device, guint64 memory, GError **error)
{
  if (!device && vel_engine_use (self->engine, unfinished->device, memory, NULL))
    return TRUE;
  if (!vel_engine_use (self->engine, device ? device : "auto", memory, error))
    return FALSE;
  if (!g_str_equal (self->engine->device->name, unfinished->device))
    g_ptr_array_add (self->notes, g_strdup_printf (_ ("Painted on %s and decoded on %s: single pixels may differ by a shade"),
                                                   unfinished->device, self->engine->device->name));
  return TRUE;
}

static void
on_loading (double fraction, void *data)
{
  vel_painting_tell (data, (VelProgress){ .stage = VEL_STAGE_LOADING, .fraction = fraction, .seconds_left = -1 });
}

/* The VAE; other networks stay where they are. */
static gboolean
load (VelPainting *self, const VelUnfinished *unfinished, const char *model, GError **error)
{
  VelPictureSize size = { unfinished->width, unfinished->height, 0 };
  guint factor;

  g_free (self->parts[VEL_PART_VAE]);
  self->parts[VEL_PART_VAE] = vel_catalog_resolve_parts (VEL_PART_VAE, vel_values_get (self->request, "vae"), NULL, error);
  if (!self->parts[VEL_PART_VAE])
    return FALSE;
  self->key = (VelModelKey){ .unet = "",
                             .text = "",
                             .vae = self->parts[VEL_PART_VAE],
                             .tokenizer = vel_values_get (self->request, "tokenizer"),
                             .prediction = vel_values_get (self->request, "prediction") };
  if (!vel_precision_choose (&self->key.precision, vel_values_get (self->request, "precision"), self->engine->device, error) ||
      !(self->model = vel_engine_load (self->engine, model, self->key, size, on_loading, self, self->cancellable, error)))
    return FALSE;
  self->key.path = self->model->path;
  factor = vel_vae_get_factor (self->model->vae);
  if (unfinished->width == unfinished->latent_width * factor && unfinished->height == unfinished->latent_height * factor)
    return TRUE;
  g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST,
               _ ("The unfinished picture %s is %u x %u and its latent %u x %u, which does not fit the model “%s”"), unfinished->id,
               unfinished->width, unfinished->height, unfinished->latent_width, unfinished->latent_height, self->model->path);
  return FALSE;
}

static gboolean
put_latent (VelPainting *self, const VelUnfinished *unfinished, GError **error)
{
  self->latents = vel_tensor_new (self->engine->device, VEL_F32,
                                  VEL_SHAPE (1, unfinished->latent_height, unfinished->latent_width, VEL_UNFINISHED_CHANNELS));
  if (self->latents) {
    vel_tensor_upload (self->latents, unfinished->latent);
    return TRUE;
  }
  g_set_error (error, VEL_ERROR, VEL_ERROR_MEMORY, _ ("There is not enough memory to decode the picture"));
  return FALSE;
}

static void
put_overlay (VelPainting *self, const VelUnfinished *unfinished)
{
  if (!unfinished->overlay)
    return;
  self->before = g_new0 (VelInpaint, 1);
  *self->before = (VelInpaint){ .overlay = vel_bitmap_dup (unfinished->overlay),
                                .x = unfinished->x,
                                .y = unfinished->y,
                                .part_width = unfinished->part_width,
                                .part_height = unfinished->part_height };
}

VelResult *
vel_engine_finish (VelEngine *self, VelUnfinished *unfinished, const char *device, guint64 memory, VelProgressFunc progress, gpointer data,
                   GCancellable *cancellable, GError **error)
{
  g_autofree char *model = find_model (unfinished, error);
  VelPainting job = { .engine = self,
                      .request = unfinished->request,
                      .progress = progress,
                      .progress_data = data,
                      .cancellable = cancellable,
                      .notes = g_ptr_array_new_with_free_func (g_free),
                      .first = { .seed = unfinished->seed, .variation = unfinished->variation_seed },
                      .width = unfinished->width,
                      .height = unfinished->height,
                      .first_width = unfinished->painted_width,
                      .first_height = unfinished->painted_height,
                      .batch = 1,
                      .sampled = TRUE };
  VelResult *result;
  VelPicture *picture;

  if (!model || !use_device (&job, unfinished, device, memory, error) || !load (&job, unfinished, model, error) ||
      !put_latent (&job, unfinished, error)) {
    vel_painting_clear (&job);
    return NULL;
  }
  put_overlay (&job, unfinished);
  result = vel_painting_run (&job, NULL, FALSE, error);
  if (!result)
    return NULL;
  picture = result->pictures->pdata[0];
  picture->request = g_object_ref (unfinished->request);
  picture->kept = g_steal_pointer (&unfinished->kept);
  return result;
}
