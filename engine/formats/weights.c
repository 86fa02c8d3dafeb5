/* Named tensors of a model: a sorted list of items, each a tensor of some file under its original name.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/formats/weights.h"

#include "engine/error.h"
#include "engine/formats/diffusers.h"
#include "engine/formats/float8-scales.h"
#include "engine/formats/names.h"
#include "engine/formats/shown.h"

#include <glib/gi18n-lib.h>
#include <string.h>

typedef struct {
  VelTensorEntry stored; /* name: in the original layout; shape as in the file */
  VelTensorEntry view;   /* as it was asked for */
  VelTensorFile *file;  /* kept alive by VelWeights.files */
  char *name;            /* stored.name, owned */
  char *own_name;        /* "unet/conv_in.weight" if the file says something else, or NULL */
  void *copy;            /* of data that is not plain as it lies in the file */
  gboolean used;
} Item;

struct VelWeights {
  gatomicrefcount references;
  char *path, *shown;
  gboolean folder;
  GPtrArray *files;            /* VelTensorFile; the first is the unet's */
  GPtrArray *items;            /* Item, sorted by name */
  GPtrArray *replaced;         /* Item, alive for those who borrowed them */
  VelNames *components[VEL_N_COMPONENTS]; /* of a folder; NULL if it has none */
  const char *folders[VEL_N_COMPONENTS];  /* where they are; NULL likewise */
  const char **names;          /* of the items */
};

static void
free_item (gpointer data)
{
  Item *item = data;

  g_free (item->name);
  g_free (item->own_name);
  g_free (item->copy);
  g_free (item);
}

/* Takes both names. */
static void
add_item (GPtrArray *items, VelTensorFile *file, const VelTensorEntry *entry, char *name, char *own_name)
{
  Item *item = g_new0 (Item, 1);

  item->stored = *entry;
  item->stored.name = item->name = name;
  item->view = item->stored;
  item->own_name = own_name;
  item->file = file;
  g_ptr_array_add (items, item);
}

static int
compare_items (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(Item *const *) a)->name, (*(Item *const *) b)->name);
}

/* Sorts, and refuses two tensors that come to the same name. */
static gboolean
settle (VelWeights *self, GPtrArray *items, GError **error)
{
  g_ptr_array_sort (items, compare_items);
  for (guint i = 1; i < items->len; i++) {
    const Item *a = items->pdata[i - 1], *b = items->pdata[i];

    if (g_str_equal (a->name, b->name)) {
      g_autofree char *x = vel_shown (a->own_name ? a->own_name : a->name), *y = vel_shown (b->own_name ? b->own_name : b->name);

      g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("“%s” is no usable model: it has one tensor twice, as “%s” and “%s”"),
                   self->shown, x, y);
      return FALSE;
    }
  }
  return TRUE;
}

static void
list_names (VelWeights *self)
{
  g_free (self->names);
  self->names = g_new0 (const char *, self->items->len + 1);
  for (guint i = 0; i < self->items->len; i++)
    self->names[i] = ((Item *) self->items->pdata[i])->name;
}

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

static gboolean
open_single (VelWeights *self, GCancellable *cancellable, GError **error)
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

    add_item (self->items, file, entry, name, g_str_equal (name, entry->name) ? NULL : g_strdup (entry->name));
  }
  return TRUE;
}

/* strip: what to take off every name, and only tensors under it count; "" for none. Returns: (transfer container) */
static const char **
collect_names (GPtrArray *files, const char *strip)
{
  GPtrArray *names = g_ptr_array_new ();

  for (guint f = 0; f < files->len; f++)
    for (gsize i = 0; i < vel_tensor_file_get_count (files->pdata[f]); i++) {
      const char *name = vel_tensor_file_get (files->pdata[f], i)->name;

      if (g_str_has_prefix (name, strip))
        g_ptr_array_add (names, (gpointer) (name + strlen (strip)));
    }
  g_ptr_array_add (names, NULL);
  return (const char **) g_ptr_array_free (names, FALSE);
}

/* A tensor whose name the original layout does not have stays under its own, so that it is found among the unused. names: (nullable)
 * NULL if the files are in the original layout. where: put before own names. */
static void
add_component (GPtrArray *items, GPtrArray *files, VelComponent component, VelNames *names, const char *strip, const char *where)
{
  const char *prefix = vel_component_get_prefix (component);

  for (guint f = 0; f < files->len; f++)
    for (gsize i = 0; i < vel_tensor_file_get_count (files->pdata[f]); i++) {
      const VelTensorEntry *entry = vel_tensor_file_get (files->pdata[f], i);
      const char *stripped;
      char *original;

      if (!g_str_has_prefix (entry->name, strip))
        continue;
      stripped = entry->name + strlen (strip);
      original = names ? vel_names_to_original (names, stripped) : NULL;
      if (!original)
        original = g_strconcat (prefix, stripped, NULL);
      add_item (items, files->pdata[f], entry, original, g_strconcat (where, entry->name, NULL));
    }
}

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
  names = collect_names (files, "");
  self->folders[component] = folder;
  self->components[component] = vel_names_new (component, names);
  add_component (self->items, files, component, self->components[component], "", where);
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

  if (first && !open_component (self, second ? VEL_COMPONENT_TEXT_ENCODER_1 : VEL_COMPONENT_TEXT_ENCODER, "text_encoder", cancellable, error))
    return FALSE;
  return !second
         || open_component (self, first ? VEL_COMPONENT_TEXT_ENCODER_2 : VEL_COMPONENT_TEXT_ENCODER_1, "text_encoder_2", cancellable, error);
}

static gboolean
open_folder (VelWeights *self, GCancellable *cancellable, GError **error)
{
  self->folder = TRUE;
  if (!vel_diffusers_is_model (self->path)) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("“%s” is no diffusers model: it has no folder “unet”"), self->shown);
    return FALSE;
  }
  return open_component (self, VEL_COMPONENT_UNET, "unet", cancellable, error)
         && open_component (self, VEL_COMPONENT_VAE, "vae", cancellable, error) && open_text_encoders (self, cancellable, error);
}

VelWeights *
vel_weights_open (const char *path, GCancellable *cancellable, GError **error)
{
  g_autoptr (VelWeights) self = g_new0 (VelWeights, 1);

  g_atomic_ref_count_init (&self->references);
  self->path = g_strdup (path);
  self->shown = g_filename_display_name (path);
  self->files = g_ptr_array_new_with_free_func ((GDestroyNotify) vel_tensor_file_unref);
  self->items = g_ptr_array_new_with_free_func (free_item);
  self->replaced = g_ptr_array_new_with_free_func (free_item);
  if (!(g_file_test (path, G_FILE_TEST_IS_DIR) ? open_folder : open_single) (self, cancellable, error) ||
      !settle (self, self->items, error))
    return NULL;
  list_names (self);
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
  for (guint c = 0; c < G_N_ELEMENTS (self->components); c++)
    g_clear_pointer (&self->components[c], vel_names_free);
  g_ptr_array_unref (self->items);
  g_ptr_array_unref (self->replaced);
  g_ptr_array_unref (self->files);
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
  g_autoptr (GPtrArray) files = open_vae_files (path, cancellable, error), items = g_ptr_array_new_with_free_func (free_item);
  g_autofree const char **names = NULL, **all = NULL;
  g_autoptr (VelNames) translated = NULL;

  if (!files)
    return FALSE;
  all = collect_names (files, "");
  strip = any_has_prefix (all, prefix) ? prefix : "";
  names = collect_names (files, strip);
  if (!any_has_prefix (names, "decoder.conv_in.")) {
    g_autofree char *shown = g_filename_display_name (path);

    g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("“%s” holds no VAE: there is no “decoder.conv_in.weight” in it"), shown);
    return FALSE;
  }
  if (any_has_prefix (names, "decoder.mid_block.") || any_has_prefix (names, "decoder.up_blocks."))
    translated = vel_names_new (VEL_COMPONENT_VAE, names);
  add_component (items, files, VEL_COMPONENT_VAE, translated, strip, "");
  if (!settle (self, items, error))
    return FALSE;

  for (guint i = 0; i < self->items->len; i++) {
    Item *item = self->items->pdata[i];

    g_ptr_array_add (g_str_has_prefix (item->name, prefix) ? self->replaced : items, item);
  }
  g_ptr_array_set_free_func (self->items, NULL); /* all have moved */
  g_ptr_array_unref (self->items);
  self->items = g_steal_pointer (&items);
  for (guint f = 0; f < files->len; f++)
    g_ptr_array_add (self->files, vel_tensor_file_ref (files->pdata[f]));
  g_clear_pointer (&self->components[VEL_COMPONENT_VAE], vel_names_free);
  self->components[VEL_COMPONENT_VAE] = g_steal_pointer (&translated);
  self->folders[VEL_COMPONENT_VAE] = "vae";
  g_ptr_array_sort (self->items, compare_items);
  list_names (self);
  return TRUE;
}

static Item *
find_item (VelWeights *self, const char *name)
{
  gsize low = 0, high = self->items->len;

  while (low < high) {
    gsize middle = (low + high) / 2;
    Item *item = self->items->pdata[middle];
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
  Item *item = find_item (self, name);

  return item ? &item->stored : NULL;
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

/* The name as people will look for it: the original one, and the folder's where that differs. Returns: (transfer full) */
static char *
describe (VelWeights *self, const char *name)
{
  g_autofree char *shown = vel_shown (name), *own = NULL, *shown_own = NULL;
  const Item *item = find_item (self, name);

  if (item)
    own = g_strdup (item->own_name);
  else
    for (guint c = 0; !own && c < G_N_ELEMENTS (self->components); c++)
      if (self->components[c] && self->folders[c]) {
        g_autofree char *stored = vel_names_to_stored (self->components[c], name);

        own = stored ? g_strconcat (self->folders[c], "/", stored, NULL) : NULL;
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
use_copy (Item *item)
{
  item->view.data = item->copy;
  item->view.strides = NULL;
  item->view.decode = NULL;
  item->view.span = item->view.bytes;
  return TRUE;
}

/* Files of older writers begin their data anywhere, checkpoints hold views and quantised types: kernels read whole elements in a row. */
static gboolean
make_plain (Item *item, GError **error)
{
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
  Item *item = find_item (self, name);
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
    g_set_error (error, VEL_ERROR, VEL_ERROR_WEIGHT, _ ("%s is missing from “%s”"), described, self->shown);
  else if (!item->stored.known || item->stored.type > VEL_BF16)
    g_set_error (error, VEL_ERROR, VEL_ERROR_WEIGHT,
                 item->stored.known || item->stored.shape.n < VEL_MAX_AXES
                     ? _ ("%s in “%s” is stored as %s; F32, F16 or BF16 was wanted")
                     : _ ("%s in “%s” is stored as %s or has too many axes; F32, F16 or BF16 was wanted"),
                 described, self->shown, item->stored.dtype);
  else {
    found = describe_shape (item->stored.shape);
    wanted = describe_shape (shape);
    g_set_error (error, VEL_ERROR, VEL_ERROR_WEIGHT, _ ("%s in “%s” has the shape %s; %s was wanted"), described, self->shown, found,
                 wanted);
  }
  return NULL;
}

const VelTensorEntry *
vel_weights_load (VelWeights *self, const char *name, GError **error)
{
  Item *item = find_item (self, name);

  if (!item) {
    g_autofree char *described = describe (self, name);

    g_set_error (error, VEL_ERROR, VEL_ERROR_WEIGHT, _ ("%s is missing from “%s”"), described, self->shown);
    return NULL;
  }
  return make_plain (item, error) ? &item->view : NULL;
}

gboolean
vel_weights_release (VelWeights *self, const VelTensorEntry *entry, GError **error)
{
  Item *item = find_item (self, entry->name);

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
         strstr (name, "model_ema.") ||
         g_str_has_prefix (name, "first_stage_model.loss.") || vel_float8_scale_is_name (name);
}

GStrv
vel_weights_dup_unused (VelWeights *self)
{
  g_autoptr (GStrvBuilder) unused = g_strv_builder_new ();

  for (guint i = 0; i < self->items->len; i++) {
    const Item *item = self->items->pdata[i];

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
    bytes += ((Item *) self->items->pdata[i])->stored.bytes;
  return bytes;
}

guint64
vel_weights_get_stored_bytes (VelWeights *self)
{
  guint64 bytes = 0;

  for (guint i = 0; i < self->items->len; i++)
    bytes += ((Item *) self->items->pdata[i])->stored.span;
  return bytes;
}
