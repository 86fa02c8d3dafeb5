/* Filling a set of tensors.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/formats/weights-set.h"

#include "engine/error.h"
#include "engine/formats/shown.h"

#include <glib/gi18n-lib.h>
#include <string.h>

void
vel_weights_item_free (gpointer data)
{
  VelWeightsItem *item = data;

  g_free (item->name);
  g_free (item->own_name);
  g_free (item->copy);
  g_free (item);
}

void
vel_weights_add (GPtrArray *items, VelTensorFile *file, const VelTensorEntry *entry, char *name, char *own_name)
{
  VelWeightsItem *item = g_new0 (VelWeightsItem, 1);

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
  return strcmp ((*(VelWeightsItem *const *) a)->name, (*(VelWeightsItem *const *) b)->name);
}

gboolean
vel_weights_settle (VelWeights *self, GPtrArray *items, GError **error)
{
  g_ptr_array_sort (items, compare_items);
  for (guint i = 1; i < items->len; i++) {
    const VelWeightsItem *a = items->pdata[i - 1], *b = items->pdata[i];

    if (g_str_equal (a->name, b->name)) {
      g_autofree char *x = vel_shown (a->own_name ? a->own_name : a->name), *y = vel_shown (b->own_name ? b->own_name : b->name);

      g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("“%s” is no usable model: it has one tensor twice, as “%s” and “%s”"),
                   self->shown, x, y);
      return FALSE;
    }
  }
  return TRUE;
}

void
vel_weights_take (VelWeights *self, GPtrArray *items)
{
  if (self->items != items) {
    if (self->items)
      g_ptr_array_set_free_func (self->items, NULL);
    g_clear_pointer (&self->items, g_ptr_array_unref);
    self->items = items;
  }
  g_ptr_array_sort (items, compare_items);
  g_free (self->names);
  self->names = g_new0 (const char *, self->items->len + 1);
  for (guint i = 0; i < self->items->len; i++)
    self->names[i] = ((VelWeightsItem *) self->items->pdata[i])->name;
}

const char **
vel_weights_collect_names (GPtrArray *files, const char *strip)
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

void
vel_weights_add_component (GPtrArray *items, GPtrArray *files, VelComponent component, VelNames *names, const char *strip,
                           const char *where)
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
      vel_weights_add (items, files->pdata[f], entry, original, g_strconcat (where, entry->name, NULL));
    }
}
