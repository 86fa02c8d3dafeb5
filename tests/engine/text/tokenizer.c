/* Token ids against the reference's; files that are no vocabulary.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/text/tokenizer.h"

#include <glib/gstdio.h>
#include <string.h>
#include <zlib.h>

#include "tests/engine/golden.h"
#include "tests/engine/text/mix.h"

static VelTokenizer *
open_small (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "golden", "text", "small", NULL);
  g_autoptr (GError) error = NULL;
  VelTokenizer *tokenizer = vel_tokenizer_open (path, &error);

  g_assert_no_error (error);
  return tokenizer;
}

/* VELATURA_TEST_VOCABULARY, or where ./run puts it. Returns: (transfer full) (nullable) */
static VelTokenizer *
open_standard (void)
{
  const char *path = g_getenv ("VELATURA_TEST_VOCABULARY");
  g_autofree char *usual = g_build_filename (g_get_user_data_dir (), "velatura", "vocabulary", NULL);

  return vel_tokenizer_open (path != NULL ? path : usual, NULL);
}

static guint32
sum_ids (VelTokenizer *tokenizer, const char *text, guint32 crc)
{
  g_autoptr (GArray) ids = vel_tokenizer_encode (tokenizer, text);

  return crc32 (crc, (const Bytef *) ids->data, ids->len * sizeof (guint32));
}

static char *
describe_ids (const GArray *ids)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < ids->len; i++)
    g_string_append_printf (text, "%u ", g_array_index (ids, guint32, i));
  return g_string_free (text, FALSE);
}

static void
compare_texts (VelTokenizer *tokenizer, const json_t *root, const char *vocabulary)
{
  json_t *row;
  gsize i;

  json_array_foreach (json_object_get (root, "texts"), i, row) {
    const char *text = json_string_value (json_object_get (row, "text"));
    const json_t *wanted = json_object_get (row, vocabulary);
    g_autoptr (GArray) ids = vel_tokenizer_encode (tokenizer, text);
    g_autoptr (GArray) expected = g_array_new (FALSE, FALSE, sizeof (guint32));
    g_autofree char *got = NULL, *want = NULL;

    for (gsize k = 0; k < json_array_size (wanted); k++) {
      guint32 id = json_integer_value (json_array_get (wanted, k));

      g_array_append_val (expected, id);
    }
    got = describe_ids (ids);
    want = describe_ids (expected);
    if (!g_str_equal (got, want))
      g_error ("“%s”: %s, wanted %s", text, got, want);
  }
}

static void
compare_mixed (VelTokenizer *tokenizer, const json_t *root, const char *vocabulary)
{
  const json_t *sums = json_object_get (root, vocabulary);
  Mix mix = { json_object_get (root, "fragments"), 1 };

  g_assert_cmpuint (json_array_size (sums), >=, 2000);
  for (gsize i = 0; i < json_array_size (sums); i++) {
    g_autofree char *text = mix_string (&mix, 1, 14);

    if (sum_ids (tokenizer, text, 0) != json_integer_value (json_array_get (sums, i)))
      g_error ("other tokens for text %" G_GSIZE_FORMAT ": “%s”", i, text);
  }
}

static void
test_small (void)
{
  g_autoptr (VelTokenizer) tokenizer = open_small ();
  json_t *root = golden_load ("text", "tokens.json");

  g_assert_cmpuint (vel_tokenizer_get_size (tokenizer), ==, 674);
  g_assert_cmpuint (vel_tokenizer_get_start (tokenizer), ==, 672);
  g_assert_cmpuint (vel_tokenizer_get_end (tokenizer), ==, 673);
  g_assert_cmpuint (vel_tokenizer_get_comma (tokenizer), ==, 267);
  compare_texts (tokenizer, root, "small");
  compare_mixed (tokenizer, root, "small");
  json_decref (root);
}

static void
test_standard (void)
{
  g_autoptr (VelTokenizer) tokenizer = open_standard ();
  json_t *root;

  if (tokenizer == NULL) {
    g_test_skip ("CLIP's bpe_simple_vocab_16e6.txt.gz is not here; name it in VELATURA_TEST_VOCABULARY");
    return;
  }
  root = golden_load ("text", "tokens.json");
  g_assert_cmpuint (vel_tokenizer_get_size (tokenizer), ==, 49408);
  g_assert_cmpuint (vel_tokenizer_get_start (tokenizer), ==, 49406);
  g_assert_cmpuint (vel_tokenizer_get_end (tokenizer), ==, 49407);
  g_assert_cmpuint (vel_tokenizer_get_comma (tokenizer), ==, 267);
  compare_texts (tokenizer, root, "standard");
  compare_mixed (tokenizer, root, "standard");
  json_decref (root);
}

/* Every character there is, between two letters. */
static void
test_characters (void)
{
  g_autoptr (VelTokenizer) tokenizer = open_small ();
  json_t *root = golden_load ("text", "tokens.json");
  const json_t *sums = json_object_get (root, "characters");

  for (gsize block = 0; block < json_array_size (sums); block++) {
    guint32 crc = 0;

    for (gunichar c = MAX (block * 4096, 1); c < (block + 1) * 4096; c++) {
      char text[16] = "a";

      if (c >= 0xd800 && c < 0xe000)
        continue;
      strcpy (text + 1 + g_unichar_to_utf8 (c, text + 1), "B");
      crc = sum_ids (tokenizer, text, crc);
    }
    if (crc != json_integer_value (json_array_get (sums, block)))
      g_error ("other tokens for a character from U+%04X on", (guint) block * 4096);
  }
  json_decref (root);
}

/* Bytes that are no UTF-8 are U+FFFD. */
static void
test_invalid (void)
{
  g_autoptr (VelTokenizer) tokenizer = open_small ();

  g_assert_cmpuint (sum_ids (tokenizer, "a\xff""b\xc3", 0), ==, sum_ids (tokenizer, "a\xef\xbf\xbd""b\xef\xbf\xbd", 0));
}

static void
test_long (void)
{
  g_autoptr (VelTokenizer) tokenizer = open_small ();
  g_autofree char *word = g_strnfill (200000, 'w');
  g_autoptr (GArray) ids = vel_tokenizer_encode (tokenizer, word);

  g_assert_cmpuint (ids->len, >, 1000);
}

static char *
make_folder (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = g_dir_make_tmp ("velatura-text-XXXXXX", &error);

  g_assert_no_error (error);
  return folder;
}

static void
put (const char *folder, const char *name, const char *text, gssize length)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, text, length, &error);
  g_assert_no_error (error);
}

static void
remove_folder (char *folder)
{
  static const char *const names[] = { "vocab.json", "merges.txt", "bpe_simple_vocab_16e6.txt", "bpe_simple_vocab_16e6.txt.gz", "model.safetensors" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *path = g_build_filename (folder, names[i], NULL);

    g_unlink (path);
  }
  g_rmdir (folder);
  g_free (folder);
}

static void
refused (const char *folder, const char *phrase)
{
  g_autoptr (GError) error = NULL;
  VelTokenizer *tokenizer = vel_tokenizer_open (folder, &error);

  g_assert_null (tokenizer);
  g_assert_error (error, VEL_ERROR, VEL_ERROR_FORMAT);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, phrase));
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  g_assert_null (strchr (error->message, '\n'));
}

#define ENDS "\"<|startoftext|>\": 1, \"<|endoftext|>\": 2"

static void
test_hostile (void)
{
  static const struct {
    const char *vocab, *merges, *phrase;
  } cases[] = {
    { "", "", "no table of tokens" },
    { "[1]", "", "no table of tokens" },
    { "{\"a\": 1", "", "no table of tokens" },
    { "{\"a\": -1}", "", "no table of tokens" },
    { "{\"a\": \"b\"}", "", "no table of tokens" },
    { "{\"a\": 4294967297}", "", "larger than any" },
    { "{\"a\": 1, \"a\": 2, " ENDS "}", "", "“a” twice" },
    { "{\"a\": 0}", "", "<|startoftext|>" },
    { "{\"a\": 0, " ENDS "}", "#version: 0.2\na\n", "line 2" },
    { "{\"a\": 0, " ENDS "}", "a b c\n", "line 1" },
    { "{\"a\": 0, " ENDS "}", "a \n", "line 1" },
    { "{\"a\": 0, " ENDS "}", "a b\n", "merge 1" },
    { "{\"a\": 0, " ENDS "}", "a a\n", "merge 1" },
    { "{\"a\": 0, " ENDS "}", "\xff\xfe a\n", "merge 1" },
  };
  char *folder = make_folder ();
  g_autofree char *deep = g_strnfill (1 << 20, '[');

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    put (folder, "vocab.json", cases[i].vocab, -1);
    put (folder, "merges.txt", cases[i].merges, -1);
    refused (folder, cases[i].phrase);
  }
  put (folder, "vocab.json", deep, -1);
  refused (folder, "no table of tokens");
  remove_folder (folder);
}

/* gzip of zeros without end, and half a file. */
static void
test_packed (void)
{
  char *folder = make_folder ();
  g_autofree char *path = g_build_filename (folder, "bpe_simple_vocab_16e6.txt.gz", NULL);
  g_autofree char *zeros = g_malloc0 (1 << 20), *content = NULL;
  gzFile file = gzopen (path, "wb9");
  gsize size;

  for (guint i = 0; i < 65; i++)
    g_assert_cmpint (gzwrite (file, zeros, 1 << 20), ==, 1 << 20);
  gzclose (file);
  refused (folder, "larger than any vocabulary");
  g_assert_true (g_file_get_contents (path, &content, &size, NULL));
  put (folder, "bpe_simple_vocab_16e6.txt.gz", content, size / 2);
  refused (folder, "can not be unpacked");
  remove_folder (folder);
}

/* A file of merges alone, as CLIP's: bytes, bytes at a word's end, merges, start, end. */
static void
test_merges (void)
{
  char *folder = make_folder ();
  g_autoptr (VelTokenizer) tokenizer = NULL;
  g_autoptr (GArray) ids = NULL;

  put (folder, "bpe_simple_vocab_16e6.txt", "\"bpe#version: 0.2\na b\nab c</w>\n", -1);
  tokenizer = vel_tokenizer_open (folder, NULL);
  g_assert_nonnull (tokenizer);
  g_assert_cmpuint (vel_tokenizer_get_start (tokenizer), ==, 514);
  ids = vel_tokenizer_encode (tokenizer, "ABC ab");
  g_assert_cmpuint (ids->len, ==, 3);
  g_assert_cmpuint (g_array_index (ids, guint32, 0), ==, 513);
  g_assert_cmpuint (g_array_index (ids, guint32, 1), ==, 'a' - 33);
  g_assert_cmpuint (g_array_index (ids, guint32, 2), ==, 256 + 'b' - 33);
  remove_folder (folder);
}

/* A byte without a token is "unknown", which is the end token. */
static void
test_unknown (void)
{
  char *folder = make_folder ();
  g_autoptr (VelTokenizer) tokenizer = NULL;
  g_autoptr (GArray) ids = NULL;

  put (folder, "vocab.json", "{\"a\": 0, \"a</w>\": 3, " ENDS "}", -1);
  put (folder, "merges.txt", "", -1);
  tokenizer = vel_tokenizer_open (folder, NULL);
  g_assert_nonnull (tokenizer);
  ids = vel_tokenizer_encode (tokenizer, "aba, a");
  g_assert_cmpuint (ids->len, ==, 5);
  g_assert_cmpuint (g_array_index (ids, guint32, 1), ==, 2);
  g_assert_cmpuint (g_array_index (ids, guint32, 2), ==, 3);
  remove_folder (folder);
}

/* The order of search: option, in or beside the model, the data folder; then what to do. */
static void
test_find (void)
{
  char *folder = make_folder ();
  g_autofree char *model = g_build_filename (folder, "model.safetensors", NULL);
  g_autofree char *small = g_test_build_filename (G_TEST_DIST, "golden", "text", "small", NULL);
  g_autoptr (GError) error = NULL;
  VelTokenizer *tokenizer;

  tokenizer = vel_tokenizer_find (NULL, model, &error);
  g_assert_null (tokenizer);
  g_assert_error (error, VEL_ERROR, VEL_ERROR_VOCABULARY);
  g_assert_nonnull (strstr (error->message, "--tokenizer"));
  g_assert_nonnull (strstr (error->message, model));
  g_clear_error (&error);

  tokenizer = vel_tokenizer_find (small, model, &error);
  g_assert_cmpuint (vel_tokenizer_get_size (tokenizer), ==, 674);
  vel_tokenizer_unref (tokenizer);

  put (folder, "vocab.json", "{\"a\": 0, " ENDS "}", -1);
  put (folder, "merges.txt", "", -1);
  tokenizer = vel_tokenizer_find (NULL, model, &error);
  g_assert_cmpuint (vel_tokenizer_get_size (tokenizer), ==, 3);
  vel_tokenizer_unref (tokenizer);
  tokenizer = vel_tokenizer_find ("", folder, &error);
  g_assert_cmpuint (vel_tokenizer_get_size (tokenizer), ==, 3);
  vel_tokenizer_unref (tokenizer);
  g_assert_null (vel_tokenizer_find ("/nowhere", folder, &error));
  g_assert_error (error, VEL_ERROR, VEL_ERROR_VOCABULARY);
  remove_folder (folder);
}

/* Strings of many scripts, against transformers: make-unicode.py. */
static void
test_transformers (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "golden", "text", "small", NULL);
  g_autoptr (VelTokenizer) tokenizer = vel_tokenizer_open (path, NULL);
  json_t *root = golden_load ("text", "unicode.json"), *sums = json_object_get (root, "sums");
  Mix mix = { json_object_get (root, "fragments"), 9 };

  g_assert_cmpuint (json_array_size (sums), ==, 2000);
  for (gsize i = 0; i < json_array_size (sums); i++) {
    g_autofree char *text = mix_string (&mix, 1, 24);

    if (sum_ids (tokenizer, text, 0) != json_integer_value (json_array_get (sums, i)))
      g_error ("other tokens for “%s”", text);
  }
  json_decref (root);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tokenizer/small", test_small);
  g_test_add_func ("/tokenizer/standard", test_standard);
  g_test_add_func ("/tokenizer/characters", test_characters);
  g_test_add_func ("/tokenizer/transformers", test_transformers);
  g_test_add_func ("/tokenizer/invalid", test_invalid);
  g_test_add_func ("/tokenizer/long", test_long);
  g_test_add_func ("/tokenizer/hostile", test_hostile);
  g_test_add_func ("/tokenizer/packed", test_packed);
  g_test_add_func ("/tokenizer/merges", test_merges);
  g_test_add_func ("/tokenizer/unknown", test_unknown);
  g_test_add_func ("/tokenizer/find", test_find);
  return g_test_run ();
}
