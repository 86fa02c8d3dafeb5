/* The safetensors container, read without trusting a single number in it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/formats/safetensors.h"

#include "engine/error.h"
#include "engine/formats/json.h"
#include "engine/formats/mapping.h"
#include "engine/formats/shown.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_HEADER (100u * 1000 * 1000)
#define MAX_METADATA 10000 /* keys; trainers write about a hundred */
#define MAX_AXES 64

struct VelSafetensors {
  gatomicrefcount references;
  char *path, *shown;
  VelMapping *mapping;
  const guint8 *map; /* its bytes */
  gsize size;
  guint64 data_start;
  GArray *entries;      /* VelTensorEntry, by offset */
  guint *by_name;       /* their indices, sorted by name */
  GHashTable *metadata; /* string to string */
};

/* The types of the format; bits is a multiple of 8 but for the packed ones. */
static const struct {
  const char *name;
  guint bits;
  gboolean known;
  VelType type;
} types[] = {
  { "F32", 32, TRUE, VEL_F32 }, { "F16", 16, TRUE, VEL_F16 }, { "BF16", 16, TRUE, VEL_BF16 }, { "F64", 64, TRUE, VEL_F64 },
  { "I32", 32, TRUE, VEL_I32 }, { "I64", 64, TRUE, VEL_I64 }, { "U8", 8, TRUE, VEL_U8 },
  { "BOOL", 8 }, { "I8", 8 }, { "I16", 16 }, { "U16", 16 }, { "U32", 32 }, { "U64", 64 }, { "C64", 64 },
  { "F8_E5M2", 8 }, { "F8_E4M3", 8 }, { "F8_E8M0", 8 }, { "F8_E5M2FNUZ", 8 }, { "F8_E4M3FNUZ", 8 },
  { "F4", 4 }, { "F6_E2M3", 6 }, { "F6_E3M2", 6 },
};

static gboolean G_GNUC_PRINTF (3, 4)
damaged (VelSafetensors *self, GError **error, const char *format, ...)
{
  va_list arguments;
  g_autofree char *what = NULL;

  va_start (arguments, format);
  what = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  /* Translators: a file; a phrase such as “it is a picture” */
  g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("“%s” is no intact safetensors file: %s"), self->shown, what);
  return FALSE;
}

static gboolean
map_file (VelSafetensors *self, GError **error)
{
  int fd = open (self->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), code = errno;
  struct stat status;

  if (fd < 0 || fstat (fd, &status) != 0) {
    if (fd >= 0)
      close (fd);
    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), _ ("“%s” can not be opened: %s"), self->shown, g_strerror (code));
    return FALSE;
  }
  if (!S_ISREG (status.st_mode)) {
    close (fd);
    return damaged (self, error, "%s", S_ISDIR (status.st_mode) ? _ ("it is a folder, not a file") : _ ("it is a device, not a file"));
  }
  if (status.st_size < 8) {
    close (fd);
    return damaged (self, error, _ ("it has only %" PRId64 " bytes"), (gint64) status.st_size);
  }
  self->mapping = vel_mapping_new (fd, status.st_size);
  code = errno;
  close (fd);
  if (!self->mapping) {
    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), _ ("“%s” can not be read: %s"), self->shown, g_strerror (code));
    return FALSE;
  }
  self->map = vel_mapping_get_data (self->mapping);
  self->size = status.st_size;
  return TRUE;
}

/* What the header says of one tensor. */
typedef struct {
  char *dtype;
  VelShape shape;
  guint n_axes;
  guint64 count; /* elements */
  guint64 begin, end;
  gboolean has_shape, has_offsets;
} Description;

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
    if (out->n_axes < VEL_MAX_AXES)
      out->shape.size[out->n_axes] = size;
    out->n_axes++;
  }
  out->shape.n = MIN (out->n_axes, VEL_MAX_AXES);
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
check_description (VelSafetensors *self, const char *name, const Description *description, VelTensorEntry *entry, GError **error)
{
  guint64 space = self->size - self->data_start, bits;
  g_autofree char *shown = vel_shown (name), *dtype = vel_shown (description->dtype);
  guint i = 0;

  while (i < G_N_ELEMENTS (types) && !g_str_equal (types[i].name, description->dtype))
    i++;
  if (i == G_N_ELEMENTS (types))
    return damaged (self, error, _ ("tensor “%s” has the unknown type “%s”"), shown, dtype);
  if (description->begin > description->end || description->end > space)
    return damaged (self, error, _ ("tensor “%s” lies at bytes %" PRIu64 " to %" PRIu64 " of %" PRIu64), shown, description->begin,
                    description->end, space);
  if (!g_uint64_checked_mul (&bits, description->count, types[i].bits) || bits % 8 != 0 ||
      bits / 8 != description->end - description->begin)
    return damaged (self, error, _ ("tensor “%s” has %" PRIu64 " elements of type %s in %" PRIu64 " bytes"), shown, description->count,
                    types[i].name, description->end - description->begin);
  *entry = (VelTensorEntry) {
    .dtype = types[i].name,
    .type = types[i].type,
    .known = types[i].known && description->n_axes <= VEL_MAX_AXES,
    .shape = description->shape,
    .data = self->map + self->data_start + description->begin,
    .bytes = bits / 8,
  };
  return TRUE;
}

static void
read_metadata (VelSafetensors *self, VelJson *json)
{
  if (g_hash_table_size (self->metadata) > 0)
    vel_json_fail (json, N_ ("“__metadata__” is given twice"));
  vel_json_begin (json, '{');
  while (vel_json_more (json, '}')) {
    char *key = vel_json_key (json), *value = key ? vel_json_string (json) : NULL;

    if (!value)
      g_free (key);
    else if (!g_hash_table_insert (self->metadata, key, value))
      vel_json_fail (json, N_ ("a metadata key is given twice"));
    else if (g_hash_table_size (self->metadata) > MAX_METADATA)
      vel_json_fail (json, N_ ("there are more than 10000 metadata keys"));
  }
}

static gboolean
read_tensor (VelSafetensors *self, VelJson *json, const char *name, GError **error)
{
  Description description = { 0 };
  VelTensorEntry entry;
  gboolean done = TRUE;

  read_description (json, &description);
  if (!json->problem) {
    done = check_description (self, name, &description, &entry, error);
    if (done) {
      entry.name = g_strdup (name);
      g_array_append_val (self->entries, entry);
    }
  }
  g_free (description.dtype);
  return done;
}

/* What people have instead of a model file, as a translated phrase. (nullable) */
static const char *
recognise (const VelSafetensors *self)
{
  static const struct {
    const char *start, *what;
  } others[] = {
    { "PK\3\4", N_ ("it is a zip archive, as PyTorch checkpoints (.ckpt) are; a .safetensors version of the model is needed") },
    { "GGUF", N_ ("it is a GGUF file; a .safetensors version of the model is needed") },
    { "version https://git-lfs", N_ ("it is a Git LFS pointer: the model itself was not downloaded") },
    { "<!DOCTYPE", N_ ("it is a web page, perhaps what a download gave instead of the model") },
    { "<html", N_ ("it is a web page, perhaps what a download gave instead of the model") },
    { "\x89PNG", N_ ("it is a picture") },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (others); i++)
    if (self->size >= strlen (others[i].start) && memcmp (self->map, others[i].start, strlen (others[i].start)) == 0)
      return _ (others[i].what);
  return NULL;
}

static gboolean
read_header (VelSafetensors *self, GCancellable *cancellable, GError **error)
{
  const char *other = recognise (self);
  guint64 length;
  VelJson json;

  if (other)
    return damaged (self, error, "%s", other);
  memcpy (&length, self->map, 8);
  length = GUINT64_FROM_LE (length);
  if (length > MAX_HEADER || length > self->size - 8)
    return damaged (self, error, _ ("its header is said to have %" PRIu64 " bytes, the file has %zu and 100000000 are allowed"), length,
                    self->size);
  self->data_start = 8 + length;
  vel_json_init (&json, (const char *) self->map + 8, length);
  vel_json_begin (&json, '{');
  while (vel_json_more (&json, '}')) {
    g_autofree char *name = vel_json_key (&json);

    if (g_cancellable_set_error_if_cancelled (cancellable, error))
      return FALSE;
    if (!name)
      break;
    if (g_str_equal (name, "__metadata__"))
      read_metadata (self, &json);
    else if (!read_tensor (self, &json, name, error))
      return FALSE;
  }
  if (!vel_json_end (&json))
    /* Translators: a phrase such as “a colon is missing” */
    return damaged (self, error, _ ("%s at byte %zu"), json.problem, 8 + vel_json_offset (&json));
  return TRUE;
}

static int
compare_offsets (gconstpointer a, gconstpointer b)
{
  const VelTensorEntry *x = a, *y = b;

  return x->data != y->data ? (x->data < y->data ? -1 : 1) : (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

/* Every byte after the header belongs to exactly one tensor. Otherwise a file could be two things at once. */
static gboolean
check_cover (VelSafetensors *self, GError **error)
{
  const guint8 *next = self->map + self->data_start;

  g_array_sort (self->entries, compare_offsets);
  for (guint i = 0; i < self->entries->len; i++) {
    const VelTensorEntry *entry = &g_array_index (self->entries, VelTensorEntry, i);

    if (entry->data != next) {
      g_autofree char *shown = vel_shown (entry->name);

      return damaged (self, error,
                      (const guint8 *) entry->data < next ? _ ("tensor “%s” overlaps another")
                                                          : _ ("tensor “%s” comes after bytes that belong to no tensor"),
                      shown);
    }
    next += entry->bytes;
  }
  if (next != self->map + self->size)
    return damaged (self, error, _ ("%zu bytes at its end belong to no tensor"), (gsize) (self->map + self->size - next));
  return TRUE;
}

static int
compare_names (gconstpointer a, gconstpointer b, gpointer data)
{
  const VelTensorEntry *entries = data;

  return strcmp (entries[*(const guint *) a].name, entries[*(const guint *) b].name);
}

/* A sorted index rather than a hash table: names chosen to collide would make that one slow. */
static gboolean
index_names (VelSafetensors *self, GError **error)
{
  const VelTensorEntry *entries = (const VelTensorEntry *) self->entries->data;
  guint n = self->entries->len;

  self->by_name = g_new (guint, n);
  for (guint i = 0; i < n; i++)
    self->by_name[i] = i;
  g_qsort_with_data (self->by_name, n, sizeof *self->by_name, compare_names, (gpointer) entries);
  for (guint i = 1; i < n; i++)
    if (g_str_equal (entries[self->by_name[i - 1]].name, entries[self->by_name[i]].name)) {
      g_autofree char *shown = vel_shown (entries[self->by_name[i]].name);

      return damaged (self, error, _ ("tensor “%s” is given twice"), shown);
    }
  return TRUE;
}

static void
clear_entry (gpointer entry)
{
  g_free ((char *) ((VelTensorEntry *) entry)->name);
}

VelSafetensors *
vel_safetensors_open (const char *path, GCancellable *cancellable, GError **error)
{
  g_autoptr (VelSafetensors) self = g_new0 (VelSafetensors, 1);

  g_atomic_ref_count_init (&self->references);
  self->path = g_strdup (path);
  self->shown = g_filename_display_name (path);
  self->entries = g_array_new (FALSE, FALSE, sizeof (VelTensorEntry));
  g_array_set_clear_func (self->entries, clear_entry);
  self->metadata = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  if (!map_file (self, error))
    return NULL;
  if (!read_header (self, cancellable, error) || !check_cover (self, error) || !index_names (self, error)) {
    if (vel_mapping_is_intact (self->mapping))
      return NULL;
    g_clear_error (error);
  }
  if (!vel_safetensors_check_intact (self, error))
    return NULL;
  return g_steal_pointer (&self);
}

VelSafetensors *
vel_safetensors_ref (VelSafetensors *self)
{
  g_atomic_ref_count_inc (&self->references);
  return self;
}

void
vel_safetensors_unref (VelSafetensors *self)
{
  if (!g_atomic_ref_count_dec (&self->references))
    return;
  if (self->mapping)
    vel_mapping_free (self->mapping);
  g_array_unref (self->entries);
  g_hash_table_unref (self->metadata);
  g_free (self->by_name);
  g_free (self->path);
  g_free (self->shown);
  g_free (self);
}

gsize
vel_safetensors_get_count (VelSafetensors *self)
{
  return self->entries->len;
}

const VelTensorEntry *
vel_safetensors_get (VelSafetensors *self, gsize index)
{
  g_assert (index < self->entries->len);
  return &g_array_index (self->entries, VelTensorEntry, index);
}

const VelTensorEntry *
vel_safetensors_find (VelSafetensors *self, const char *name)
{
  gsize low = 0, high = self->entries->len;

  while (low < high) {
    gsize middle = (low + high) / 2;
    const VelTensorEntry *entry = vel_safetensors_get (self, self->by_name[middle]);
    int order = strcmp (name, entry->name);

    if (order == 0)
      return entry;
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return NULL;
}

const char *
vel_safetensors_get_metadata (VelSafetensors *self, const char *key)
{
  return g_hash_table_lookup (self->metadata, key);
}

GHashTable *
vel_safetensors_get_all_metadata (VelSafetensors *self)
{
  return self->metadata;
}

gboolean
vel_safetensors_check_intact (VelSafetensors *self, GError **error)
{
  if (vel_mapping_is_intact (self->mapping))
    return TRUE;
  g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT,
               _ ("“%s” was cut short or taken away while it was read: leave it in place and try again"), self->shown);
  return FALSE;
}

void
vel_safetensors_release (VelSafetensors *self, const VelTensorEntry *entry)
{
  vel_mapping_release (self->mapping, (const guint8 *) entry->data - self->map, entry->bytes);
}
