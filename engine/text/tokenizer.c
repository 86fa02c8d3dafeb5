/* CLIP's byte-pair tokenizer.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/text/tokenizer.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/paths.h"
#include "engine/text/unicode.h"
#include "engine/text/vocabulary.h"

#define NEVER G_MAXUINT32 /* the rank of a pair that does not merge */

struct VelTokenizer {
  gint references;
  VelVocabulary vocabulary;
};

static VelTokenizer *
tokenizer_new (void)
{
  VelTokenizer *self = g_new0 (VelTokenizer, 1);

  self->references = 1;
  return self;
}

VelTokenizer *
vel_tokenizer_ref (VelTokenizer *self)
{
  g_atomic_int_inc (&self->references);
  return self;
}

void
vel_tokenizer_unref (VelTokenizer *self)
{
  if (self == NULL || !g_atomic_int_dec_and_test (&self->references))
    return;
  vel_vocabulary_clear (&self->vocabulary);
  g_free (self);
}

/* Returns: (transfer full) (nullable) folder/name if that is a file */
static char *
find_file (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);

  return g_file_test (path, G_FILE_TEST_IS_REGULAR) ? g_steal_pointer (&path) : NULL;
}

/* The names a vocabulary goes by, in the order they are looked for. */
static const struct {
  const char *tokens; /* NULL: the file of merges is all */
  const char *merges;
} layouts[] = {
  { "vocab.json", "merges.txt" },
  { "tokenizer/vocab.json", "tokenizer/merges.txt" },
  { NULL, "bpe_simple_vocab_16e6.txt.gz" },
  { NULL, "bpe_simple_vocab_16e6.txt" },
};

/* Returns: (transfer full) (nullable): NULL without an error if the folder has none */
static VelTokenizer *
open_folder (const char *folder, GError **error)
{
  for (gsize i = 0; i < G_N_ELEMENTS (layouts); i++) {
    g_autofree char *tokens = layouts[i].tokens != NULL ? find_file (folder, layouts[i].tokens) : NULL;
    g_autofree char *merges = find_file (folder, layouts[i].merges);
    g_autoptr (VelTokenizer) self = NULL;
    gboolean ok;

    if (merges == NULL || (layouts[i].tokens != NULL && tokens == NULL))
      continue;
    self = tokenizer_new ();
    ok = tokens != NULL ? vel_vocabulary_read_folder (&self->vocabulary, tokens, merges, error)
                        : vel_vocabulary_read_merges (&self->vocabulary, merges, error);
    return ok ? g_steal_pointer (&self) : NULL;
  }
  return NULL;
}

VelTokenizer *
vel_tokenizer_open (const char *path, GError **error)
{
  g_autoptr (VelTokenizer) self = NULL;
  GError *reason = NULL;

  if (!g_file_test (path, G_FILE_TEST_IS_DIR)) {
    self = tokenizer_new ();
    return vel_vocabulary_read_merges (&self->vocabulary, path, error) ? g_steal_pointer (&self) : NULL;
  }
  self = open_folder (path, &reason);
  if (self == NULL && reason == NULL)
    g_set_error (&reason, VEL_ERROR, VEL_ERROR_VOCABULARY,
                 _ ("The folder %s has no vocabulary: wanted are vocab.json and merges.txt, or bpe_simple_vocab_16e6.txt.gz"), path);
  if (reason != NULL)
    g_propagate_error (error, reason);
  return g_steal_pointer (&self);
}

VelTokenizer *
vel_tokenizer_find (const char *option, const char *model_path, GError **error)
{
  gboolean is_folder = g_file_test (model_path, G_FILE_TEST_IS_DIR);
  g_autofree char *beside = is_folder ? g_strdup (model_path) : g_path_get_dirname (model_path);
  g_autofree char *shared = g_build_filename (vel_paths_get_data (), "vocabulary", NULL);
  const char *folders[] = { beside, shared };

  if (option != NULL && *option != '\0')
    return vel_tokenizer_open (option, error);
  for (gsize i = 0; i < G_N_ELEMENTS (folders); i++) {
    GError *reason = NULL;
    VelTokenizer *self = open_folder (folders[i], &reason);

    if (self != NULL)
      return self;
    if (reason != NULL) {
      g_propagate_error (error, reason);
      return NULL;
    }
  }
  g_set_error (error, VEL_ERROR, VEL_ERROR_VOCABULARY,
               is_folder ? _ ("No text vocabulary was found for %s: put CLIP's vocab.json and merges.txt, or bpe_simple_vocab_16e6.txt.gz, "
                              "into %s or into the model, or name it with --tokenizer")
                         : _ ("No text vocabulary was found for %s: put CLIP's vocab.json and merges.txt, or bpe_simple_vocab_16e6.txt.gz, "
                              "into %s or beside the model, or name it with --tokenizer"),
               model_path, shared);
  return NULL;
}

/* Text to characters: composed, every run of white space one space, lower case. (element-type gunichar) */
static GArray *
prepare (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  g_autofree char *composed = vel_unicode_compose (valid);
  glong n;
  g_autofree gunichar *characters = g_utf8_to_ucs4_fast (composed, -1, &n);
  GArray *out = g_array_sized_new (FALSE, FALSE, sizeof (gunichar), n);
  glong kept = 0;

  for (glong i = 0; i < n; i++) {
    gboolean space = (vel_unicode_get_classes (characters[i]) & VEL_UNICODE_SPACE) != 0;

    if (!space || kept == 0 || characters[kept - 1] != ' ')
      characters[kept++] = space ? ' ' : characters[i];
  }
  vel_unicode_append_lower (out, characters, kept);
  return out;
}

static gboolean
starts_with (const gunichar *text, gsize n, const char *ascii)
{
  gsize i;

  for (i = 0; ascii[i] != '\0'; i++)
    if (i == n || text[i] != (guchar) ascii[i])
      return FALSE;
  return TRUE;
}

#define KINDS (VEL_UNICODE_LETTER | VEL_UNICODE_NUMBER | VEL_UNICODE_SPACE)

/* Length of the piece a text of n > 0 characters begins with: an ending such as 's, a run of letters, one number, or a run of whatever is
 * none of them; 0 if it begins with white space. */
static gsize
measure_piece (const gunichar *text, gsize n)
{
  static const char *const endings[] = { "'s", "'t", "'re", "'ve", "'m", "'ll", "'d" };
  guint kind = vel_unicode_get_classes (*text) & KINDS;
  gsize length = 1;

  for (gsize i = 0; i < G_N_ELEMENTS (endings); i++)
    if (starts_with (text, n, endings[i]))
      return strlen (endings[i]);
  if (kind == VEL_UNICODE_SPACE)
    return 0;
  if (kind == VEL_UNICODE_NUMBER)
    return 1;
  while (length < n && (vel_unicode_get_classes (text[length]) & KINDS) == kind)
    length++;
  return length;
}

static guint32
find_rank (const VelVocabulary *vocabulary, guint32 left, guint32 right)
{
  const VelMerge *merge = left != VEL_NO_SYMBOL && right != VEL_NO_SYMBOL ? vel_vocabulary_find_merge (vocabulary, left, right) : NULL;

  return merge != NULL ? merge->rank : NEVER;
}

/* Replaces, from left to right, every pair that merges at this rank. ranks[i] is that of symbols i and i + 1. Returns: symbols left */
static gsize
merge_all (const VelVocabulary *vocabulary, guint32 *symbols, guint32 *ranks, gsize n, guint32 rank)
{
  gboolean merged = FALSE;
  gsize kept = 0;

  for (gsize i = 0; i < n; kept++) {
    gboolean merges = i + 1 < n && ranks[i] == rank;
    guint32 symbol = merges ? vel_vocabulary_find_merge (vocabulary, symbols[i], symbols[i + 1])->result : symbols[i];

    if (kept > 0)
      ranks[kept - 1] = merges || merged ? find_rank (vocabulary, symbols[kept - 1], symbol) : ranks[i - 1];
    symbols[kept] = symbol;
    merged = merges;
    i += merges ? 2 : 1;
  }
  return kept;
}

static guint32
find_lowest (const guint32 *ranks, gsize n)
{
  guint32 lowest = NEVER;

  for (gsize i = 0; i < n; i++)
    lowest = MIN (lowest, ranks[i]);
  return lowest;
}

/* A piece's bytes, the lowest merges first. A byte that the vocabulary lacks becomes the end token, as "unknown". */
static void
append_piece (const VelVocabulary *vocabulary, GArray *ids, const gunichar *piece, gsize length)
{
  glong size;
  g_autofree char *bytes = g_ucs4_to_utf8 (piece, length, NULL, &size, NULL);
  gsize n = size;
  g_autofree guint32 *symbols = g_new (guint32, n), *ranks = g_new (guint32, n);
  guint32 rank;

  for (gsize i = 0; i < n; i++) {
    symbols[i] = vocabulary->bytes[i + 1 == n][(guchar) bytes[i]];
    if (i > 0)
      ranks[i - 1] = find_rank (vocabulary, symbols[i - 1], symbols[i]);
  }
  while ((rank = find_lowest (ranks, n - 1)) != NEVER)
    n = merge_all (vocabulary, symbols, ranks, n, rank);
  for (gsize i = 0; i < n; i++)
    if (symbols[i] == VEL_NO_SYMBOL)
      symbols[i] = vocabulary->end;
  g_array_append_vals (ids, symbols, n);
}

GArray *
vel_tokenizer_encode (VelTokenizer *self, const char *text)
{
  const VelVocabulary *vocabulary = &self->vocabulary;
  g_autoptr (GArray) prepared = prepare (text);
  const gunichar *characters = (const gunichar *) prepared->data;
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (guint32));

  for (gsize i = 0; i < prepared->len;) {
    const gunichar *rest = characters + i;
    gsize left = prepared->len - i, length;

    if (starts_with (rest, left, VEL_VOCABULARY_START)) {
      g_array_append_val (ids, vocabulary->start);
      i += strlen (VEL_VOCABULARY_START);
    } else if (starts_with (rest, left, VEL_VOCABULARY_END)) {
      g_array_append_val (ids, vocabulary->end);
      i += strlen (VEL_VOCABULARY_END);
    } else {
      length = measure_piece (rest, left);
      if (length > 0)
        append_piece (vocabulary, ids, rest, length);
      i += MAX (length, 1);
    }
  }
  return ids;
}

guint32
vel_tokenizer_get_start (VelTokenizer *self)
{
  return self->vocabulary.start;
}

guint32
vel_tokenizer_get_end (VelTokenizer *self)
{
  return self->vocabulary.end;
}

guint32
vel_tokenizer_get_comma (VelTokenizer *self)
{
  return self->vocabulary.comma;
}

guint32
vel_tokenizer_get_size (VelTokenizer *self)
{
  return self->vocabulary.size;
}
