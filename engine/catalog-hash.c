/* Hashes of model files, computed once.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/catalog.h"

#include "engine/durable.h"
#include "engine/error.h"
#include "engine/formats/diffusers.h"
#include "engine/formats/safetensors.h"
#include "engine/paths.h"
#include "engine/text/embedding-files.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIGITS 64
#define V1_START 0x100000
#define V1_BYTES 0x10000

/* The file whose bytes are hashed. Returns: (transfer full) */
static char *
hashed_file (const char *path, GError **error)
{
  gboolean whole = vel_diffusers_is_model (path);
  char *file = g_file_test (path, G_FILE_TEST_IS_DIR) ? vel_diffusers_find (path, whole ? "unet" : "") : g_strdup (path);

  if (file)
    return file;
  g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("“%s” has no unet file to take a hash of"), path);
  return NULL;
}

/* A file that is open for hashing, and which of its bytes count. */
typedef struct {
  char *path;
  int fd;
  struct stat status;
  guint64 start, bytes; /* bytes: G_MAXUINT64 up to the end */
} Hashing;

static void
hashing_close (Hashing *self)
{
  if (self->fd >= 0)
    close (self->fd);
  g_free (self->path);
}

static gboolean
hashing_open (Hashing *self, const char *path, GError **error)
{
  *self = (Hashing){ .path = hashed_file (path, error), .fd = -1, .bytes = G_MAXUINT64 };
  if (!self->path)
    return FALSE;
  self->fd = g_open (self->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
  if (self->fd >= 0 && fstat (self->fd, &self->status) == 0 && S_ISREG (self->status.st_mode))
    return TRUE;
  g_set_error (error, VEL_ERROR, VEL_ERROR_STORAGE, _ ("“%s” can not be read: %s"), self->path,
               self->fd < 0 ? g_strerror (errno) : _ ("it is no file"));
  hashing_close (self);
  return FALSE;
}

/* SHA-256 of the bytes that count, as hex digits. Returns: (transfer full) */
static char *
compute (const Hashing *self, GCancellable *cancellable, GError **error)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  gsize room = 1 << 20;
  g_autofree guint8 *piece = g_malloc (room);
  guint64 left = self->bytes;
  gssize n;

  lseek (self->fd, self->start, SEEK_SET);
  while (left > 0 && (n = read (self->fd, piece, MIN (room, left))) != 0) {
    if (g_cancellable_set_error_if_cancelled (cancellable, error))
      return NULL;
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0) {
      g_set_error (error, VEL_ERROR, VEL_ERROR_STORAGE, _ ("“%s” can not be read: %s"), self->path, g_strerror (errno));
      return NULL;
    }
    g_checksum_update (checksum, piece, n);
    left -= n;
  }
  return g_strdup (g_checksum_get_string (checksum));
}

/* One small file per hash, named after what identifies what was hashed: path, size, time, which bytes. Returns: (transfer full) */
static char *
remembered_path (const Hashing *self)
{
  g_autofree char *real = g_canonicalize_filename (self->path, NULL);
  g_autofree char *part = self->bytes == G_MAXUINT64 ? g_strdup ("") : g_strdup_printf ("+%" G_GUINT64_FORMAT, self->bytes);
  g_autofree char *identity =
      g_strdup_printf ("%s\n%" G_GINT64_FORMAT "\n%" G_GINT64_FORMAT ".%09ld\n%" G_GUINT64_FORMAT "%s", real, (gint64) self->status.st_size,
                       (gint64) self->status.st_mtim.tv_sec, self->status.st_mtim.tv_nsec, self->start, part);
  g_autofree char *digest = g_compute_checksum_for_string (G_CHECKSUM_SHA256, identity, -1);

  return g_build_filename (vel_paths_get_cache (), "hashes", digest, NULL);
}

static gboolean
is_hash (const char *text, gsize digits)
{
  return strspn (text, "0123456789abcdef") == digits && text[digits] == 0;
}

/* Returns: (transfer full) (nullable): NULL if it was never computed */
static char *
recall (const Hashing *self)
{
  g_autofree char *place = remembered_path (self), *known = NULL;

  return g_file_get_contents (place, &known, NULL, NULL) && is_hash (known, DIGITS) ? g_steal_pointer (&known) : NULL;
}

/* A cache that can not be written is no reason to fail. */
static void
remember (const Hashing *self, const char *hash)
{
  g_autofree char *place = remembered_path (self), *folder = g_path_get_dirname (place);
  g_autoptr (VelDurable) file = NULL;

  g_mkdir_with_parents (folder, 0700);
  file = vel_durable_new (folder, NULL);
  if (file && vel_durable_write (file, hash, strlen (hash), NULL))
    vel_durable_finish (file, place, TRUE, NULL);
}

/* Where the tensors of a safetensors file begin; 0 for any other. */
static guint64
data_start (const Hashing *self)
{
  guint8 head[9];
  guint64 length;

  if (pread (self->fd, head, sizeof head, 0) != sizeof head || head[8] != '{')
    return 0;
  memcpy (&length, head, 8);
  length = GUINT64_FROM_LE (length);
  return length <= (guint64) self->status.st_size - 8 ? 8 + length : 0;
}

/* Sets which bytes a kind is about. Returns FALSE if the file is too short to have any. */
static gboolean
choose_bytes (Hashing *self, VelHashKind kind)
{
  self->start = kind == VEL_HASH_AUTOV3 || kind == VEL_HASH_LORA ? data_start (self) : kind == VEL_HASH_AUTOV1 ? V1_START : 0;
  self->bytes = kind == VEL_HASH_AUTOV1 ? V1_BYTES : G_MAXUINT64;
  return kind != VEL_HASH_AUTOV1 || self->status.st_size > V1_START;
}

/* What kohya's trainer wrote into the file: it stays when the tensors are stored anew. Returns: (transfer full) (nullable) */
static char *
stated_hash (const char *path)
{
  g_autoptr (VelTensorFile) file = vel_safetensors_open (path, NULL, NULL);
  const char *stated = file ? vel_tensor_file_get_metadata (file, "sshs_model_hash") : NULL;

  return stated && strlen (stated) >= 12 && strspn (stated, "0123456789abcdef") == strlen (stated) ? g_strdup (stated) : NULL;
}

static gsize
digits_of (VelHashKind kind)
{
  return kind == VEL_HASH_AUTOV1 ? 8 : kind == VEL_HASH_AUTOV2 ? 10 : 12;
}

char *
vel_catalog_hash_kind (VelHashKind kind, const char *path, GCancellable *cancellable, GError **error)
{
  g_autofree char *found = NULL;
  Hashing hashing;

  if (!hashing_open (&hashing, path, error))
    return NULL;
  if (kind == VEL_HASH_LORA)
    found = stated_hash (hashing.path);
  if (!found && choose_bytes (&hashing, kind) && !(found = recall (&hashing)) && (found = compute (&hashing, cancellable, error)))
    remember (&hashing, found);
  hashing_close (&hashing);
  return found ? g_strndup (found, digits_of (kind)) : NULL;
}

char *
vel_catalog_hash (const char *path, GCancellable *cancellable, GError **error)
{
  return vel_catalog_hash_kind (VEL_HASH_AUTOV2, path, cancellable, error);
}

char *
vel_catalog_hash_data (const char *path, GCancellable *cancellable, GError **error)
{
  return vel_catalog_hash_kind (VEL_HASH_AUTOV3, path, cancellable, error);
}

char *
vel_catalog_hash_vae (VelValues *request)
{
  const char *name = vel_values_get (request, "vae");
  g_autofree char *path = *name ? vel_catalog_resolve_parts (VEL_PART_VAE, name, NULL, NULL) : NULL;

  return path ? vel_catalog_hash (path, NULL, NULL) : NULL;
}

/* Whether a name stands in a text as a word of its own, whatever its case. text: folded */
static gboolean
stands_in (const char *text, const char *name)
{
  g_autofree char *folded = g_utf8_casefold (name, -1);
  gsize n = strlen (folded);

  for (const char *at = n > 0 ? strstr (text, folded) : NULL; at; at = strstr (at + 1, folded))
    if ((at == text || !g_unichar_isalnum (g_utf8_get_char (g_utf8_prev_char (at)))) && !g_unichar_isalnum (g_utf8_get_char (at + n)))
      return TRUE;
  return FALSE;
}

/* all: what is found so far. seen: names in it. */
static void
append_embedding (GString *all, GHashTable *seen, const char *path, const char *prompts)
{
  g_autofree char *name = vel_embeddings_name_of (path), *hash = NULL;

  if (!name || g_hash_table_contains (seen, name) || !stands_in (prompts, name) ||
      !(hash = vel_catalog_hash_kind (VEL_HASH_EMBEDDING, path, NULL, NULL)))
    return;
  for (const char *c = name; *c; c++)
    if (!strchr (":,", *c)) /* they would end the name */
      g_string_append_c (all, *c);
  g_string_append_printf (all, ": %s, ", hash);
  g_hash_table_add (seen, g_steal_pointer (&name));
}

char *
vel_catalog_hash_embeddings (VelValues *request)
{
  g_auto (GStrv) named = g_strsplit (vel_values_get (request, "embedding"), "\n", -1);
  g_autofree char *folder = g_build_filename (vel_paths_get_data (), "embeddings", NULL);
  g_autofree char *both = g_strconcat (vel_values_get (request, "prompt"), "\n", vel_values_get (request, "negative"), NULL);
  g_autofree char *valid = g_utf8_make_valid (both, -1), *prompts = g_utf8_casefold (valid, -1);
  g_autoptr (GPtrArray) own = vel_embeddings_list (folder);
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GString *all = g_string_new (NULL);

  for (guint i = 0; named[i]; i++)
    if (g_file_test (named[i], G_FILE_TEST_IS_REGULAR))
      append_embedding (all, seen, named[i], prompts);
  for (guint i = 0; i < own->len; i++)
    append_embedding (all, seen, own->pdata[i], prompts);
  if (all->len > 0)
    g_string_truncate (all, all->len - 2);
  return g_string_free (all, all->len == 0);
}

/* anew: compute what is not remembered; AutoV1 always is, for it reads 64 KiB. */
static gboolean
has_hash (const char *path, const char *hash, VelHashKind kind, gboolean anew, GCancellable *cancellable)
{
  g_autofree char *found = NULL;
  Hashing hashing;

  if (!hashing_open (&hashing, path, NULL))
    return FALSE;
  if (choose_bytes (&hashing, kind)) {
    found = recall (&hashing);
    if (!found && (anew || kind == VEL_HASH_AUTOV1) && (found = compute (&hashing, cancellable, NULL)))
      remember (&hashing, found);
  }
  hashing_close (&hashing);
  return found && g_str_has_prefix (found, hash);
}

static int
compare_sizes (gconstpointer a, gconstpointer b)
{
  const VelCatalogEntry *x = *(VelCatalogEntry *const *) a, *y = *(VelCatalogEntry *const *) b;

  return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

const VelCatalogEntry *
vel_catalog_find_hash (GPtrArray *entries, const char *hash, gboolean compute_all, GCancellable *cancellable)
{
  static const VelHashKind kinds[] = { VEL_HASH_AUTOV1, VEL_HASH_AUTOV2, VEL_HASH_AUTOV3 };
  g_autofree char *folded = g_ascii_strdown (hash, -1);
  gsize digits = strlen (folded);
  g_autoptr (GPtrArray) sorted = g_ptr_array_new ();

  if ((digits != 8 && digits != 10 && digits != 12 && digits != DIGITS) || !is_hash (folded, digits))
    return NULL;
  g_ptr_array_extend (sorted, entries, NULL, NULL);
  g_ptr_array_sort (sorted, compare_sizes);
  for (int anew = 0; anew <= (compute_all ? 1 : 0); anew++)
    for (guint i = 0; i < sorted->len && !g_cancellable_is_cancelled (cancellable); i++)
      for (gsize k = digits == 8 ? 0 : 1; k < G_N_ELEMENTS (kinds); k++) {
        const VelCatalogEntry *entry = sorted->pdata[i];

        if (has_hash (entry->path, folded, kinds[k], anew, cancellable))
          return entry;
      }
  return NULL;
}
