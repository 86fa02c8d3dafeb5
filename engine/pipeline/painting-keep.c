/* What is painted is on disk before it is decoded.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/painting.h"

#include "engine/formats/recipe.h"
#include "engine/pipeline/preview.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* Returns: (transfer full): with the folder of a file that is there; numbers behind colons stay */
static char *
make_absolute (const char *text)
{
  gsize end = strlen (text);

  for (;;) {
    g_autofree char *path = g_strndup (text, end);
    const char *colon;

    if (end > 0 && g_file_test (path, G_FILE_TEST_EXISTS)) {
      g_autofree char *whole = g_canonicalize_filename (path, NULL);

      return g_strconcat (whole, text + end, NULL);
    }
    colon = g_strrstr_len (text, (gssize) end, ":");
    if (!colon)
      return g_strdup (text);
    end = (gsize) (colon - text);
  }
}

/* Whoever finishes the picture may stand in another folder. Returns: (transfer full) */
static VelValues *
dup_request (VelValues *request)
{
  VelValues *copy = vel_values_dup (request);

  for (const VelParam *row = vel_values_get_table (copy); row->name; row++) {
    g_auto (GStrv) lines = NULL;
    g_autofree char *text = NULL;

    if (row->type != VEL_PARAM_FILE || (row->flags & VEL_PARAM_TECHNICAL) || !vel_values_is_set (copy, row->name))
      continue;
    lines = g_strsplit (vel_values_get (copy, row->name), "\n", -1);
    for (guint i = 0; lines[i]; i++) {
      char *line = make_absolute (lines[i]);

      g_free (lines[i]);
      lines[i] = line;
    }
    text = g_strjoinv ("\n", lines);
    vel_values_set (copy, row->name, text, NULL);
  }
  return copy;
}

/* Returns: (transfer full): all that finishing it takes, but for the latent's numbers */
static VelUnfinished *
describe (VelPainting *self, gint64 index)
{
  VelUnfinished *unfinished = g_new0 (VelUnfinished, 1);
  const VelEngine *engine = self->engine;
  const char *output = NULL;

  for (guint i = 0; engine->outputs && engine->outputs[i] && !output; i++)
    output = i == engine->n_kept ? engine->outputs[i] : NULL;
  *unfinished = (VelUnfinished){ .created = g_get_real_time (),
                                 .request = dup_request (self->request),
                                 .model_path = g_strdup (self->model->path),
                                 .model_name = g_strdup (self->model->name),
                                 .device = g_strdup (engine->device->name),
                                 .output = output ? g_canonicalize_filename (output, NULL) : NULL,
                                 .seed = vel_first_noise_seed (&self->first, index),
                                 .variation_seed = self->first.variation + (guint64) index,
                                 .width = self->width,
                                 .height = self->height,
                                 .painted_width = self->first_width,
                                 .painted_height = self->first_height };
  if (self->before)
    unfinished->overlay = vel_inpaint_dup_overlay (self->before, self->changed ? self->changed->pdata[index] : NULL);
  if (unfinished->overlay) {
    unfinished->x = self->before->x;
    unfinished->y = self->before->y;
    unfinished->part_width = self->before->part_width;
    unfinished->part_height = self->before->part_height;
  }
  unfinished->recipe = vel_recipe_to_json (unfinished->request, &(VelRecipeFacts){ .seed = unfinished->seed,
                                                                                   .variation_seed = unfinished->variation_seed,
                                                                                   .width = self->first_width,
                                                                                   .height = self->first_height,
                                                                                   .model_name = unfinished->model_name,
                                                                                   .version = "Velatura " VEL_VERSION });
  return unfinished;
}

/* FALSE if the device broke down, so that what came from it is nothing. */
static gboolean
take_latent (VelPainting *self, gint64 index, VelUnfinished *unfinished)
{
  g_autoptr (VelTensor) latent = vel_tensor_slice (self->latents, index, 1);

  unfinished->latent_height = (guint) latent->shape.size[1];
  unfinished->latent_width = (guint) latent->shape.size[2];
  unfinished->latent = g_malloc (latent->bytes);
  vel_tensor_download (latent, unfinished->latent);
  unfinished->preview =
      vel_bitmap_new_take (unfinished->latent_width, unfinished->latent_height, 3, vel_preview_make (self->model, latent));
  return vel_device_check (self->engine->device, NULL);
}

void
vel_painting_keep (VelPainting *self)
{
  g_autoptr (GError) error = NULL;

  if (!self->engine->folder)
    return;
  self->kept = g_ptr_array_new_with_free_func ((GDestroyNotify) vel_kept_release);
  for (gint64 i = 0; i < self->batch && !error; i++) {
    g_autoptr (VelUnfinished) unfinished = describe (self, i);
    VelKept *kept;

    if (!take_latent (self, i, unfinished) || !(kept = vel_unfinished_keep (self->engine->folder, unfinished, &error)))
      break;
    g_ptr_array_add (self->kept, kept);
    self->engine->n_kept++;
  }
  if (error)
    g_ptr_array_add (self->notes,
                     g_strdup_printf (_ ("What is painted could not be kept on disk while it is decoded: %s"), error->message));
}
