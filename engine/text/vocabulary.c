/* Reading a byte-pair vocabulary.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/text/vocabulary.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/formats/json.h"
#include "engine/formats/shown.h"

#define WORD_END "</w>"
#define CLIP_MERGES 48894      /* open_clip tokenizer.py: 49152 - 256 - 2 */
#define MOST_TOKENS (1u << 20) /* ids of a real vocabulary are below 2^18 */

/* Token texts and their ids. The hash starts from a number drawn once, so that no file can be made to collide. */
static guint
hash_text (gconstpointer key)
{
  static gsize seed;
  guint64 hash;

  if (g_once_init_enter (&seed))
    g_once_init_leave (&seed, 1 + (gsize) g_random_int ());
  hash = seed * 0x9e3779b97f4a7c15u;
  for (const guchar *at = key; *at != '\0'; at++) {
    hash = (hash ^ *at) * 0xff51afd7ed558ccdu;
    hash ^= hash >> 32;
  }
  return (guint) hash;
}

static GHashTable *
tokens_new (void)
{
  return g_hash_table_new_full (hash_text, g_str_equal, g_free, NULL);
}

/* text: (transfer full) */
static void
tokens_take (GHashTable *tokens, char *text, guint32 id)
{
  g_hash_table_insert (tokens, text, GUINT_TO_POINTER (id));
}

static guint32
find_token (GHashTable *tokens, const char *text)
{
  gpointer id;

  return g_hash_table_lookup_extended (tokens, text, NULL, &id) ? GPOINTER_TO_UINT (id) : VEL_NO_SYMBOL;
}

static gboolean
is_printable (guint byte)
{
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
}

/* GPT-2's alphabet: a printable character for every byte, those of Latin-1 for themselves, the others from U+0100 on. */
static void
byte_to_text (guint byte, char text[8])
{
  guint others = 0;

  for (guint before = 0; before < byte; before++)
    others += !is_printable (before);
  text[g_unichar_to_utf8 (is_printable (byte) ? byte : 256 + others, text)] = '\0';
}

static GBytes *
unpack (GBytes *packed, const char *path, GError **error)
{
  g_autoptr (GConverter) inflate = G_CONVERTER (g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP));
  g_autoptr (GInputStream) source = g_memory_input_stream_new_from_bytes (packed);
  g_autoptr (GInputStream) stream = g_converter_input_stream_new (source, inflate);
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autoptr (GError) reason = NULL;
  guint8 block[65536];
  gssize n;

  while ((n = g_input_stream_read (stream, block, sizeof block, NULL, &reason)) > 0) {
    g_byte_array_append (out, block, n);
    if (out->len > VEL_VOCABULARY_MOST_BYTES)
      break;
  }
  if (n == 0)
    return g_byte_array_free_to_bytes (g_steal_pointer (&out));
  g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("The vocabulary %s can not be unpacked: %s"), path,
               n > 0 ? _ ("it is larger than any vocabulary") : reason->message);
  return NULL;
}

/* A plain file's text, or a gzip file's content. */
static GBytes *
read_whole (const char *path, GError **error)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GError) reason = NULL;
  g_autoptr (GFileInputStream) stream = NULL;
  g_autoptr (GBytes) bytes = NULL;
  const guint8 *data;
  gsize size;

  if (!g_file_test (path, G_FILE_TEST_IS_REGULAR)) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_VOCABULARY, _ ("The vocabulary %s is not there, or is no file"), path);
    return NULL;
  }
  stream = g_file_read (file, NULL, &reason);
  if (stream != NULL)
    bytes = g_input_stream_read_bytes (G_INPUT_STREAM (stream), VEL_VOCABULARY_MOST_BYTES + 1, NULL, &reason);
  if (bytes == NULL) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("The vocabulary %s can not be read: %s"), path, reason->message);
    return NULL;
  }
  data = g_bytes_get_data (bytes, &size);
  if (size > VEL_VOCABULARY_MOST_BYTES) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("The vocabulary %s is larger than %d MiB, no vocabulary is"), path,
                 VEL_VOCABULARY_MOST_BYTES >> 20);
    return NULL;
  }
  if (size >= 2 && data[0] == 0x1f && data[1] == 0x8b)
    return unpack (bytes, path, error);
  return g_steal_pointer (&bytes);
}

static gboolean
refuse_twice (const char *path, const char *text, GError **error)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  g_autofree char *shown = vel_shown (valid);

  g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("The vocabulary %s has the token “%s” twice"), path, shown);
  return FALSE;
}

static gboolean
read_tokens (GHashTable *tokens, const char *path, GError **error)
{
  g_autoptr (GBytes) bytes = read_whole (path, error);
  const char *text;
  gsize size;
  VelJson json;

  if (bytes == NULL)
    return FALSE;
  text = g_bytes_get_data (bytes, &size);
  vel_json_init (&json, text, size);
  vel_json_begin (&json, '{');
  while (vel_json_more (&json, '}')) {
    char *name = vel_json_key (&json);
    guint64 id;

    if (name == NULL || !vel_json_number (&json, &id)) {
      g_free (name);
      break;
    }
    if (id >= MOST_TOKENS)
      vel_json_fail (&json, N_ ("a token's number is larger than any vocabulary's"));
    if (g_hash_table_contains (tokens, name)) {
      refuse_twice (path, name, error);
      g_free (name);
      return FALSE;
    }
    tokens_take (tokens, name, (guint32) id);
  }
  if (vel_json_end (&json))
    return TRUE;
  /* Translators: a file; a phrase such as “a colon is missing” */
  g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("The vocabulary %s is no table of tokens: %s (byte %zu)"), path, json.problem,
               vel_json_offset (&json));
  return FALSE;
}

/* The next line of a text, its end cut off. Returns: (transfer full); NULL at the end */
static char *
next_line (const char **at, const char *end)
{
  const char *begin = *at, *stop;
  gsize length;

  if (begin >= end)
    return NULL;
  stop = memchr (begin, '\n', end - begin);
  length = (stop != NULL ? stop : end) - begin;
  *at = stop != NULL ? stop + 1 : end;
  if (length > 0 && begin[length - 1] == '\r')
    length--;
  return g_strndup (begin, length);
}

static gboolean
refuse_line (const char *path, guint line, const char *text, GError **error)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  g_autofree char *shown = vel_shown (valid);

  g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT,
               _ ("The vocabulary %s is damaged in line %u: “%s” is not two symbols with a space between"), path, line, shown);
  return FALSE;
}

typedef struct {
  char *left, *right;
} Pair;

static void
clear_pair (gpointer data)
{
  Pair *pair = data;

  g_free (pair->left);
  g_free (pair->right);
}

/* "left right" lines after an optional one that begins a version; blank ones end nothing and count for nothing. */
static GArray *
read_pairs (const char *path, guint most, GError **error)
{
  g_autoptr (GBytes) bytes = read_whole (path, error);
  g_autoptr (GArray) pairs = g_array_new (FALSE, FALSE, sizeof (Pair));
  const char *at, *end;
  gsize size;
  char *text;

  if (bytes == NULL)
    return NULL;
  g_array_set_clear_func (pairs, clear_pair);
  at = g_bytes_get_data (bytes, &size);
  end = at + size;
  for (guint line = 1; pairs->len < most && (text = next_line (&at, end)) != NULL; line++) {
    g_autofree char *owned = text;
    char *space = strchr (text, ' ');
    Pair pair;

    if (*text == '\0' || (line == 1 && strstr (text, "#version") != NULL))
      continue;
    if (space == NULL || space == text || space[1] == '\0' || strchr (space + 1, ' ') != NULL) {
      refuse_line (path, line, text, error);
      return NULL;
    }
    pair.left = g_strndup (text, space - text);
    pair.right = g_strdup (space + 1);
    g_array_append_val (pairs, pair);
  }
  return g_steal_pointer (&pairs);
}

static int
compare_merges (gconstpointer a, gconstpointer b)
{
  const VelMerge *first = a, *second = b;

  if (first->pair != second->pair)
    return first->pair < second->pair ? -1 : 1;
  return first->rank < second->rank ? -1 : first->rank > second->rank;
}

/* Of a pair that stands twice the later line counts, as in the reference's table. */
static void
sort_merges (GArray *merges)
{
  guint kept = 0;

  g_array_sort (merges, compare_merges);
  for (guint i = 0; i < merges->len; i++) {
    const VelMerge *merge = &g_array_index (merges, VelMerge, i);

    if (i + 1 == merges->len || merge[1].pair != merge->pair)
      g_array_index (merges, VelMerge, kept++) = *merge;
  }
  g_array_set_size (merges, kept);
}

/* Turns pairs of symbols' texts into pairs of ids. */
static gboolean
link_merges (VelVocabulary *self, const GArray *pairs, GHashTable *tokens, const char *path, GError **error)
{
  self->merges = g_array_sized_new (FALSE, FALSE, sizeof (VelMerge), pairs->len);
  for (guint i = 0; i < pairs->len; i++) {
    const Pair *pair = &g_array_index (pairs, Pair, i);
    g_autofree char *joined = g_strconcat (pair->left, pair->right, NULL);
    guint32 left = find_token (tokens, pair->left), right = find_token (tokens, pair->right);
    VelMerge merge = { (guint64) left << 32 | right, i, find_token (tokens, joined) };

    if (left == VEL_NO_SYMBOL || right == VEL_NO_SYMBOL || merge.result == VEL_NO_SYMBOL) {
      g_autofree char *valid = g_utf8_make_valid (joined, -1);
      g_autofree char *shown = vel_shown (valid);

      g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT,
                   _ ("The vocabulary %s does not fit its tokens: merge %u makes “%s” of symbols that are not all among them"), path, i + 1,
                   shown);
      return FALSE;
    }
    g_array_append_val (self->merges, merge);
  }
  sort_merges (self->merges);
  return TRUE;
}

static gboolean
finish (VelVocabulary *self, GHashTable *tokens, const char *path, GError **error)
{
  GHashTableIter iter;
  gpointer id;

  for (guint byte = 0; byte < 256; byte++) {
    char text[8 + sizeof WORD_END];

    byte_to_text (byte, text);
    self->bytes[0][byte] = find_token (tokens, text);
    strcat (text, WORD_END);
    self->bytes[1][byte] = find_token (tokens, text);
  }
  g_hash_table_iter_init (&iter, tokens);
  while (g_hash_table_iter_next (&iter, NULL, &id))
    self->size = MAX (self->size, GPOINTER_TO_UINT (id) + 1);
  self->comma = find_token (tokens, "," WORD_END);
  self->start = find_token (tokens, VEL_VOCABULARY_START);
  self->end = find_token (tokens, VEL_VOCABULARY_END);
  if (self->start != VEL_NO_SYMBOL && self->end != VEL_NO_SYMBOL)
    return TRUE;
  g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("The vocabulary %s has no token “%s”; it is not one of a CLIP text encoder"), path,
               self->start == VEL_NO_SYMBOL ? VEL_VOCABULARY_START : VEL_VOCABULARY_END);
  return FALSE;
}

gboolean
vel_vocabulary_read_folder (VelVocabulary *self, const char *vocab_path, const char *merges_path, GError **error)
{
  g_autoptr (GHashTable) tokens = tokens_new ();
  g_autoptr (GArray) pairs = NULL;

  memset (self, 0, sizeof *self);
  if (!read_tokens (tokens, vocab_path, error) || !finish (self, tokens, vocab_path, error))
    return FALSE;
  pairs = read_pairs (merges_path, MOST_TOKENS, error);
  if (pairs == NULL || !link_merges (self, pairs, tokens, merges_path, error)) {
    vel_vocabulary_clear (self);
    return FALSE;
  }
  return TRUE;
}

/* Returns: (transfer full); NULL if two merges make the same token */
static GHashTable *
name_tokens (const GArray *pairs, const char *path, GError **error)
{
  g_autoptr (GHashTable) tokens = tokens_new ();
  guint32 id = 0;

  /* four rounds: printable bytes, the others; the same at a word's end */
  for (guint round = 0; round < 4; round++) {
    for (guint byte = 0; byte < 256; byte++) {
      char text[8];

      if (is_printable (byte) != (round % 2 == 0))
        continue;
      byte_to_text (byte, text);
      tokens_take (tokens, g_strconcat (text, round < 2 ? "" : WORD_END, NULL), id++);
    }
  }
  for (guint i = 0; i < pairs->len; i++) {
    const Pair *pair = &g_array_index (pairs, Pair, i);
    g_autofree char *joined = g_strconcat (pair->left, pair->right, NULL);

    if (g_hash_table_contains (tokens, joined)) {
      refuse_twice (path, joined, error);
      return NULL;
    }
    tokens_take (tokens, g_steal_pointer (&joined), id++);
  }
  tokens_take (tokens, g_strdup (VEL_VOCABULARY_START), id++);
  tokens_take (tokens, g_strdup (VEL_VOCABULARY_END), id++);
  return g_steal_pointer (&tokens);
}

gboolean
vel_vocabulary_read_merges (VelVocabulary *self, const char *path, GError **error)
{
  g_autoptr (GArray) pairs = read_pairs (path, CLIP_MERGES, error);
  g_autoptr (GHashTable) tokens = NULL;

  memset (self, 0, sizeof *self);
  if (pairs == NULL)
    return FALSE;
  tokens = name_tokens (pairs, path, error);
  if (tokens == NULL || !finish (self, tokens, path, error))
    return FALSE;
  if (!link_merges (self, pairs, tokens, path, error)) {
    vel_vocabulary_clear (self);
    return FALSE;
  }
  return TRUE;
}

void
vel_vocabulary_clear (VelVocabulary *self)
{
  g_clear_pointer (&self->merges, g_array_unref);
}

const VelMerge *
vel_vocabulary_find_merge (const VelVocabulary *self, guint32 left, guint32 right)
{
  const guint64 pair = (guint64) left << 32 | right;
  gsize low = 0, high = self->merges->len;

  while (low < high) {
    gsize middle = low + (high - low) / 2;
    const VelMerge *merge = &g_array_index (self->merges, VelMerge, middle);

    if (merge->pair == pair)
      return merge;
    if (merge->pair < pair)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}
