/* A model in a diffusers folder.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/formats/weights-set.h"

#include "engine/error.h"
#include "engine/formats/diffusers.h"

#include <glib/gi18n-lib.h>

/* unet: whether it has to be there. */
static gboolean
open_component (VelWeights *self, VelComponent component, const char *folder, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) files = vel_diffusers_open (self->path, folder, cancellable, error);
  g_autofree char *where = g_strconcat (folder, "/", NULL);
  g_autofree const char **names = NULL;

  if (!files)
    return FALSE;
  if (files->len == 0 && component == VEL_COMPONENT_UNET) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT,
                 _ ("“%s/unet” has no diffusion_pytorch_model.safetensors or .bin; files of other names are not read"), self->shown);
    return FALSE;
  }
  names = vel_weights_collect_names (files, "");
  self->roots[component] = g_strdup (where);
  self->components[component] = vel_names_new (component, names);
  vel_weights_add_component (self->items, files, component, self->components[component], "", where);
  for (guint f = 0; f < files->len; f++)
    g_ptr_array_add (self->files, vel_tensor_file_ref (files->pdata[f]));
  return TRUE;
}

static gboolean
has_folder (const VelWeights *self, const char *name)
{
  g_autofree char *path = g_build_filename (self->path, name, NULL);

  return g_file_test (path, G_FILE_TEST_IS_DIR);
}

/* SDXL has a second text encoder, its refiner has only that. */
static gboolean
open_text_encoders (VelWeights *self, GCancellable *cancellable, GError **error)
{
  gboolean first = has_folder (self, "text_encoder"), second = has_folder (self, "text_encoder_2");

  if (first &&
      !open_component (self, second ? VEL_COMPONENT_TEXT_ENCODER_1 : VEL_COMPONENT_TEXT_ENCODER, "text_encoder", cancellable, error))
    return FALSE;
  return !second ||
         open_component (self, first ? VEL_COMPONENT_TEXT_ENCODER_2 : VEL_COMPONENT_TEXT_ENCODER_1, "text_encoder_2", cancellable, error);
}

gboolean
vel_weights_open_folder (VelWeights *self, GCancellable *cancellable, GError **error)
{
  self->folder = TRUE;
  if (!vel_diffusers_is_model (self->path)) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("“%s” is no diffusers model: it has no folder “unet”"), self->shown);
    return FALSE;
  }
  return open_component (self, VEL_COMPONENT_UNET, "unet", cancellable, error) &&
         open_component (self, VEL_COMPONENT_VAE, "vae", cancellable, error) && open_text_encoders (self, cancellable, error);
}
