/* ControlNets: their tensors, and those that are differences.  SPDX-License-Identifier: Apache-2.0
 * Mikubill/sd-webui-controlnet scripts/cldm.py and scripts/controlnet.py, build_control_model. */
#include "config.h"

#include "engine/formats/weights-set.h"

#include "engine/error.h"
#include "engine/formats/diffusers.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#define UNET "model.diffusion_model."

/* What only other networks have that guide a model too, by a piece of any of its names. */
static const struct {
  const char *piece, *phrase;
} strangers[] = {
  { "lora_controlnet", N_ ("a Control-LoRA, which this version can not use yet") },
  { "task_embedding", N_ ("a union ControlNet, which this version can not use yet") },
  { "control_add_embedding", N_ ("a union ControlNet, which this version can not use yet") },
  { "lllite_", N_ ("a ControlNet-LLLite, which this version can not use yet") },
  { "adapter.body.", N_ ("a T2I-Adapter, which this version can not use yet") },
  { "image_proj.", N_ ("an IP-Adapter, which this version can not use yet") },
};

static gboolean
open_files (VelWeights *self, GCancellable *cancellable, GError **error)
{
  VelTensorFile *file;

  g_clear_pointer (&self->files, g_ptr_array_unref);
  if (g_file_test (self->path, G_FILE_TEST_IS_DIR)) {
    self->folder = TRUE;
    self->files = vel_diffusers_open (self->path, "", cancellable, error);
    if (self->files && self->files->len == 0)
      g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("“%s” is no ControlNet: it has no diffusion_pytorch_model.safetensors or .bin"),
                   self->shown);
    return self->files && self->files->len > 0;
  }
  self->files = g_ptr_array_new_with_free_func ((GDestroyNotify) vel_tensor_file_unref);
  file = vel_tensor_file_open (self->path, cancellable, error);
  if (file)
    g_ptr_array_add (self->files, file);
  return file != NULL;
}

/* Returns: (nullable) a translated phrase */
static const char *
find_stranger (const char *const *names)
{
  for (; *names; names++)
    for (guint i = 0; i < G_N_ELEMENTS (strangers); i++)
      if (strstr (*names, strangers[i].piece))
        return _ (strangers[i].phrase);
  return NULL;
}

/* What stands before the names of what reads the picture. Returns: (transfer full) (nullable): NULL if nothing does */
static char *
find_root (const char *const *names, gboolean *diffusers)
{
  static const char *const marks[] = { "input_hint_block.", "controlnet_cond_embedding." };

  for (; *names; names++)
    for (guint i = 0; i < G_N_ELEMENTS (marks); i++) {
      const char *mark = strstr (*names, marks[i]);

      if (mark && (mark == *names || mark[-1] == '.')) {
        *diffusers = i == 1;
        return g_strndup (*names, (gsize) (mark - *names));
      }
    }
  return NULL;
}

static gboolean
refuse (VelWeights *self, const char *const *names, GError **error)
{
  g_autoptr (GArray) parts = vel_parts_find (self->files);
  const char *stranger = find_stranger (names);

  g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("“%s” is no ControlNet but %s"), self->shown,
               stranger ? stranger : vel_parts_describe (parts, names));
  return FALSE;
}

static gboolean
add_tensors (VelWeights *self, GError **error)
{
  g_autofree const char **names = vel_weights_collect_names (self->files, "");
  gboolean diffusers = FALSE;
  g_autofree char *root = find_root (names, &diffusers);

  if (!root || find_stranger (names))
    return refuse (self, names, error);
  for (gsize i = 0; names[i]; i++)
    self->difference |= g_str_equal (names[i], "difference") || g_str_has_suffix (names[i], ".difference");
  if (diffusers) {
    g_autofree const char **own = vel_weights_collect_names (self->files, root);

    self->components[VEL_COMPONENT_CONTROL] = vel_names_new (VEL_COMPONENT_CONTROL, own);
    self->roots[VEL_COMPONENT_CONTROL] = g_strdup (root);
  }
  vel_weights_add_component (self->items, self->files, VEL_COMPONENT_CONTROL, self->components[VEL_COMPONENT_CONTROL], root, "");
  return TRUE;
}

VelWeights *
vel_weights_open_control (const char *path, GCancellable *cancellable, GError **error)
{
  g_autoptr (VelWeights) self = vel_weights_new (path);

  if (!open_files (self, cancellable, error) || !add_tensors (self, error) || !vel_weights_settle (self, self->items, error))
    return NULL;
  vel_weights_take (self, self->items);
  return g_steal_pointer (&self);
}

gboolean
vel_weights_is_difference (VelWeights *self)
{
  return self->difference;
}

static gboolean
is_number (const VelTensorEntry *entry)
{
  return entry->known && entry->type <= VEL_BF16;
}

gboolean
vel_weights_add_unet (VelWeights *self, VelWeights *model, GError **error)
{
  gsize prefix = strlen (vel_component_get_prefix (VEL_COMPONENT_CONTROL));

  for (guint i = 0; i < self->items->len; i++) {
    VelWeightsItem *item = self->items->pdata[i];
    g_autofree char *name = g_strconcat (UNET, item->name + prefix, NULL);
    const VelTensorEntry *base = vel_weights_find (model, name);

    if (!base || !is_number (base) || !is_number (&item->stored))
      continue;
    if (vel_shape_count (base->shape) != vel_shape_count (item->stored.shape) || base->shape.size[0] != item->stored.shape.size[0]) {
      g_set_error (
          error, VEL_ERROR, VEL_ERROR_WEIGHT,
          _ ("“%s” holds differences to a model's weights, and its “%s” is not shaped like that of “%s”; take the model it was made for"),
          self->shown, item->name, model->shown);
      return FALSE;
    }
    item->base = base;
  }
  self->base = vel_weights_ref (model);
  return TRUE;
}

/* Returns: (transfer full) */
static float *
read_floats (const VelTensorEntry *entry)
{
  gsize count = (gsize) vel_shape_count (entry->shape);
  g_autofree void *raw = g_malloc (MAX (entry->bytes, 1));
  VelTensorEntry plain = *entry;
  float *out = g_new (float, MAX (count, 1));

  vel_tensor_entry_read (entry, raw);
  plain.data = raw;
  vel_tensor_entry_widen (&plain, 0, count, out);
  return out;
}

void
vel_weights_sum (const VelTensorEntry *a, const VelTensorEntry *b, float *out)
{
  g_autofree float *x = read_floats (a), *y = read_floats (b);
  gsize count = (gsize) vel_shape_count (a->shape);

  for (gsize i = 0; i < count; i++)
    out[i] = x[i] + y[i];
}
