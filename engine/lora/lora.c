/* Tensors of a LoRA file, sorted by the layers they change.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/lora/lora.h"

#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <string.h>

#include "engine/error.h"
#include "engine/lora/adapter.h"

/* What follows a layer's name. The longest that fits is taken. */
static const struct {
  const char *text;
  VelDeltaRole role;
} endings[] = {
  { ".lora_down.weight", VEL_DELTA_DOWN },
  { ".lora_A.weight", VEL_DELTA_DOWN },
  { ".lora_A.default.weight", VEL_DELTA_DOWN },
  { ".lora.down.weight", VEL_DELTA_DOWN },
  { "_lora.down.weight", VEL_DELTA_DOWN },
  { ".lora_linear_layer.down.weight", VEL_DELTA_DOWN },
  { ".lora_up.weight", VEL_DELTA_UP },
  { ".lora_B.weight", VEL_DELTA_UP },
  { ".lora_B.default.weight", VEL_DELTA_UP },
  { ".lora.up.weight", VEL_DELTA_UP },
  { "_lora.up.weight", VEL_DELTA_UP },
  { ".lora_linear_layer.up.weight", VEL_DELTA_UP },
  { ".lora_mid.weight", VEL_DELTA_MID },
  { ".alpha", VEL_DELTA_ALPHA },
  { ".dora_scale", VEL_DELTA_DORA_SCALE },
  { ".lora_magnitude_vector", VEL_DELTA_DORA_SCALE },
  { ".lora_magnitude_vector.weight", VEL_DELTA_DORA_SCALE },
  { ".lora_magnitude_vector.default.weight", VEL_DELTA_DORA_SCALE },
  { ".hada_w1_a", VEL_DELTA_HADA_W1A },
  { ".hada_w1_b", VEL_DELTA_HADA_W1B },
  { ".hada_w2_a", VEL_DELTA_HADA_W2A },
  { ".hada_w2_b", VEL_DELTA_HADA_W2B },
  { ".hada_t1", VEL_DELTA_HADA_T1 },
  { ".hada_t2", VEL_DELTA_HADA_T2 },
  { ".lokr_w1", VEL_DELTA_LOKR_W1 },
  { ".lokr_w1_a", VEL_DELTA_LOKR_W1A },
  { ".lokr_w1_b", VEL_DELTA_LOKR_W1B },
  { ".lokr_w2", VEL_DELTA_LOKR_W2 },
  { ".lokr_w2_a", VEL_DELTA_LOKR_W2A },
  { ".lokr_w2_b", VEL_DELTA_LOKR_W2B },
  { ".lokr_t2", VEL_DELTA_LOKR_T2 },
  { ".weight", VEL_DELTA_IA3 },
  { ".on_input", VEL_DELTA_IA3_ON_INPUT },
  { ".a1.weight", VEL_DELTA_GLORA_A1 },
  { ".a2.weight", VEL_DELTA_GLORA_A2 },
  { ".b1.weight", VEL_DELTA_GLORA_B1 },
  { ".b2.weight", VEL_DELTA_GLORA_B2 },
  { ".bm.weight", VEL_DELTA_GLORA_BM },
  { ".oft_blocks", VEL_DELTA_OFT_BLOCKS },
  { ".oft_diag", VEL_DELTA_OFT_DIAG },
  { ".rescale", VEL_DELTA_OFT_RESCALE },
  { ".diff", VEL_DELTA_DIFF },
  { ".w_norm", VEL_DELTA_DIFF },
  { ".diff_b", VEL_DELTA_DIFF_BIAS },
  { ".b_norm", VEL_DELTA_DIFF_BIAS },
};

/* Returns: length of the layer's part of a tensor's name; 0 if the tensor is nothing of a layer */
static gsize
split (const char *tensor, VelDeltaRole *role)
{
  gsize longest = 0, length = strlen (tensor);

  for (guint i = 0; i < G_N_ELEMENTS (endings); i++)
    if (g_str_has_suffix (tensor, endings[i].text) && strlen (endings[i].text) > longest) {
      longest = strlen (endings[i].text);
      *role = endings[i].role;
    }
  return longest > 0 ? length - longest : 0;
}

static void
free_layer (gpointer data)
{
  VelLoraLayer *layer = data;

  g_free (layer->name);
  g_free (layer->layer);
  g_free (layer);
}

void
vel_lora_free (VelLora *self)
{
  if (!self)
    return;
  g_clear_pointer (&self->file, vel_tensor_file_unref);
  g_clear_pointer (&self->layers, g_ptr_array_unref);
  g_strfreev (self->unknown);
  g_free (self->problem);
  g_free (self->path);
  g_free (self->name);
  g_free (self->identity);
  g_free (self);
}

static char *
identity_of (const char *path)
{
  GStatBuf info = { 0 };

  if (g_stat (path, &info) != 0)
    info.st_size = -1;
  return g_strdup_printf ("%s|%" G_GINT64_FORMAT "|%" G_GINT64_FORMAT ".%09ld", path, (gint64) info.st_size, (gint64) info.st_mtim.tv_sec,
                          (long) info.st_mtim.tv_nsec);
}

gboolean
vel_lora_is_current (const VelLora *self)
{
  g_autofree char *identity = identity_of (self->path);

  return g_str_equal (identity, self->identity);
}

/* Whether no model has tensors of this role. */
static gboolean
is_telling (VelDeltaRole role)
{
  return role != VEL_DELTA_IA3 && role != VEL_DELTA_ALPHA && role != VEL_DELTA_OFT_RESCALE;
}

gboolean
vel_lora_is_one (const char *const *names)
{
  for (; *names; names++) {
    VelDeltaRole role = VEL_N_DELTA_ROLES;

    if (split (*names, &role) > 0 && is_telling (role))
      return TRUE;
  }
  return FALSE;
}

static VelLoraLayer *
layer_of (VelLora *self, GHashTable *by_name, const char *tensor, gsize length)
{
  g_autofree char *name = g_strndup (tensor, length);
  VelLoraLayer *layer = g_hash_table_lookup (by_name, name);

  if (layer)
    return layer;
  layer = g_new0 (VelLoraLayer, 1);
  layer->layer = vel_lora_names_split (name, &layer->network);
  layer->parts.name = layer->name = g_steal_pointer (&name);
  layer->parts.path = self->path;
  g_hash_table_insert (by_name, layer->name, layer);
  g_ptr_array_add (self->layers, layer);
  return layer;
}

static int
compare_layers (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(VelLoraLayer *const *) a)->name, (*(VelLoraLayer *const *) b)->name);
}

/* Whether its tensors make a change. Any model's layers have a plain ".weight", which is (IA)3's only beside ".on_input". */
static gboolean
is_change (const VelDeltaParts *parts)
{
  return vel_delta_get_kind (parts) && (!parts->tensors[VEL_DELTA_IA3] || parts->tensors[VEL_DELTA_IA3_ON_INPUT]);
}

/* Layers whose tensors make nothing are unknown too: their tensors are listed. */
static void
drop_unknown (VelLora *self, GStrvBuilder *unknown)
{
  for (guint i = self->layers->len; i > 0; i--) {
    const VelLoraLayer *layer = self->layers->pdata[i - 1];

    if (is_change (&layer->parts))
      continue;
    for (guint role = 0; role < VEL_N_DELTA_ROLES; role++)
      if (layer->parts.tensors[role])
        g_strv_builder_add (unknown, layer->parts.tensors[role]->name);
    g_ptr_array_remove_index_fast (self->layers, i - 1);
  }
}

static void
sort_tensors (VelLora *self)
{
  g_autoptr (GHashTable) by_name = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GStrvBuilder) unknown = g_strv_builder_new ();

  for (gsize i = 0; i < vel_tensor_file_get_count (self->file); i++) {
    const VelTensorEntry *entry = vel_tensor_file_get (self->file, i);
    VelDeltaRole role = VEL_N_DELTA_ROLES;
    gsize length = split (entry->name, &role);
    VelLoraLayer *layer = length > 0 ? layer_of (self, by_name, entry->name, length) : NULL;

    if (!layer || layer->parts.tensors[role]) {
      g_strv_builder_add (unknown, entry->name);
      continue;
    }
    layer->parts.tensors[role] = entry;
    layer->parts.peft_magnitude |= g_str_has_prefix (entry->name + length, ".lora_magnitude_vector");
  }
  drop_unknown (self, unknown);
  g_ptr_array_sort (self->layers, compare_layers);
  self->unknown = g_strv_builder_end (unknown);
}

/* What the file says of its layers beside their tensors. */
static void
read_settings (VelLora *self)
{
  g_autoptr (VelLoraAdapter) adapter = vel_lora_adapter_read (self->file, self->path, &self->problem);

  for (guint i = 0; adapter && i < self->layers->len; i++) {
    VelDeltaParts *parts = &((VelLoraLayer *) self->layers->pdata[i])->parts;

    parts->alpha = vel_lora_adapter_get_alpha (adapter, parts->name, &parts->stabilised);
  }
}

static char *
stem_of (const char *path)
{
  char *name = g_path_get_basename (path), *dot = strrchr (name, '.');

  if (dot && dot != name)
    *dot = '\0';
  return name;
}

VelLora *
vel_lora_open (const char *path, GCancellable *cancellable, GError **error)
{
  g_autoptr (VelLora) self = g_new0 (VelLora, 1);

  self->path = g_strdup (path);
  self->name = stem_of (path);
  self->identity = identity_of (path);
  self->layers = g_ptr_array_new_with_free_func (free_layer);
  self->file = vel_tensor_file_open (path, cancellable, error);
  if (!self->file)
    return NULL;
  sort_tensors (self);
  read_settings (self);
  if (self->layers->len == 0) {
    g_autofree char *shown = g_filename_display_name (path);

    g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT,
                 _ ("“%s” is no LoRA: none of its %zu tensors changes a layer; a file with names like “….lora_down.weight” is wanted"),
                 shown, vel_tensor_file_get_count (self->file));
    return NULL;
  }
  return g_steal_pointer (&self);
}

char *
vel_lora_describe (const VelLora *self)
{
  g_autoptr (GPtrArray) kinds = g_ptr_array_new_with_free_func (g_free);
  gsize least = G_MAXSIZE, most = 0;

  for (guint i = 0; i < self->layers->len; i++) {
    const VelLoraLayer *layer = self->layers->pdata[i];
    const char *kind = vel_delta_get_kind (&layer->parts);
    gsize rank = vel_delta_get_rank (&layer->parts);

    if (!g_ptr_array_find_with_equal_func (kinds, kind, g_str_equal, NULL))
      g_ptr_array_add (kinds, g_strdup (kind));
    least = rank > 0 ? MIN (least, rank) : least;
    most = MAX (most, rank);
  }
  g_ptr_array_add (kinds, NULL);
  {
    g_autofree char *joined = g_strjoinv (" + ", (char **) kinds->pdata);

    if (most == 0)
      return g_steal_pointer (&joined);
    if (least == most)
      /* Translators: a kind of file, as in “LoRA, rank 16” */
      return g_strdup_printf (_ ("%s, rank %zu"), joined, most);
    return g_strdup_printf (_ ("%s, ranks %zu to %zu"), joined, least, most);
  }
}
