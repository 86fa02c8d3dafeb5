/* A file of named tensors.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/formats/tensor-file-reader.h"

#include "engine/error.h"
#include "engine/formats/float8-scales.h"
#include "engine/formats/float8.h"
#include "engine/formats/gguf.h"
#include "engine/formats/mapping.h"
#include "engine/formats/safetensors.h"
#include "engine/formats/shown.h"
#include "engine/formats/torch-legacy.h"
#include "engine/formats/torch-zip.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct VelTensorFile {
  gatomicrefcount references;
  const VelContainer *container;
  char *path, *shown;
  VelMapping *mapping;
  gsize size;
  GArray *entries;      /* VelTensorEntry */
  guint *by_name;       /* their indices, sorted by name */
  GHashTable *metadata; /* string to string */
};

/* Asked in this order; what none of them knows is read as the first one, which says what is wrong with it. */
static const VelContainer *const containers[] = {
  &vel_safetensors_container, &vel_torch_zip_container, &vel_torch_legacy_container, &vel_torch_other_container, &vel_gguf_container,
};

const VelTensorType *
vel_tensor_type_find (const char *name)
{
  static const VelTensorType types[] = {
    { "F32", 32, TRUE, VEL_F32 },
    { "F16", 16, TRUE, VEL_F16 },
    { "BF16", 16, TRUE, VEL_BF16 },
    { "F64", 64, TRUE, VEL_F64 },
    { "I32", 32, TRUE, VEL_I32 },
    { "I64", 64, TRUE, VEL_I64 },
    { "U8", 8, TRUE, VEL_U8 },
    { "BOOL", 8 },
    { "I8", 8 },
    { "I16", 16 },
    { "U16", 16 },
    { "U32", 32 },
    { "U64", 64 },
    { "C64", 64 },
    { "C128", 128, .foreign = TRUE },
    { "F8_E5M2", 8, TRUE, VEL_F32, vel_float8_decode_e5m2 },
    { "F8_E4M3", 8, TRUE, VEL_F32, vel_float8_decode_e4m3 },
    { "F8_E8M0", 8 },
    { "F8_E5M2FNUZ", 8 },
    { "F8_E4M3FNUZ", 8 },
    { "F4", 4 },
    { "F6_E2M3", 6 },
    { "F6_E3M2", 6 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (types); i++)
    if (g_str_equal (types[i].name, name))
      return &types[i];
  return NULL;
}

gboolean
vel_tensor_file_damaged (VelTensorFile *self, GError **error, const char *format, ...)
{
  va_list arguments;
  g_autofree char *what = NULL;

  va_start (arguments, format);
  what = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  /* Translators: a file; a kind of file, such as “safetensors file”; a phrase such as “it is a picture” */
  g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("“%s” is no intact %s: %s"), self->shown, _ (self->container->label), what);
  return FALSE;
}

static gboolean
map_file (VelTensorFile *self, GError **error)
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
    return vel_tensor_file_damaged (self, error, "%s",
                                    S_ISDIR (status.st_mode) ? _ ("it is a folder, not a file") : _ ("it is a device, not a file"));
  }
  if (status.st_size < 8) {
    close (fd);
    return vel_tensor_file_damaged (self, error, _ ("it has only %" PRId64 " bytes"), (gint64) status.st_size);
  }
  self->mapping = vel_mapping_new (fd, status.st_size);
  code = errno;
  close (fd);
  if (!self->mapping) {
    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), _ ("“%s” can not be read: %s"), self->shown, g_strerror (code));
    return FALSE;
  }
  self->size = status.st_size;
  return TRUE;
}

/* What people have instead of a model file, as a translated phrase. (nullable) */
static const char *
recognise (const guint8 *data, gsize size)
{
  static const struct {
    const char *start, *what;
  } others[] = {
    { "version https://git-lfs", N_ ("it is a Git LFS pointer: the model itself was not downloaded") },
    { "<!DOCTYPE", N_ ("it is a web page, perhaps what a download gave instead of the model") },
    { "<html", N_ ("it is a web page, perhaps what a download gave instead of the model") },
    { "\x89PNG", N_ ("it is a picture") },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (others); i++)
    if (size >= strlen (others[i].start) && memcmp (data, others[i].start, strlen (others[i].start)) == 0)
      return _ (others[i].what);
  return NULL;
}

static int
compare_names (gconstpointer a, gconstpointer b, gpointer data)
{
  const VelTensorEntry *entries = data;

  return strcmp (entries[*(const guint *) a].name, entries[*(const guint *) b].name);
}

/* A sorted index rather than a hash table: names chosen to collide would make that one slow. */
static gboolean
index_names (VelTensorFile *self, GError **error)
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

      return vel_tensor_file_damaged (self, error, _ ("tensor “%s” is given twice"), shown);
    }
  return TRUE;
}

/* Scales of 8-bit weights are part of how these are read. */
static gboolean
find_scales (VelTensorFile *self, GError **error)
{
  for (guint i = 0; i < self->entries->len; i++) {
    VelTensorEntry *entry = &g_array_index (self->entries, VelTensorEntry, i);
    const char *problem;

    if (!vel_float8_scale_find (self, entry, &entry->scale, &problem)) {
      g_autofree char *shown = vel_shown (entry->name);

      return vel_tensor_file_damaged (self, error, _ ("tensor “%s”: %s"), shown, problem);
    }
  }
  return TRUE;
}

static void
clear_entry (gpointer data)
{
  VelTensorEntry *entry = data;

  g_free ((char *) entry->name);
  g_free ((gint64 *) entry->axes);
  g_free ((gint64 *) entry->strides);
}

static VelTensorFile *
new_file (const char *path)
{
  VelTensorFile *self = g_new0 (VelTensorFile, 1);

  g_atomic_ref_count_init (&self->references);
  self->container = containers[0];
  self->path = g_strdup (path);
  self->shown = g_filename_display_name (path);
  self->entries = g_array_new (FALSE, FALSE, sizeof (VelTensorEntry));
  g_array_set_clear_func (self->entries, clear_entry);
  self->metadata = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return self;
}

VelTensorFile *
vel_tensor_file_open_as (const VelContainer *container, const char *path, GCancellable *cancellable, GError **error)
{
  g_autoptr (VelTensorFile) self = new_file (path);
  const char *other;
  gboolean done;

  if (container)
    self->container = container;
  if (!map_file (self, error))
    return NULL;
  for (gsize i = 0; !container && i < G_N_ELEMENTS (containers); i++)
    if (containers[i]->matches (vel_mapping_get_data (self->mapping), self->size))
      container = self->container = containers[i];
  other = recognise (vel_mapping_get_data (self->mapping), self->size);
  done = other ? vel_tensor_file_damaged (self, error, "%s", other) : self->container->read (self, cancellable, error);
  if (!done || !index_names (self, error) || !find_scales (self, error)) {
    if (vel_mapping_is_intact (self->mapping))
      return NULL;
    g_clear_error (error);
  }
  if (!vel_tensor_file_check_intact (self, error))
    return NULL;
  return g_steal_pointer (&self);
}

VelTensorFile *
vel_tensor_file_open (const char *path, GCancellable *cancellable, GError **error)
{
  return vel_tensor_file_open_as (NULL, path, cancellable, error);
}

VelTensorFile *
vel_tensor_file_ref (VelTensorFile *self)
{
  g_atomic_ref_count_inc (&self->references);
  return self;
}

void
vel_tensor_file_unref (VelTensorFile *self)
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

const char *
vel_tensor_file_get_container (VelTensorFile *self)
{
  return self->container->name;
}

const guint8 *
vel_tensor_file_get_data (VelTensorFile *self)
{
  return vel_mapping_get_data (self->mapping);
}

gsize
vel_tensor_file_get_size (VelTensorFile *self)
{
  return self->size;
}

const char *
vel_tensor_file_get_shown (VelTensorFile *self)
{
  return self->shown;
}

void
vel_tensor_file_add (VelTensorFile *self, const VelTensorEntry *entry)
{
  VelTensorEntry own = *entry;
  gsize count = 1;

  own.name = g_strdup (entry->name);
  own.axes = g_memdup2 (entry->axes, entry->n_axes * sizeof *entry->axes);
  own.strides = g_memdup2 (entry->strides, entry->strides ? entry->n_axes * sizeof *entry->strides : 0);
  own.known = entry->known && entry->n_axes <= VEL_MAX_AXES;
  own.shape.n = MIN (entry->n_axes, VEL_MAX_AXES);
  for (guint i = 0; i < own.shape.n; i++)
    own.shape.size[i] = entry->axes[i];
  for (guint i = 0; i < entry->n_axes; i++)
    count *= entry->axes[i];
  if (!entry->decode)
    own.bytes = entry->element ? count * entry->element : entry->span;
  g_array_append_val (self->entries, own);
}

gboolean
vel_tensor_file_take_metadata (VelTensorFile *self, char *key, char *value)
{
  return g_hash_table_insert (self->metadata, key, value);
}

gsize
vel_tensor_file_get_count (VelTensorFile *self)
{
  return self->entries->len;
}

const VelTensorEntry *
vel_tensor_file_get (VelTensorFile *self, gsize index)
{
  g_assert (index < self->entries->len);
  return &g_array_index (self->entries, VelTensorEntry, index);
}

const VelTensorEntry *
vel_tensor_file_find (VelTensorFile *self, const char *name)
{
  gsize low = 0, high = self->entries->len;

  while (low < high) {
    gsize middle = (low + high) / 2;
    const VelTensorEntry *entry = vel_tensor_file_get (self, self->by_name[middle]);
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
vel_tensor_file_get_metadata (VelTensorFile *self, const char *key)
{
  return g_hash_table_lookup (self->metadata, key);
}

GHashTable *
vel_tensor_file_get_all_metadata (VelTensorFile *self)
{
  return self->metadata;
}

gboolean
vel_tensor_file_check_intact (VelTensorFile *self, GError **error)
{
  if (vel_mapping_is_intact (self->mapping))
    return TRUE;
  g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT,
               _ ("“%s” was cut short or taken away while it was read: leave it in place and try again"), self->shown);
  return FALSE;
}

void
vel_tensor_file_release (VelTensorFile *self, const VelTensorEntry *entry)
{
  vel_mapping_release (self->mapping, (const guint8 *) entry->data - vel_mapping_get_data (self->mapping), entry->span);
}
