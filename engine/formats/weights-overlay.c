/* A part of a model from another file.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/formats/weights-set.h"

#include "engine/error.h"
#include "engine/formats/diffusers.h"

#include <glib/gi18n-lib.h>

/* The files of a VAE: of a file, of a folder that is one, or of a whole model's folder. */
static GPtrArray *
open_vae_files (const char *path, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) files = NULL;
  VelTensorFile *file;

  if (g_file_test (path, G_FILE_TEST_IS_DIR))
    return vel_diffusers_open (path, vel_diffusers_is_model (path) ? "vae" : "", cancellable, error);
  file = vel_tensor_file_open (path, cancellable, error);
  if (!file)
    return NULL;
  files = g_ptr_array_new_with_free_func ((GDestroyNotify) vel_tensor_file_unref);
  g_ptr_array_add (files, file);
  return g_steal_pointer (&files);
}

static gboolean
any_has_prefix (const char *const *names, const char *prefix)
{
  for (; *names; names++)
    if (g_str_has_prefix (*names, prefix))
      return TRUE;
  return FALSE;
}

gboolean
vel_weights_overlay_vae (VelWeights *self, const char *path, GCancellable *cancellable, GError **error)
{
  const char *prefix = vel_component_get_prefix (VEL_COMPONENT_VAE), *strip;
  g_autoptr (GPtrArray) files = open_vae_files (path, cancellable, error), items = g_ptr_array_new_with_free_func (vel_weights_item_free);
  g_autofree const char **names = NULL, **all = NULL;
  g_autoptr (VelNames) translated = NULL;

  if (!files)
    return FALSE;
  all = vel_weights_collect_names (files, "");
  strip = any_has_prefix (all, prefix) ? prefix : "";
  names = vel_weights_collect_names (files, strip);
  if (!any_has_prefix (names, "decoder.conv_in.")) {
    g_autofree char *shown = g_filename_display_name (path);

    g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("“%s” holds no VAE: there is no “decoder.conv_in.weight” in it"), shown);
    return FALSE;
  }
  if (any_has_prefix (names, "decoder.mid_block.") || any_has_prefix (names, "decoder.up_blocks."))
    translated = vel_names_new (VEL_COMPONENT_VAE, names);
  vel_weights_add_component (items, files, VEL_COMPONENT_VAE, translated, strip, "");
  if (!vel_weights_settle (self, items, error))
    return FALSE;

  for (guint i = 0; i < self->items->len; i++) {
    VelWeightsItem *item = self->items->pdata[i];

    g_ptr_array_add (g_str_has_prefix (item->name, prefix) ? self->replaced : items, item);
  }
  vel_weights_take (self, g_steal_pointer (&items));
  for (guint f = 0; f < files->len; f++)
    g_ptr_array_add (self->files, vel_tensor_file_ref (files->pdata[f]));
  g_clear_pointer (&self->components[VEL_COMPONENT_VAE], vel_names_free);
  self->components[VEL_COMPONENT_VAE] = g_steal_pointer (&translated);
  self->folders[VEL_COMPONENT_VAE] = "vae";
  return TRUE;
}
