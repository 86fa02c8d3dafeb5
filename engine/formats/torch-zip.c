/* Checkpoints in a zip archive, read from its central directory.  SPDX-License-Identifier: Apache-2.0
 * https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT */
#include "config.h"

#include "engine/formats/torch-zip.h"

#include "engine/formats/shown.h"
#include "engine/formats/torch-tensors.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#define LOCAL 0x04034b50
#define CENTRAL 0x02014b50
#define END 0x06054b50
#define END64 0x06064b50
#define LOCATOR64 0x07064b50
#define MOST_MEMBERS (1u << 20)

typedef struct {
  const char *name; /* in the archive, not NUL-terminated */
  guint length;
  guint64 header, data, bytes; /* header: of the local one */
} Member;

typedef struct {
  VelTensorFile *file;
  const guint8 *data;
  guint64 size, directory, directory_end, count;
  GArray *members;  /* Member, sorted by name */
  const char *root; /* of the names, up to and with the slash */
  guint root_length;
} Archive;

static guint
u16 (const guint8 *at)
{
  return at[0] | at[1] << 8;
}

static guint32
u32 (const guint8 *at)
{
  return u16 (at) | (guint32) u16 (at + 2) << 16;
}

static guint64
u64 (const guint8 *at)
{
  return u32 (at) | (guint64) u32 (at + 4) << 32;
}

static gboolean
refuse_member (Archive *self, const Member *member, GError **error, const char *why)
{
  g_autofree char *name = g_strndup (member->name, member->length), *shown = vel_shown (name);

  /* Translators: a member of a zip archive; a phrase such as “it is encrypted” */
  return vel_tensor_file_damaged (self->file, error, _ ("“%s” in it: %s"), shown, _ (why));
}

/* The end record is the last one with its signature whose comment reaches to the end of the file. */
static gboolean
find_directory (Archive *self, GError **error)
{
  const guint8 *end = NULL, *end64 = NULL, *locator;

  for (guint64 back = 22; !end && back <= self->size && back <= 22 + 0xffff; back++)
    if (u32 (self->data + self->size - back) == END && u16 (self->data + self->size - back + 20) == back - 22)
      end = self->data + self->size - back;
  if (!end)
    return vel_tensor_file_damaged (self->file, error, _ ("its end is missing: perhaps it was not downloaded whole"));
  locator = end - self->data >= 20 ? end - 20 : NULL;
  if (locator && u32 (locator) == LOCATOR64) {
    if (self->size < 56 || u64 (locator + 8) > self->size - 56 || u32 (self->data + u64 (locator + 8)) != END64)
      return vel_tensor_file_damaged (self->file, error, _ ("its directory is not where it says"));
    end64 = self->data + u64 (locator + 8);
  }
  self->count = end64 ? u64 (end64 + 32) : u16 (end + 10);
  self->directory = end64 ? u64 (end64 + 48) : u32 (end + 16);
  if (!g_uint64_checked_add (&self->directory_end, self->directory, end64 ? u64 (end64 + 40) : u32 (end + 12)) ||
      self->directory_end > (guint64) (end - self->data))
    return vel_tensor_file_damaged (self->file, error, _ ("its directory is not where it says"));
  if (self->count > MOST_MEMBERS)
    return vel_tensor_file_damaged (self->file, error, _ ("it has more than a million members"));
  return TRUE;
}

/* Sizes and offset that do not fit in 32 bits are in an extra field, in this order and only where the short one is all ones. */
static gboolean
widen (const guint8 *extra, guint length, guint64 *original, guint64 *stored, guint64 *header)
{
  guint64 *const values[] = { original, stored, header };
  guint needed = 0, size, at;

  for (guint i = 0; i < 3; i++)
    needed += *values[i] == G_MAXUINT32 ? 8 : 0;
  for (; needed && length >= 4; extra += size, length -= size) {
    size = u16 (extra + 2) + 4;
    if (size > length)
      return FALSE;
    if (u16 (extra) != 1)
      continue;
    if (size - 4 < needed)
      return FALSE;
    at = 4;
    for (guint i = 0; i < 3; i++)
      if (*values[i] == G_MAXUINT32) {
        *values[i] = u64 (extra + at);
        at += 8;
      }
    return TRUE;
  }
  return !needed;
}

/* The directory is what counts; of the local header only that it is there, has the same name, and how long it is. */
static gboolean
check_member (Archive *self, Member *member, guint flags, guint method, guint64 stored, GError **error)
{
  const guint8 *local = self->data + MIN (member->header, self->directory);

  if (flags & 0x2041)
    return refuse_member (self, member, error, N_ ("it is encrypted"));
  if (method != 0 || stored != member->bytes)
    return refuse_member (self, member, error, N_ ("it is compressed, which PyTorch never does"));
  if (member->header > self->directory || self->directory - member->header < 30 || u32 (local) != LOCAL ||
      u16 (local + 26) != member->length || self->directory - member->header < 30u + member->length + u16 (local + 28) ||
      memcmp (local + 30, member->name, member->length) != 0)
    return refuse_member (self, member, error, N_ ("it is not where the directory says"));
  member->data = member->header + 30 + member->length + u16 (local + 28);
  if (member->bytes > self->directory - member->data)
    return refuse_member (self, member, error, N_ ("it reaches beyond the end of the file"));
  return TRUE;
}

static gboolean
read_directory (Archive *self, GCancellable *cancellable, GError **error)
{
  guint64 at = self->directory;

  for (guint64 i = 0; i < self->count; i++) {
    const guint8 *entry = self->data + at;
    guint64 left = self->directory_end - at, length, stored;
    Member member;

    if (g_cancellable_set_error_if_cancelled (cancellable, error))
      return FALSE;
    if (left < 46 || u32 (entry) != CENTRAL || (length = 46u + u16 (entry + 28) + u16 (entry + 30) + u16 (entry + 32)) > left)
      return vel_tensor_file_damaged (self->file, error, _ ("its directory is damaged"));
    member = (Member) { (const char *) entry + 46, u16 (entry + 28), u32 (entry + 42), 0, u32 (entry + 24) };
    stored = u32 (entry + 20);
    if (!widen (entry + 46 + member.length, u16 (entry + 30), &member.bytes, &stored, &member.header))
      return refuse_member (self, &member, error, N_ ("its sizes are missing"));
    if (!check_member (self, &member, u16 (entry + 8), u16 (entry + 10), stored, error))
      return FALSE;
    g_array_append_val (self->members, member);
    at += length;
  }
  if (at != self->directory_end)
    return vel_tensor_file_damaged (self->file, error, _ ("its directory is damaged"));
  return TRUE;
}

static int
compare_places (gconstpointer a, gconstpointer b)
{
  const Member *x = a, *y = b;

  return (x->header > y->header) - (x->header < y->header);
}

static int
compare_texts (const char *a, gsize a_length, const char *b, gsize b_length)
{
  int order = memcmp (a, b, MIN (a_length, b_length));

  return order ? order : (a_length > b_length) - (a_length < b_length);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  const Member *x = a, *y = b;

  return compare_texts (x->name, x->length, y->name, y->length);
}

/* No two members share a byte or a name, so that everybody who reads the archive reads the same. Leaves them sorted by name. */
static gboolean
check_apart (Archive *self, GError **error)
{
  const Member *members = (const Member *) (gpointer) self->members->data;

  g_array_sort (self->members, compare_places);
  for (guint i = 1; i < self->members->len; i++)
    if (members[i - 1].data + members[i - 1].bytes > members[i].header)
      return refuse_member (self, &members[i], error, N_ ("it overlaps another member"));
  g_array_sort (self->members, compare_names);
  for (guint i = 1; i < self->members->len; i++)
    if (compare_names (&members[i - 1], &members[i]) == 0)
      return refuse_member (self, &members[i], error, N_ ("there are two of this name"));
  return TRUE;
}

/* root + folder + key. (nullable) */
static const Member *
find_member (Archive *self, const char *folder, const char *key, gsize length)
{
  g_autoptr (GString) name = g_string_new_len (self->root, self->root_length);
  gsize low = 0, high = self->members->len;

  if (length > 1024)
    return NULL;
  g_string_append (name, folder);
  g_string_append_len (name, key, length);
  while (low < high) {
    gsize middle = (low + high) / 2;
    const Member *member = &g_array_index (self->members, Member, middle);
    int order = compare_texts (name->str, name->len, member->name, member->length);

    if (order == 0)
      return member;
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
  Archive *self = container;
  const Member *member = find_member (self, "data/", key->text.start, key->text.length);

  if (!member)
    return FALSE;
  *data = self->data + member->data;
  *bytes = member->bytes;
  return TRUE;
}

/* "NAME/data.pkl", the only one. */
static const Member *
find_pickle (Archive *self, GError **error)
{
  static const char wanted[] = "data.pkl";
  const gsize tail = sizeof wanted - 1;
  const Member *found = NULL;

  for (guint i = 0; i < self->members->len; i++) {
    const Member *member = &g_array_index (self->members, Member, i);

    if (member->length < tail || memcmp (member->name + member->length - tail, wanted, tail) != 0 ||
        (member->length > tail && member->name[member->length - tail - 1] != '/'))
      continue;
    if (found) {
      refuse_member (self, member, error, N_ ("there is more than one data.pkl"));
      return NULL;
    }
    found = member;
  }
  if (!found)
    vel_tensor_file_damaged (self->file, error,
                             _ ("there is no data.pkl in it: it is a zip archive, but no checkpoint; if a model is in it, unpack it"));
  else {
    self->root = found->name;
    self->root_length = found->length - tail;
  }
  return found;
}

static gboolean
read_pickle (Archive *self, const Member *member, GCancellable *cancellable, GError **error)
{
  g_auto (VelPickle) pickle;
  const VelPickleValue *root;

  vel_pickle_init (&pickle, self->data + member->data, MIN (member->bytes, VEL_PICKLE_MOST + 1));
  root = vel_pickle_run (&pickle);
  if (!root) {
    g_autofree char *problem = vel_pickle_dup_problem (&pickle);

    return vel_tensor_file_damaged (self->file, error, "%s", problem);
  }
  return vel_torch_add_tensors (self->file, root, find_storage, self, cancellable, error);
}

static gboolean
read_zip (VelTensorFile *file, GCancellable *cancellable, GError **error)
{
  g_autoptr (GArray) members = g_array_new (FALSE, FALSE, sizeof (Member));
  Archive self = { .file = file, .data = vel_tensor_file_get_data (file), .size = vel_tensor_file_get_size (file), .members = members };
  const Member *pickle, *order;

  if (!find_directory (&self, error) || !read_directory (&self, cancellable, error) || !check_apart (&self, error) ||
      !(pickle = find_pickle (&self, error)))
    return FALSE;
  order = find_member (&self, "", "byteorder", strlen ("byteorder"));
  if (order && (order->bytes != 6 || memcmp (self.data + order->data, "little", 6) != 0))
    return refuse_member (&self, order, error, N_ ("the file was written on a machine with another order of bytes, which is not read"));
  return read_pickle (&self, pickle, cancellable, error);
}

static gboolean
is_zip (const guint8 *data, gsize size)
{
  return memcmp (data, "PK\3\4", 4) == 0 || memcmp (data, "PK\5\6", 4) == 0;
}

const VelContainer vel_torch_zip_container = { "torch-zip", N_ ("PyTorch checkpoint"), is_zip, read_zip };
