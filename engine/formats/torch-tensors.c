/* Tensors of a checkpoint: walked to by name, checked against their storages.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/formats/torch-tensors.h"

#include "engine/formats/shown.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#define MOST_DEPTH 32
#define MOST_VISITS (1u << 20)  /* values looked at; what is shared is looked at again under each of its names */
#define MOST_TENSORS (1u << 18) /* the largest models have some thousand */
#define MOST_SHARING 16         /* times the file's size, that its tensors may have in all: they may share storages */
#define MOST_NAME 512
#define MOST_METADATA (16u << 20) /* bytes; a text may be shared, too */
#define MOST_AXES 64

typedef struct {
  VelTensorFile *file;
  VelTorchFind find;
  gpointer container;
  GCancellable *cancellable;
  GString *name;
  guint depth, visits, n_tensors;
  guint64 bytes; /* of all tensors so far */
} Walk;

static gboolean
refuse (Walk *self, GError **error, const char *why)
{
  g_autofree char *shown = vel_shown (self->name->str);

  /* Translators: a tensor's name; a phrase such as “it lies outside of its storage” */
  return vel_tensor_file_damaged (self->file, error, _ ("tensor “%s”: %s"), shown, _ (why));
}

/* A tuple of numbers that are not negative. */
static gboolean
read_numbers (const VelPickleValue *tuple, gint64 *out)
{
  for (guint i = 0; i < tuple->list.n; i++) {
    const VelPickleValue *item = tuple->list.items[i];

    if (item->kind != VEL_PICKLE_INTEGER || item->integer < 0)
      return FALSE;
    out[i] = item->integer;
  }
  return TRUE;
}

/* Elements in all, and from the first to behind the last one. Returns: FALSE if they are too many to count */
static gboolean
measure (const VelTensorEntry *entry, guint64 *count, guint64 *extent)
{
  *count = *extent = 1;
  for (guint i = 0; i < entry->n_axes; i++)
    if (!g_uint64_checked_mul (count, *count, entry->axes[i]))
      return FALSE;
  if (*count == 0)
    *extent = 0;
  for (guint i = 0; *count && i < entry->n_axes; i++) {
    guint64 reach;

    if (!g_uint64_checked_mul (&reach, entry->axes[i] - 1, entry->strides[i]) || !g_uint64_checked_add (extent, *extent, reach))
      return FALSE;
  }
  return *count <= G_MAXINT64;
}

static gboolean
is_contiguous (const VelTensorEntry *entry)
{
  gint64 stride = 1;

  for (guint i = entry->n_axes; i-- > 0;) {
    if (entry->axes[i] != 1 && entry->strides[i] != stride)
      return FALSE;
    stride *= entry->axes[i];
  }
  return TRUE;
}

/* The storage's own elements may be of another type (bytes, for types without a storage class): only the tensor's type counts here. */
static gboolean
place (Walk *self, const VelPickleValue *tensor, VelTensorEntry *entry, GError **error)
{
  const VelPickleValue *storage = tensor->tensor.storage;
  guint64 bytes, count, extent, offset = tensor->tensor.layout->list.items[0]->integer, end, decoded, wanted;
  const guint8 *data;

  if (!self->find (self->container, storage->storage.key, &data, &bytes))
    return refuse (self, error, N_ ("its storage is not in the file"));
  if (!g_uint64_checked_mul (&wanted, storage->storage.count, vel_tensor_type_find (storage->storage.type)->bits / 8) || wanted != bytes)
    return refuse (self, error, N_ ("its storage has another size in the file than its pickle says"));
  if (tensor->tensor.layout->list.items[0]->integer < 0)
    return refuse (self, error, N_ ("it lies outside of its storage"));
  if (!measure (entry, &count, &extent) || !g_uint64_checked_add (&end, offset, extent) ||
      !g_uint64_checked_mul (&end, end, entry->element) || !g_uint64_checked_mul (&decoded, count, MAX (entry->element, sizeof (float))))
    return refuse (self, error, N_ ("it has more elements than any file"));
  if (end > bytes)
    return refuse (self, error, N_ ("it lies outside of its storage"));
  if (count == 0 || is_contiguous (entry))
    entry->strides = NULL;
  else if (count * entry->element > MAX (vel_tensor_file_get_size (self->file), 1 << 20))
    return refuse (self, error, N_ ("it would be larger than the file it is in"));
  entry->data = data + (count ? offset * entry->element : 0);
  entry->span = extent * entry->element;
  entry->bytes = entry->decode ? count * sizeof (float) : count * entry->element;
  return TRUE;
}

static gboolean
add_tensor (Walk *self, const VelPickleValue *tensor, GError **error)
{
  const VelPickleValue *shape = tensor->tensor.layout->list.items[1], *strides = tensor->tensor.layout->list.items[2];
  const VelTensorType *type = vel_tensor_type_find (tensor->tensor.type);
  gint64 axes[MOST_AXES], steps[MOST_AXES];
  VelTensorEntry entry = {
    .name = self->name->str,
    .dtype = type->name,
    .type = type->type,
    .known = type->known,
    .decode = type->decode,
    .element = type->bits / 8,
    .n_axes = shape->list.n,
    .axes = axes,
    .strides = steps,
  };

  if (shape->list.n > MOST_AXES || strides->list.n != shape->list.n || !read_numbers (shape, axes) || !read_numbers (strides, steps))
    return refuse (self, error, N_ ("its shape and strides do not go together"));
  if (!place (self, tensor, &entry, error))
    return FALSE;
  self->bytes += entry.bytes;
  if (self->bytes / MOST_SHARING > MAX (vel_tensor_file_get_size (self->file), 1 << 20))
    return refuse (self, error, N_ ("too many others have the same bytes"));
  vel_tensor_file_add (self->file, &entry);
  return TRUE;
}

static gboolean walk (Walk *self, const VelPickleValue *value, GError **error);

/* Goes into `value` under a longer name. */
static gboolean
step_into (Walk *self, const char *step, gsize length, const VelPickleValue *value, GError **error)
{
  gsize before = self->name->len;
  gboolean done;

  if (++self->visits > MOST_VISITS)
    return refuse (self, error, N_ ("there are too many dicts and lists around it"));
  if (value->kind != VEL_PICKLE_TENSOR && value->kind != VEL_PICKLE_DICT && value->kind != VEL_PICKLE_LIST &&
      value->kind != VEL_PICKLE_TUPLE)
    return TRUE;
  if (before + length > MOST_NAME)
    return refuse (self, error, N_ ("its name is too long"));
  if (before)
    g_string_append_c (self->name, '.');
  g_string_append_len (self->name, step, length);
  if (memchr (step, 0, length) || !g_utf8_validate_len (self->name->str, self->name->len, NULL))
    return refuse (self, error, N_ ("its name is no text"));
  done = walk (self, value, error);
  g_string_truncate (self->name, before);
  return done;
}

static gboolean
walk (Walk *self, const VelPickleValue *value, GError **error)
{
  gboolean done = TRUE;

  if (g_cancellable_set_error_if_cancelled (self->cancellable, error))
    return FALSE;
  if (self->depth == MOST_DEPTH || (value->kind == VEL_PICKLE_TENSOR && ++self->n_tensors > MOST_TENSORS))
    return refuse (self, error, N_ ("there are too many dicts and lists around it"));
  self->depth++;
  if (value->kind == VEL_PICKLE_TENSOR)
    done = add_tensor (self, value, error);
  else if (value->kind == VEL_PICKLE_DICT)
    for (guint i = 0; done && i + 1 < value->list.n; i += 2) {
      const VelPickleValue *key = value->list.items[i];

      done = key->kind != VEL_PICKLE_TEXT || step_into (self, key->text.start, key->text.length, value->list.items[i + 1], error);
    }
  else if (value->kind == VEL_PICKLE_LIST || value->kind == VEL_PICKLE_TUPLE)
    for (guint i = 0; done && i < value->list.n; i++) {
      char number[16];

      done = step_into (self, number, g_snprintf (number, sizeof number, "%u", i), value->list.items[i], error);
    }
  self->depth--;
  return done;
}

/* Texts and numbers beside the tensors. */
static void
keep_metadata (VelTensorFile *file, const VelPickleValue *root)
{
  gsize left = MOST_METADATA;

  for (guint i = 0; i + 1 < root->list.n && i < 2 * 10000; i += 2) {
    const VelPickleValue *key = root->list.items[i], *value = root->list.items[i + 1];
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    char *text = NULL;

    if (key->kind != VEL_PICKLE_TEXT || key->text.length > MOST_NAME)
      continue;
    if (value->kind == VEL_PICKLE_TEXT && value->text.length > left)
      continue;
    left -= value->kind == VEL_PICKLE_TEXT ? value->text.length : 0;
    if (value->kind == VEL_PICKLE_TEXT)
      text = g_utf8_make_valid (value->text.start, value->text.length);
    else if (value->kind == VEL_PICKLE_INTEGER)
      text = g_strdup_printf ("%" PRId64, value->integer);
    else if (value->kind == VEL_PICKLE_BOOL)
      text = g_strdup (value->integer ? "true" : "false");
    else if (value->kind == VEL_PICKLE_NUMBER)
      text = g_strdup (g_ascii_dtostr (number, sizeof number, value->number));
    if (text)
      vel_tensor_file_take_metadata (file, g_utf8_make_valid (key->text.start, key->text.length), text);
  }
}

gboolean
vel_torch_add_tensors (VelTensorFile *file, const VelPickleValue *root, VelTorchFind find, gpointer container, GCancellable *cancellable,
                       GError **error)
{
  g_autoptr (GString) name = g_string_new (NULL);
  Walk self = { .file = file, .find = find, .container = container, .cancellable = cancellable, .name = name };
  const VelPickleValue *model = vel_pickle_value_lookup (root, "state_dict"); /* a trainer's file has a dozen keys */

  if (root->kind == VEL_PICKLE_DICT)
    keep_metadata (file, root);
  if (model && model->kind == VEL_PICKLE_DICT)
    root = model;
  if (root->kind == VEL_PICKLE_TENSOR)
    g_string_assign (name, "tensor");
  return walk (&self, root, error);
}
