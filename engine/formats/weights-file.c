/* A model, or a part of one, in one file; of a folder that is a part in one or several.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/parts.h"
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

/* Which of the original layout's places a part has. */
static VelComponent
component_of (GArray *parts, const VelPart *part)
{
  const VelPart *unet = vel_parts_get (parts, VEL_PART_UNET, 0);

  if (part->kind == VEL_PART_UNET)
    return VEL_COMPONENT_UNET;
  if (part->kind == VEL_PART_VAE)
    return VEL_COMPONENT_VAE;
  if (vel_parts_count (parts, VEL_PART_TEXT_ENCODER) > 1)
    return part == vel_parts_get (parts, VEL_PART_TEXT_ENCODER, 0) ? VEL_COMPONENT_TEXT_ENCODER_1 : VEL_COMPONENT_TEXT_ENCODER_2;
  return unet && unet->vector ? VEL_COMPONENT_TEXT_ENCODER_1 : VEL_COMPONENT_TEXT_ENCODER;
}

/* The part that a name belongs to; of several the one whose root says most. (nullable) */
static const VelPart *
owner_of (GArray *parts, const char *name)
{
  const VelPart *owner = NULL;

  for (guint i = 0; i < parts->len; i++) {
    const VelPart *part = &g_array_index (parts, VelPart, i);

    if (vel_part_owns (part, name) && (!owner || strlen (part->root) > strlen (owner->root)))
      owner = part;
  }
  return owner;
}

/* What the file is, if it is one thing. (nullable) */
static const char *
describe (GPtrArray *files, GArray *parts)
{
  g_autofree const char **names = vel_weights_collect_names (files, "");

  return parts->len > 1 || (parts->len == 0 && !vel_other_find (names)) ? NULL : vel_parts_describe (parts, names);
}

/* Each part may speak its own dialect: single files in diffusers' naming, and mixtures of that with the original layout. */
static void
add_parts (VelWeights *self, GArray *parts)
{
  for (guint i = 0; i < parts->len; i++) {
    const VelPart *part = &g_array_index (parts, VelPart, i);
    VelComponent component = component_of (parts, part);

    if (vel_part_is_in_place (part) || self->roots[component])
      continue;
    self->components[component] = vel_part_make_names (part, component, self->files);
    self->roots[component] = g_strdup (part->root);
  }
}

/* Returns: (transfer full) */
static char *
name_of (VelWeights *self, GArray *parts, const char *stored, gboolean renumbered)
{
  const VelPart *part = owner_of (parts, stored);
  VelComponent component = part ? component_of (parts, part) : VEL_N_COMPONENTS;

  return part && !vel_part_is_in_place (part) ? vel_part_to_original (part, component, self->components[component], stored)
                                              : original_name (stored, renumbered);
}

static gboolean
has_prefix (GPtrArray *files, const char *prefix)
{
  g_autofree const char **names = vel_weights_collect_names (files, prefix);

  return names[0] != NULL;
}

gboolean
vel_weights_open_file (VelWeights *self, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) files = vel_weights_open_part_files (self->path, cancellable, error);
  g_autoptr (GArray) parts = NULL;
  gboolean renumbered;

  if (!files)
    return FALSE;
  g_ptr_array_extend_and_steal (self->files, g_steal_pointer (&files));
  parts = vel_parts_find (self->files);
  self->what = describe (self->files, parts);
  add_parts (self, parts);
  renumbered = has_prefix (self->files, "cond_stage_model.1.");
  for (guint f = 0; f < self->files->len; f++)
    for (gsize i = 0; i < vel_tensor_file_get_count (self->files->pdata[f]); i++) {
      const VelTensorEntry *entry = vel_tensor_file_get (self->files->pdata[f], i);
      char *name = name_of (self, parts, entry->name, renumbered);

      vel_weights_add (self->items, self->files->pdata[f], entry, name, g_str_equal (name, entry->name) ? NULL : g_strdup (entry->name));
    }
  return TRUE;
}
