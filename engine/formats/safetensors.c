/* The safetensors container, read without trusting a single number in it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/formats/safetensors.h"

#include "engine/formats/json.h"
#include "engine/formats/shown.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#define MAX_HEADER (100u * 1000 * 1000)
#define MAX_METADATA 10000 /* keys; trainers write about a hundred */
#define MAX_AXES 64

/* What the header says of one tensor. */
typedef struct {
  char *name, *dtype;
  const VelTensorType *type;
  gint64 *axes;
  guint n_axes;
  guint64 count; /* elements */
  guint64 begin, end;
  gboolean has_shape, has_offsets;
} Description;

typedef struct {
  VelTensorFile *file;
  gsize size, data_start;
  GPtrArray *descriptions;
} Reader;

static void
read_shape (VelJson *json, Description *out)
{
  if (out->has_shape)
    vel_json_fail (json, N_ ("“shape” is given twice"));
  out->has_shape = TRUE;
  out->count = 1;
  vel_json_begin (json, '[');
  while (vel_json_more (json, ']')) {
    guint64 size;

    if (!vel_json_number (json, &size))
      return;
    if (size > G_MAXINT64 || !g_uint64_checked_mul (&out->count, out->count, size)) {
      vel_json_fail (json, N_ ("a shape has more elements than any file"));
      return;
    }
    if (out->n_axes == MAX_AXES) {
      vel_json_fail (json, N_ ("a shape has more than 64 axes"));
      return;
    }
    if (out->n_axes % 4 == 0)
      out->axes = g_renew (gint64, out->axes, out->n_axes + 4);
    out->axes[out->n_axes++] = size;
  }
}

static void
read_offsets (VelJson *json, Description *out)
{
  if (out->has_offsets)
    vel_json_fail (json, N_ ("“data_offsets” is given twice"));
  out->has_offsets = TRUE;
  if (vel_json_begin (json, '[') && vel_json_more (json, ']') && vel_json_number (json, &out->begin) && vel_json_more (json, ']') &&
      vel_json_number (json, &out->end) && !vel_json_more (json, ']'))
    return;
  vel_json_fail (json, N_ ("“data_offsets” are not two numbers"));
}

static void
read_description (VelJson *json, Description *out)
{
  vel_json_begin (json, '{');
  while (vel_json_more (json, '}')) {
    g_autofree char *key = vel_json_key (json);

    if (!key)
      return;
    if (g_str_equal (key, "dtype")) {
      if (out->dtype)
        vel_json_fail (json, N_ ("“dtype” is given twice"));
      g_free (out->dtype);
      out->dtype = vel_json_string (json);
    } else if (g_str_equal (key, "shape"))
      read_shape (json, out);
    else if (g_str_equal (key, "data_offsets"))
      read_offsets (json, out);
    else
      vel_json_skip (json);
  }
  if (!out->dtype || !out->has_shape || !out->has_offsets)
    vel_json_fail (json, N_ ("a tensor lacks its dtype, shape or data_offsets"));
}

/* Type and size against the bytes that the offsets span. */
static gboolean
check_description (Reader *self, Description *tensor, GError **error)
{
  guint64 space = self->size - self->data_start, bits;
  g_autofree char *shown = vel_shown (tensor->name), *dtype = vel_shown (tensor->dtype);

  tensor->type = vel_tensor_type_find (tensor->dtype);
  if (!tensor->type || tensor->type->foreign)
    return vel_tensor_file_damaged (self->file, error, _ ("tensor “%s” has the unknown type “%s”"), shown, dtype);
  if (tensor->begin > tensor->end || tensor->end > space)
    return vel_tensor_file_damaged (self->file, error, _ ("tensor “%s” lies at bytes %" PRIu64 " to %" PRIu64 " of %" PRIu64), shown,
                                    tensor->begin, tensor->end, space);
  if (!g_uint64_checked_mul (&bits, tensor->count, tensor->type->bits) || bits % 8 != 0 || bits / 8 != tensor->end - tensor->begin)
    return vel_tensor_file_damaged (self->file, error,
                                    _ ("tensor “%s” has %" PRIu64 " elements of type %s in %" PRIu64 " bytes"), shown, tensor->count,
                                    tensor->type->name, tensor->end - tensor->begin);
  return TRUE;
}

static void
read_metadata (Reader *self, VelJson *json)
{
  guint n = 0;

  if (g_hash_table_size (vel_tensor_file_get_all_metadata (self->file)) > 0)
    vel_json_fail (json, N_ ("“__metadata__” is given twice"));
  vel_json_begin (json, '{');
  while (vel_json_more (json, '}')) {
    char *key = vel_json_key (json), *value = key ? vel_json_string (json) : NULL;

    if (!value)
      g_free (key);
    else if (!vel_tensor_file_take_metadata (self->file, key, value))
      vel_json_fail (json, N_ ("a metadata key is given twice"));
    else if (++n > MAX_METADATA)
      vel_json_fail (json, N_ ("there are more than 10000 metadata keys"));
  }
}

static void
free_description (gpointer data)
{
  Description *tensor = data;

  g_free (tensor->name);
  g_free (tensor->dtype);
  g_free (tensor->axes);
  g_free (tensor);
}

/* Takes the name. */
static gboolean
read_tensor (Reader *self, VelJson *json, char *name, GError **error)
{
  Description *tensor = g_new0 (Description, 1);

  tensor->name = name;
  g_ptr_array_add (self->descriptions, tensor);
  read_description (json, tensor);
  return json->problem || check_description (self, tensor, error);
}

static gboolean
read_header (Reader *self, GCancellable *cancellable, GError **error)
{
  const guint8 *data = vel_tensor_file_get_data (self->file);
  guint64 length;
  VelJson json;

  memcpy (&length, data, 8);
  length = GUINT64_FROM_LE (length);
  if (length > MAX_HEADER || length > self->size - 8)
    return vel_tensor_file_damaged (self->file, error,
                                    _ ("its header is said to have %" PRIu64 " bytes, the file has %zu and 100000000 are allowed"), length,
                                    self->size);
  self->data_start = 8 + length;
  vel_json_init (&json, (const char *) data + 8, length);
  vel_json_begin (&json, '{');
  while (vel_json_more (&json, '}')) {
    g_autofree char *name = vel_json_key (&json);

    if (g_cancellable_set_error_if_cancelled (cancellable, error))
      return FALSE;
    if (!name)
      break;
    if (g_str_equal (name, "__metadata__"))
      read_metadata (self, &json);
    else if (!read_tensor (self, &json, g_steal_pointer (&name), error))
      return FALSE;
  }
  if (!vel_json_end (&json))
    /* Translators: a phrase such as “a colon is missing” */
    return vel_tensor_file_damaged (self->file, error, _ ("%s at byte %zu"), json.problem, 8 + vel_json_offset (&json));
  return TRUE;
}

static int
compare_offsets (gconstpointer a, gconstpointer b)
{
  const Description *x = *(Description *const *) a, *y = *(Description *const *) b;

  return x->begin != y->begin ? (x->begin < y->begin ? -1 : 1) : (x->end > y->end) - (x->end < y->end);
}

/* Every byte after the header belongs to exactly one tensor. Otherwise a file could be two things at once. */
static gboolean
add_tensors (Reader *self, GError **error)
{
  guint64 next = 0;

  g_ptr_array_sort (self->descriptions, compare_offsets);
  for (guint i = 0; i < self->descriptions->len; i++) {
    const Description *tensor = self->descriptions->pdata[i];

    if (tensor->begin != next) {
      g_autofree char *shown = vel_shown (tensor->name);

      return vel_tensor_file_damaged (self->file, error,
                                      tensor->begin < next ? _ ("tensor “%s” overlaps another")
                                                           : _ ("tensor “%s” comes after bytes that belong to no tensor"),
                                      shown);
    }
    next = tensor->end;
    vel_tensor_file_add (self->file, &(VelTensorEntry) {
                                       .name = tensor->name,
                                       .dtype = tensor->type->name,
                                       .type = tensor->type->type,
                                       .known = tensor->type->known,
                                       .n_axes = tensor->n_axes,
                                       .axes = tensor->axes,
                                       .decode = tensor->type->decode,
                                       .element = tensor->type->bits % 8 == 0 ? tensor->type->bits / 8 : 0,
                                       .data = vel_tensor_file_get_data (self->file) + self->data_start + tensor->begin,
                                       .span = tensor->end - tensor->begin,
                                       .bytes = tensor->count * sizeof (float),
                                     });
  }
  if (self->data_start + next != self->size)
    return vel_tensor_file_damaged (self->file, error, _ ("%zu bytes at its end belong to no tensor"),
                                    (gsize) (self->size - self->data_start - next));
  return TRUE;
}

static gboolean
read_safetensors (VelTensorFile *file, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) descriptions = g_ptr_array_new_with_free_func (free_description);
  Reader self = { .file = file, .size = vel_tensor_file_get_size (file), .descriptions = descriptions };

  return read_header (&self, cancellable, error) && add_tensors (&self, error);
}

/* There is no signature; but the header is an object, and the upper half of its length zero. */
static gboolean
is_safetensors (const guint8 *data, gsize size)
{
  return size > 8 && data[8] == '{' && memcmp (data + 4, "\0\0\0", 4) == 0;
}

const VelContainer vel_safetensors_container = { "safetensors", N_ ("safetensors file"), is_safetensors, read_safetensors };

VelTensorFile *
vel_safetensors_open (const char *path, GCancellable *cancellable, GError **error)
{
  return vel_tensor_file_open_as (&vel_safetensors_container, path, cancellable, error);
}
