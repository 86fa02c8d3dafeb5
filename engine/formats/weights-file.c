/* A model in one file.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/weights-set.h"

#include <string.h>

/* What a single file calls its text encoders, where that is not what the original layout does. */
static const struct {
  const char *prefix, *original;
  gboolean renumbered; /* only in files that have a second encoder of this name */
} old_names[] = {
  { "cond_stage_model.transformer.embeddings.", "cond_stage_model.transformer.text_model.embeddings.", FALSE }, /* the oldest SD1 files */
  { "cond_stage_model.transformer.encoder.", "cond_stage_model.transformer.text_model.encoder.", FALSE },
  { "cond_stage_model.transformer.final_layer_norm.", "cond_stage_model.transformer.text_model.final_layer_norm.", FALSE },
  /* stable-diffusion.cpp's converter, which has OpenCLIP's in transformers' layout but for the projection: SD2's, and SDXL's two */
  { "cond_stage_model.transformer.text_model.text_projection", "cond_stage_model.model.text_projection", FALSE },
  { "cond_stage_model.1.transformer.text_model.text_projection", "conditioner.embedders.1.model.text_projection", TRUE },
  { "cond_stage_model.1.", "conditioner.embedders.1.", TRUE },
  { "cond_stage_model.", "conditioner.embedders.0.", TRUE },
};

/* Returns: (transfer full) */
static char *
original_name (const char *name, gboolean renumbered)
{
  for (guint i = 0; i < G_N_ELEMENTS (old_names); i++)
    if ((renumbered || !old_names[i].renumbered) && g_str_has_prefix (name, old_names[i].prefix))
      return g_strconcat (old_names[i].original, name + strlen (old_names[i].prefix), NULL);
  return g_strdup (name);
}

gboolean
vel_weights_open_file (VelWeights *self, GCancellable *cancellable, GError **error)
{
  VelTensorFile *file = vel_tensor_file_open (self->path, cancellable, error);
  gboolean renumbered = FALSE;

  if (!file)
    return FALSE;
  g_ptr_array_add (self->files, file);
  for (gsize i = 0; i < vel_tensor_file_get_count (file); i++)
    renumbered |= g_str_has_prefix (vel_tensor_file_get (file, i)->name, "cond_stage_model.1.");
  for (gsize i = 0; i < vel_tensor_file_get_count (file); i++) {
    const VelTensorEntry *entry = vel_tensor_file_get (file, i);
    char *name = original_name (entry->name, renumbered);

    vel_weights_add (self->items, file, entry, name, g_str_equal (name, entry->name) ? NULL : g_strdup (entry->name));
  }
  return TRUE;
}
