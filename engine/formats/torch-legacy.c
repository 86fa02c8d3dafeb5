/* Checkpoints as a stream of pickles.  SPDX-License-Identifier: Apache-2.0
 *
 * A magic number, a protocol version, facts of the machine, what was saved, the names of its storages: a pickle each. Then, in the order
 * of the names, each storage's number of elements in 8 bytes and its bytes. */
#include "config.h"

#include "engine/formats/torch-legacy.h"

#include "engine/formats/torch-tensors.h"

#include <glib/gi18n-lib.h>
#include <string.h>

typedef struct {
  const VelPickleValue *key;
  const VelPickleValue *storage; /* as the pickle names it first */
  const guint8 *data;
  guint64 bytes;
} Storage;

typedef struct {
  VelTensorFile *file;
  VelPickle pickle;
  GArray *storages; /* Storage, sorted by key */
} Stream;

static int
compare_texts (const VelPickleValue *a, const VelPickleValue *b)
{
  int order = memcmp (a->text.start, b->text.start, MIN (a->text.length, b->text.length));

  return order ? order : (a->text.length > b->text.length) - (a->text.length < b->text.length);
}

static int
compare_keys (gconstpointer a, gconstpointer b)
{
  return compare_texts (((const Storage *) a)->key, ((const Storage *) b)->key);
}

static Storage *
find (Stream *self, const VelPickleValue *key)
{
  gsize low = 0, high = self->storages->len;

  while (low < high) {
    gsize middle = (low + high) / 2;
    Storage *storage = &g_array_index (self->storages, Storage, middle);
    int order = compare_texts (key, storage->key);

    if (order == 0)
      return storage;
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return NULL;
}

static gboolean
find_storage (gpointer container, const VelPickleValue *key, const guint8 **data, guint64 *bytes)
{
  const Storage *storage = find (container, key);

  if (!storage || !storage->data)
    return FALSE;
  *data = storage->data;
  *bytes = storage->bytes;
  return TRUE;
}

/* Every storage that the pickle names, once; each naming of it has to agree. */
static gboolean
list_storages (Stream *self, GError **error)
{
  guint n = 0;

  for (guint i = 0; i < self->pickle.storages->len; i++) {
    const VelPickleValue *storage = self->pickle.storages->pdata[i];

    g_array_append_val (self->storages, ((Storage) { storage->storage.key, storage }));
  }
  g_array_sort (self->storages, compare_keys);
  for (guint i = 0; i < self->storages->len; i++) {
    Storage *storages = (Storage *) (gpointer) self->storages->data;

    if (n == 0 || compare_keys (&storages[n - 1], &storages[i]) != 0)
      storages[n++] = storages[i];
    else if (storages[n - 1].storage->storage.count != storages[i].storage->storage.count ||
             !g_str_equal (storages[n - 1].storage->storage.type, storages[i].storage->storage.type))
      return vel_tensor_file_damaged (self->file, error, _ ("its pickle names a storage twice, with different sizes"));
  }
  g_array_set_size (self->storages, n);
  return TRUE;
}

/* The raw data, in the order of the names. */
static gboolean
place_storages (Stream *self, const VelPickleValue *keys, GError **error)
{
  const guint8 *at = self->pickle.at, *end = self->pickle.end;

  for (guint i = 0; i < keys->list.n; i++) {
    const VelPickleValue *key = keys->list.items[i];
    Storage *storage = key->kind == VEL_PICKLE_TEXT ? find (self, key) : NULL;
    guint64 count, bytes;

    if (!storage || storage->data)
      return vel_tensor_file_damaged (self->file, error, _ ("its list of storages does not fit its pickle"));
    if (end - at < 8)
      return vel_tensor_file_damaged (self->file, error, _ ("it ends before its last storage: perhaps it was not downloaded whole"));
    memcpy (&count, at, 8);
    count = GUINT64_FROM_LE (count);
    at += 8;
    if (count != (guint64) storage->storage->storage.count ||
        !g_uint64_checked_mul (&bytes, count, vel_tensor_type_find (storage->storage->storage.type)->bits / 8))
      return vel_tensor_file_damaged (self->file, error, _ ("a storage has another size in the file than its pickle says"));
    if (bytes > (guint64) (end - at))
      return vel_tensor_file_damaged (self->file, error, _ ("it ends before its last storage: perhaps it was not downloaded whole"));
    storage->data = at;
    storage->bytes = bytes;
    at += bytes;
  }
  if (at != end)
    return vel_tensor_file_damaged (self->file, error, _ ("bytes at its end belong to no storage"));
  return TRUE;
}

/* The next pickle of the stream. Returns: (nullable): NULL with an error */
static const VelPickleValue *
next (Stream *self, GError **error)
{
  const VelPickleValue *value = vel_pickle_run (&self->pickle);

  if (!value) {
    g_autofree char *problem = vel_pickle_dup_problem (&self->pickle);

    vel_tensor_file_damaged (self->file, error, "%s", problem);
  }
  return value;
}

static gboolean
read_stream (Stream *self, GCancellable *cancellable, GError **error)
{
  const VelPickleValue *version, *facts, *saved, *keys, *little;

  if (!next (self, error) || !(version = next (self, error)) || !(facts = next (self, error)))
    return FALSE;
  little = vel_pickle_value_lookup (facts, "little_endian");
  if (version->kind != VEL_PICKLE_INTEGER || version->integer != 1001)
    return vel_tensor_file_damaged (self->file, error, _ ("it is of another version than 1001"));
  if (!little || little->kind != VEL_PICKLE_BOOL || !little->integer)
    return vel_tensor_file_damaged (self->file, error, _ ("it was written on a machine with another order of bytes, which is not read"));
  if (!(saved = next (self, error)) || !(keys = next (self, error)))
    return FALSE;
  if (keys->kind != VEL_PICKLE_LIST)
    return vel_tensor_file_damaged (self->file, error, _ ("its list of storages does not fit its pickle"));
  return list_storages (self, error) && place_storages (self, keys, error) &&
         vel_torch_add_tensors (self->file, saved, find_storage, self, cancellable, error);
}

static gboolean
read_legacy (VelTensorFile *file, GCancellable *cancellable, GError **error)
{
  g_autoptr (GArray) storages = g_array_new (FALSE, FALSE, sizeof (Storage));
  Stream self = { .file = file, .storages = storages };
  gboolean done;

  vel_pickle_init (&self.pickle, vel_tensor_file_get_data (file), vel_tensor_file_get_size (file));
  done = read_stream (&self, cancellable, error);
  vel_pickle_clear (&self.pickle);
  return done;
}

/* PROTO 2 … 5, maybe FRAME, and the number 0x1950a86a20f9469cfc6c as LONG1 */
static gboolean
is_legacy (const guint8 *data, gsize size)
{
  static const guint8 magic[] = { 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19 };
  gsize at = size >= 11 && data[2] == 0x95 ? 11 : 2;

  return size >= at + sizeof magic && data[0] == 0x80 && memcmp (data + at, magic, sizeof magic) == 0;
}

const VelContainer vel_torch_legacy_container = { "torch-legacy", N_ ("PyTorch checkpoint"), is_legacy, read_legacy };

/* A pickle alone is read for what it names, which is more of an answer than that it is none of ours. */
static gboolean
read_other (VelTensorFile *file, GCancellable *cancellable, GError **error)
{
  const guint8 *data = vel_tensor_file_get_data (file);
  VelPickle pickle;
  gboolean done;

  if (data[0] != 0x80)
    return vel_tensor_file_damaged (
        file, error, _ ("it is a tar archive, as PyTorch wrote before 0.2; load and save it with a newer version of PyTorch"));
  vel_pickle_init (&pickle, data, vel_tensor_file_get_size (file));
  vel_pickle_run (&pickle);
  if (pickle.refused->len) {
    g_autofree char *problem = vel_pickle_dup_problem (&pickle);

    done = vel_tensor_file_damaged (file, error, "%s", problem);
  } else
    done = vel_tensor_file_damaged (file, error, _ ("it is a Python pickle, but no checkpoint"));
  vel_pickle_clear (&pickle);
  return done;
}

static gboolean
is_other (const guint8 *data, gsize size)
{
  return (data[0] == 0x80 && data[1] >= 2 && data[1] <= 5) || (size > 262 && memcmp (data + 257, "ustar", 5) == 0);
}

const VelContainer vel_torch_other_container = { "pickle", N_ ("PyTorch checkpoint"), is_other, read_other };
