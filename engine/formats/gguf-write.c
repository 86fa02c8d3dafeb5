/* Writing the GGUF container, version 3.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/tensor-plan.h"

#include "engine/durable.h"

#include <string.h>

#define ALIGNMENT 32
#define TEXT 8 /* types of metadata */
#define U32 4

static const struct {
  const char *name;
  guint32 number;
} types[] = {
  { "F32", 0 }, { "F16", 1 }, { "Q8_0", 8 }, { "I8", 24 }, { "I16", 25 }, { "I32", 26 }, { "I64", 27 }, { "F64", 28 }, { "BF16", 30 },
};

/* What belongs to the numbers of a file, so that a copy of it would be wrong; written as what it is now. */
static const char *const own_keys[] = { "general.alignment", "general.file_type", "general.quantization_version", NULL };

static int
find_type (const char *dtype)
{
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    if (g_str_equal (types[i].name, dtype))
      return (int) types[i].number;
  return -1;
}

gboolean
vel_gguf_has_type (const char *dtype)
{
  return find_type (dtype) >= 0;
}

static void
put_number (GByteArray *out, guint64 number, guint bytes)
{
  number = GUINT64_TO_LE (number);
  g_byte_array_append (out, (const guint8 *) &number, bytes);
}

static void
put_text (GByteArray *out, const char *text)
{
  put_number (out, strlen (text), 8);
  g_byte_array_append (out, (const guint8 *) text, strlen (text));
}

static void
put_metadata (GByteArray *out, GHashTable *metadata)
{
  g_autoptr (GList) keys = metadata ? g_list_sort (g_hash_table_get_keys (metadata), (GCompareFunc) strcmp) : NULL;

  for (GList *key = keys; key; key = key->next)
    if (!g_strv_contains (own_keys, key->data)) {
      put_text (out, key->data);
      put_number (out, TEXT, 4);
      put_text (out, g_hash_table_lookup (metadata, key->data));
    }
  put_text (out, "general.quantization_version");
  put_number (out, U32, 4);
  put_number (out, 2, 4);
}

static guint64
count_metadata (GHashTable *metadata)
{
  guint64 count = (metadata ? g_hash_table_size (metadata) : 0) + 1;

  for (guint i = 0; metadata && own_keys[i]; i++)
    count -= g_hash_table_contains (metadata, own_keys[i]) ? 1 : 0;
  return count;
}

static guint64
padding (guint64 bytes)
{
  return (ALIGNMENT - bytes % ALIGNMENT) % ALIGNMENT;
}

static GByteArray *
build_header (const VelTensorPlan *plan, gsize count, GHashTable *metadata)
{
  static const guint8 zeros[ALIGNMENT];
  GByteArray *out = g_byte_array_new ();
  guint64 offset = 0;

  g_byte_array_append (out, (const guint8 *) "GGUF", 4);
  put_number (out, 3, 4);
  put_number (out, count, 8);
  put_number (out, count_metadata (metadata), 8);
  put_metadata (out, metadata);
  for (gsize i = 0; i < count; i++) {
    put_text (out, plan[i].name);
    put_number (out, plan[i].n_axes, 4);
    for (guint axis = plan[i].n_axes; axis-- > 0;)
      put_number (out, (guint64) plan[i].axes[axis], 8);
    put_number (out, (guint64) find_type (plan[i].dtype), 4);
    put_number (out, offset, 8);
    offset += plan[i].bytes + padding (plan[i].bytes);
  }
  g_byte_array_append (out, zeros, padding (out->len));
  return out;
}

gboolean
vel_gguf_write_plan (const char *path, gboolean replace, const VelTensorPlan *plan, gsize count, GHashTable *metadata,
                     VelTensorSource source, gpointer data, GError **error)
{
  static const guint8 zeros[ALIGNMENT];
  g_autoptr (GByteArray) header = build_header (plan, count, metadata);
  g_autofree char *folder = g_path_get_dirname (path);
  g_autoptr (VelDurable) file = vel_durable_new (folder, error);

  if (!file || !vel_durable_write (file, header->data, header->len, error))
    return FALSE;
  for (gsize i = 0; i < count; i++) {
    const void *bytes = source (data, i, error);

    if (!bytes || !vel_durable_write (file, bytes, plan[i].bytes, error) ||
        !vel_durable_write (file, zeros, padding (plan[i].bytes), error))
      return FALSE;
  }
  return vel_durable_finish (file, path, replace, error);
}
