/* What a set of tensors is asked for: a sorted list of items, each a tensor of some file under its original name.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/formats/weights-set.h"

#include "engine/error.h"
#include "engine/formats/diffusers.h"
#include "engine/formats/float8-scales.h"
#include "engine/formats/shown.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* A folder that is no part's is a whole model's, or is told what it lacks. */
static gboolean
is_model_folder (const char *path)
{
  g_autofree char *part = vel_diffusers_is_model (path) ? NULL : vel_diffusers_find (path, "");

  return g_file_test (path, G_FILE_TEST_IS_DIR) && !part;
}

VelWeights *
vel_weights_new (const char *path)
{
  VelWeights *self = g_new0 (VelWeights, 1);

  g_atomic_ref_count_init (&self->references);
  self->path = g_strdup (path);
  self->shown = g_filename_display_name (path);
  self->files = g_ptr_array_new_with_free_func ((GDestroyNotify) vel_tensor_file_unref);
  self->items = g_ptr_array_new_with_free_func (vel_weights_item_free);
  self->replaced = g_ptr_array_new_with_free_func (vel_weights_item_free);
  return self;
}

VelWeights *
vel_weights_open (const char *path, GCancellable *cancellable, GError **error)
{
  g_autoptr (VelWeights) self = vel_weights_new (path);

  if (!(is_model_folder (path) ? vel_weights_open_folder : vel_weights_open_file) (self, cancellable, error) ||
      !vel_weights_settle (self, self->items, error))
    return NULL;
  vel_weights_take (self, self->items);
  return g_steal_pointer (&self);
}

VelWeights *
vel_weights_ref (VelWeights *self)
{
  g_atomic_ref_count_inc (&self->references);
  return self;
}

void
vel_weights_unref (VelWeights *self)
{
  if (!g_atomic_ref_count_dec (&self->references))
    return;
  for (guint c = 0; c < VEL_N_COMPONENTS; c++) {
    g_clear_pointer (&self->components[c], vel_names_free);
    g_free (self->roots[c]);
    g_free (self->sources[c]);
  }
  g_ptr_array_unref (self->items);
  g_ptr_array_unref (self->replaced);
  g_ptr_array_unref (self->files);
  g_clear_pointer (&self->base, vel_weights_unref);
  g_free (self->names);
  g_free (self->path);
  g_free (self->shown);
  g_free (self);
}

const char *
vel_weights_get_path (VelWeights *self)
{
  return self->path;
}

const char *
vel_weights_get_container (VelWeights *self)
{
  return self->folder ? "diffusers" : vel_tensor_file_get_container (self->files->pdata[0]);
}

gboolean
vel_weights_are_translated (VelWeights *self)
{
  for (guint c = 0; c < VEL_N_COMPONENTS; c++)
    if (self->roots[c])
      return TRUE;
  return FALSE;
}

static VelWeightsItem *
find_item (VelWeights *self, const char *name)
{
  gsize low = 0, high = self->items->len;

  while (low < high) {
    gsize middle = (low + high) / 2;
    VelWeightsItem *item = self->items->pdata[middle];
    int order = strcmp (name, item->name);

    if (order == 0)
      return item;
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return NULL;
}

gboolean
vel_weights_has (VelWeights *self, const char *name)
{
  return find_item (self, name) != NULL;
}

const VelTensorEntry *
vel_weights_find (VelWeights *self, const char *name)
{
  VelWeightsItem *item = find_item (self, name);

  return item ? &item->stored : NULL;
}

gint64
vel_weights_get_size (VelWeights *self, const char *name, guint axis)
{
  const VelTensorEntry *entry = vel_weights_find (self, name);

  return entry && entry->known && axis < entry->shape.n ? entry->shape.size[axis] : 0;
}

const char *
vel_weights_get_source (VelWeights *self, VelComponent component)
{
  return self->sources[component] ? self->sources[component] : self->path;
}

static gboolean
has_prefix (VelWeights *self, const char *prefix)
{
  for (guint i = 0; self->names[i]; i++)
    if (g_str_has_prefix (self->names[i], prefix))
      return TRUE;
  return FALSE;
}

gboolean
vel_weights_has_part (VelWeights *self, VelPartKind kind)
{
  static const char *const prefixes[VEL_N_PARTS][2] = { { "model.diffusion_model." },
                                                        { "cond_stage_model.", "conditioner.embedders." },
                                                        { "first_stage_model." } };

  return has_prefix (self, prefixes[kind][0]) || (prefixes[kind][1] && has_prefix (self, prefixes[kind][1]));
}

gint64
vel_weights_get_text_width (VelWeights *self, VelComponent component)
{
  static const char *const embeddings[] = { "transformer.text_model.embeddings.token_embedding.weight", "model.token_embedding.weight" };

  for (guint i = 0; i < G_N_ELEMENTS (embeddings); i++) {
    g_autofree char *name = g_strconcat (vel_component_get_prefix (component), embeddings[i], NULL);
    gint64 width = vel_weights_get_size (self, name, 1);

    if (width > 0)
      return width;
  }
  return 0;
}

const char *
vel_weights_get_other (VelWeights *self)
{
  const VelOther *other = vel_other_find (self->names);

  return other ? other->id : NULL;
}

const char *
vel_weights_describe (VelWeights *self)
{
  return self->what;
}

const char *const *
vel_weights_get_names (VelWeights *self)
{
  return self->names;
}

const char *
vel_weights_get_metadata (VelWeights *self, const char *key)
{
  return vel_tensor_file_get_metadata (self->files->pdata[0], key);
}

GHashTable *
vel_weights_get_all_metadata (VelWeights *self)
{
  return vel_tensor_file_get_all_metadata (self->files->pdata[0]);
}

char *
vel_weights_get_config (VelWeights *self, const char *file, const char *key)
{
  return self->folder ? vel_diffusers_get_config (self->path, file, key) : NULL;
}

/* The file that a tensor is in, or would be. */
static const char *
shown_of (VelWeights *self, const char *name)
{
  for (guint c = 0; c < VEL_N_COMPONENTS; c++)
    if (self->sources[c] && g_str_has_prefix (name, vel_component_get_prefix (c)))
      return self->sources[c];
  return self->shown;
}

/* The name as people will look for it: the original one, and the folder's where that differs. Returns: (transfer full) */
static char *
describe (VelWeights *self, const char *name)
{
  g_autofree char *shown = vel_shown (name), *own = NULL, *shown_own = NULL;
  const VelWeightsItem *item = find_item (self, name);

  if (item)
    own = g_strdup (item->own_name);
  else
    for (guint c = 0; !own && c < VEL_N_COMPONENTS; c++)
      if (self->components[c]) {
        g_autofree char *stored = vel_names_to_stored (self->components[c], name);

        own = stored ? g_strconcat (self->roots[c], stored, NULL) : NULL;
      }
  if (!own)
    return g_strdup_printf (_ ("tensor “%s”"), shown);
  shown_own = vel_shown (own);
  /* Translators: its name in the model's family; its name in this file */
  return g_strdup_printf (_ ("tensor “%s” (here “%s”)"), shown, shown_own);
}

static char *
describe_shape (VelShape shape)
{
  GString *out = g_string_new ("[");

  for (unsigned i = 0; i < shape.n; i++)
    if (shape.size[i] < 0)
      /* Translators: any size, as in the shape “[any, 320]” */
      g_string_append_printf (out, "%s%s", i ? ", " : "", _ ("any"));
    else
      g_string_append_printf (out, "%s%" G_GINT64_FORMAT, i ? ", " : "", shape.size[i]);
  return g_string_free (g_string_append_c (out, ']'), FALSE);
}

/* Whether the stored shape can be presented as the wanted one; a 1x1 convolution and a matrix are the same numbers. */
static gboolean
fits (VelShape stored, VelShape wanted)
{
  if (stored.n == 2 && wanted.n == 4)
    stored = VEL_SHAPE (stored.size[0], stored.size[1], 1, 1);
  else if (stored.n == 4 && wanted.n == 2 && stored.size[2] == 1 && stored.size[3] == 1)
    stored.n = 2;
  if (stored.n != wanted.n)
    return FALSE;
  for (unsigned i = 0; i < stored.n; i++)
    if (wanted.size[i] >= 0 && wanted.size[i] != stored.size[i])
      return FALSE;
  return TRUE;
}

static gboolean
use_copy (VelWeightsItem *item)
{
  item->view.data = item->copy;
  item->view.strides = NULL;
  item->view.decode = NULL;
  item->view.span = item->view.bytes;
  return TRUE;
}

/* A difference is as large as what it is added to, in floats. */
static gboolean
make_sum (VelWeightsItem *item, GError **error)
{
  gsize count = (gsize) vel_shape_count (item->stored.shape);

  item->view = item->stored;
  item->view.type = VEL_F32;
  item->view.bytes = count * sizeof (float);
  if (item->copy)
    return use_copy (item);
  item->copy = g_try_malloc (MAX (item->view.bytes, 1));
  if (!item->copy) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_MEMORY, _ ("there is no memory for tensor “%s” of %zu bytes"), item->name, item->view.bytes);
    return FALSE;
  }
  vel_weights_sum (&item->stored, item->base, item->copy);
  return use_copy (item);
}

/* Files of older writers begin their data anywhere, checkpoints hold views and quantised types: kernels read whole elements in a row. */
static gboolean
make_plain (VelWeightsItem *item, GError **error)
{
  if (item->base)
    return make_sum (item, error);
  item->view = item->stored;
  if (vel_tensor_entry_is_plain (&item->stored))
    return TRUE;
  if (item->copy)
    return use_copy (item);
  item->copy = g_try_malloc (MAX (item->stored.bytes, 1));
  if (!item->copy) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_MEMORY, _ ("there is no memory for tensor “%s” of %zu bytes"), item->name, item->stored.bytes);
    return FALSE;
  }
  vel_tensor_entry_read (&item->stored, item->copy);
  return use_copy (item);
}

const VelTensorEntry *
vel_weights_get (VelWeights *self, const char *name, VelShape shape, GError **error)
{
  VelWeightsItem *item = find_item (self, name);
  g_autofree char *described = NULL, *found = NULL, *wanted = NULL;

  if (item)
    item->used = TRUE;
  if (item && item->stored.known && item->stored.type <= VEL_BF16 && fits (item->stored.shape, shape)) {
    if (!make_plain (item, error))
      return NULL;
    if (item->view.shape.n == 2 && shape.n == 4)
      item->view.shape.size[2] = item->view.shape.size[3] = 1;
    item->view.shape.n = shape.n;
    return &item->view;
  }
  described = describe (self, name);
  if (!item)
    /* Translators: “tensor “NAME””; a file. The sentences below begin so too. */
    g_set_error (error, VEL_ERROR, VEL_ERROR_WEIGHT, _ ("%s is missing from “%s”"), described, shown_of (self, name));
  else if (!item->stored.known || item->stored.type > VEL_BF16)
    g_set_error (error, VEL_ERROR, VEL_ERROR_WEIGHT,
                 item->stored.known || item->stored.shape.n < VEL_MAX_AXES
                     ? _ ("%s in “%s” is stored as %s; F32, F16 or BF16 was wanted")
                     : _ ("%s in “%s” is stored as %s or has too many axes; F32, F16 or BF16 was wanted"),
                 described, shown_of (self, name), item->stored.dtype);
  else {
    found = describe_shape (item->stored.shape);
    wanted = describe_shape (shape);
    g_set_error (error, VEL_ERROR, VEL_ERROR_WEIGHT, _ ("%s in “%s” has the shape %s; %s was wanted"), described, shown_of (self, name),
                 found, wanted);
  }
  return NULL;
}

const VelTensorEntry *
vel_weights_load (VelWeights *self, const char *name, GError **error)
{
  VelWeightsItem *item = find_item (self, name);

  if (!item) {
    g_autofree char *described = describe (self, name);

    g_set_error (error, VEL_ERROR, VEL_ERROR_WEIGHT, _ ("%s is missing from “%s”"), described, shown_of (self, name));
    return NULL;
  }
  return make_plain (item, error) ? &item->view : NULL;
}

gboolean
vel_weights_release (VelWeights *self, const VelTensorEntry *entry, GError **error)
{
  VelWeightsItem *item = find_item (self, entry->name);

  if (!item || (entry != &item->view && entry != &item->stored))
    return TRUE; /* of a VAE that was replaced */
  vel_tensor_file_release (item->file, &item->stored);
  item->view.data = item->stored.data;
  g_clear_pointer (&item->copy, g_free);
  return vel_tensor_file_check_intact (item->file, error);
}

/* Buffers and copies that old checkpoints carry and nothing needs, and scales that weights were read with. */
static gboolean
is_ballast (const char *name)
{
  return g_str_has_suffix (name, ".position_ids") || g_str_has_suffix (name, ".logit_scale") || strstr (name, ".text_projection") ||
         strstr (name, "model_ema.") || g_str_has_prefix (name, "control_model.") || g_str_has_prefix (name, "first_stage_model.loss.") || vel_float8_scale_is_name (name);
}

GStrv
vel_weights_dup_unused (VelWeights *self)
{
  g_autoptr (GStrvBuilder) unused = g_strv_builder_new ();

  for (guint i = 0; i < self->items->len; i++) {
    const VelWeightsItem *item = self->items->pdata[i];

    for (guint c = 0; !item->used && c < VEL_N_COMPONENTS; c++)
      if (g_str_has_prefix (item->name, vel_component_get_prefix (c)) && !is_ballast (item->name))
        g_strv_builder_add (unused, item->own_name ? item->own_name : item->name);
  }
  return g_strv_builder_end (unused);
}

guint64
vel_weights_get_bytes (VelWeights *self)
{
  guint64 bytes = 0;

  for (guint i = 0; i < self->items->len; i++)
    bytes += ((VelWeightsItem *) self->items->pdata[i])->stored.bytes;
  return bytes;
}

guint64
vel_weights_get_stored_bytes (VelWeights *self)
{
  guint64 bytes = 0;

  for (guint i = 0; i < self->items->len; i++)
    bytes += ((VelWeightsItem *) self->items->pdata[i])->stored.span;
  return bytes;
}
