/* Writing the safetensors container.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/safetensors.h"

#include "engine/durable.h"
#include "engine/formats/tensor-plan.h"

#include <jansson.h>
#include <string.h>

static json_t *
describe (const VelTensorPlan *tensor, guint64 offset)
{
  json_t *shape = json_array ();

  for (guint axis = 0; axis < tensor->n_axes; axis++)
    json_array_append_new (shape, json_integer (tensor->axes[axis]));
  return json_pack ("{s:s, s:o, s:[I, I]}", "dtype", tensor->dtype, "shape", shape, "data_offsets", (json_int_t) offset,
                    (json_int_t) (offset + tensor->bytes));
}

/* Header, padded with spaces so that the data begins on a multiple of 8. */
static char *
build_header (const VelTensorPlan *plan, const gsize *order, gsize count, GHashTable *metadata, gsize *length)
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
    json_object_set_new (root, plan[order[i]].name, describe (&plan[order[i]], offset));
    offset += plan[order[i]].bytes;
  }
  text = json_dumps (root, JSON_COMPACT);
  json_decref (root);
  *length = (strlen (text) + 7) / 8 * 8;
  padded = g_strdup_printf ("%-*s", (int) *length, text);
  free (text);
  return padded;
}

/* Wide types first: every tensor then is aligned to its type. */
static int
compare_widths (gconstpointer a, gconstpointer b, gpointer data)
{
  const VelTensorPlan *plan = data;
  gsize x = *(const gsize *) a, y = *(const gsize *) b;
  guint width_x = vel_tensor_type_find (plan[x].dtype)->bits, width_y = vel_tensor_type_find (plan[y].dtype)->bits;

  return width_x != width_y ? (width_x < width_y) - (width_x > width_y) : (x > y) - (x < y);
}

gboolean
vel_safetensors_write_plan (const char *path, gboolean replace, const VelTensorPlan *plan, gsize count, GHashTable *metadata,
                            VelTensorSource source, gpointer data, GError **error)
{
  g_autofree gsize *order = g_new (gsize, count);
  g_autofree char *folder = g_path_get_dirname (path), *header = NULL;
  g_autoptr (VelDurable) file = NULL;
  guint64 length;
  gsize n;

  for (gsize i = 0; i < count; i++)
    order[i] = i;
  g_qsort_with_data (order, (int) count, sizeof *order, compare_widths, (gpointer) plan);
  header = build_header (plan, order, count, metadata, &n);
  length = GUINT64_TO_LE ((guint64) n);
  file = vel_durable_new (folder, error);
  if (!file || !vel_durable_write (file, &length, 8, error) || !vel_durable_write (file, header, n, error))
    return FALSE;
  for (gsize i = 0; i < count; i++) {
    const void *bytes = source (data, order[i], error);

    if (!bytes || !vel_durable_write (file, bytes, plan[order[i]].bytes, error))
      return FALSE;
  }
  return vel_durable_finish (file, path, replace, error);
}

static const void *
from_memory (gpointer data, gsize index, GError **error)
{
  const VelTensorOut *tensors = data;

  return tensors[index].data ? tensors[index].data : ""; /* one without elements may lie nowhere */
}

gboolean
vel_safetensors_write (const char *path, const VelTensorOut *tensors, gsize count, GHashTable *metadata, GError **error)
{
  static const char *const types[] = { "F32", "F16", "BF16", "F64", "I32", "I64", "U8" };
  g_autofree VelTensorPlan *plan = g_new (VelTensorPlan, count);

  for (gsize i = 0; i < count; i++)
    plan[i] = (VelTensorPlan){
      .name = tensors[i].name,
      .dtype = types[tensors[i].type],
      .n_axes = tensors[i].shape.n,
      .axes = tensors[i].shape.size,
      .bytes = vel_shape_count (tensors[i].shape) * vel_type_size (tensors[i].type),
    };
  return vel_safetensors_write_plan (path, TRUE, plan, count, metadata, from_memory, (gpointer) tensors, error);
}
