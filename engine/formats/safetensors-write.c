/* Writing the safetensors container.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/safetensors.h"

#include "engine/durable.h"

#include <jansson.h>
#include <string.h>

/* Header, padded with spaces so that the data begins on a multiple of 8. */
static char *
build_header (const VelTensorOut *tensors, const gsize *order, gsize count, GHashTable *metadata, gsize *length)
{
  json_t *root = json_object ();
  guint64 offset = 0;
  char *text, *padded;

  if (metadata && g_hash_table_size (metadata) > 0) {
    json_t *object = json_object ();
    GHashTableIter iter;
    gpointer key, value;

    g_hash_table_iter_init (&iter, metadata);
    while (g_hash_table_iter_next (&iter, &key, &value))
      json_object_set_new (object, key, json_string (value));
    json_object_set_new (root, "__metadata__", object);
  }
  for (gsize i = 0; i < count; i++) {
    const VelTensorOut *tensor = &tensors[order[i]];
    guint64 bytes = vel_shape_count (tensor->shape) * vel_type_size (tensor->type);
    json_t *shape = json_array ();

    for (unsigned axis = 0; axis < tensor->shape.n; axis++)
      json_array_append_new (shape, json_integer (tensor->shape.size[axis]));
    json_object_set_new (root, tensor->name, json_pack ("{s:s, s:o, s:[I, I]}", "dtype",
      (const char *[]) { "F32", "F16", "BF16", "F64", "I32", "I64", "U8" }[tensor->type], "shape", shape, "data_offsets",
      (json_int_t) offset, (json_int_t) (offset + bytes)));
    offset += bytes;
  }
  text = json_dumps (root, JSON_COMPACT);
  json_decref (root);
  *length = (strlen (text) + 7) / 8 * 8;
  padded = g_strdup_printf ("%-*s", (int) *length, text);
  free (text);
  return padded;
}

gboolean
vel_safetensors_write (const char *path, const VelTensorOut *tensors, gsize count, GHashTable *metadata, GError **error)
{
  g_autofree gsize *order = g_new (gsize, count);
  g_autofree char *folder = g_path_get_dirname (path), *header = NULL;
  g_autoptr (VelDurable) file = NULL;
  guint64 length;
  gsize n = 0;

  /* Wide types first: every tensor then is aligned to its type. */
  for (size_t size = 8; size > 0; size /= 2)
    for (gsize i = 0; i < count; i++)
      if (vel_type_size (tensors[i].type) == size)
        order[n++] = i;
  header = build_header (tensors, order, count, metadata, &n);
  length = GUINT64_TO_LE ((guint64) n);
  file = vel_durable_new (folder, error);
  if (!file || !vel_durable_write (file, &length, 8, error) || !vel_durable_write (file, header, n, error))
    return FALSE;
  for (gsize i = 0; i < count; i++) {
    const VelTensorOut *tensor = &tensors[order[i]];

    if (!vel_durable_write (file, tensor->data, vel_shape_count (tensor->shape) * vel_type_size (tensor->type), error))
      return FALSE;
  }
  return vel_durable_finish (file, path, TRUE, error);
}
