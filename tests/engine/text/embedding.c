/* Textual inversion files, and where their vectors stand in a prompt.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/text/embedding-files.h"

#include <glib/gstdio.h>
#include <string.h>

#include "engine/error.h"
#include "engine/formats/safetensors.h"
#include "engine/text/prompt.h"
#include "kernels/half.h"
#include "tests/engine/golden.h"
#include "tests/support/tiny-model.h"
#include "tests/support/worst.h"

static char *folder;

static VelTokenizer *
open_small (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "golden", "text", "small", NULL);
  g_autoptr (GError) error = NULL;
  VelTokenizer *tokenizer = vel_tokenizer_open (path, &error);

  g_assert_no_error (error);
  return tokenizer;
}

/* tensors: [n]. Returns: (transfer full) the file's path */
static char *
write_file (const char *name, const VelTensorOut *tensors, gsize n)
{
  char *path = g_build_filename (folder, name, NULL);
  g_autoptr (GError) error = NULL;

  vel_safetensors_write (path, tensors, n, NULL, &error);
  g_assert_no_error (error);
  return path;
}

/* A file of one tensor whose values count from `first`. */
static char *
write_counting (const char *name, const char *tensor, VelShape shape, float first)
{
  gsize count = (gsize) vel_shape_count (shape);
  g_autofree float *values = g_new (float, count);

  for (gsize i = 0; i < count; i++)
    values[i] = first + (float) i;
  return write_file (name, &(VelTensorOut){ tensor, VEL_F32, shape, values }, 1);
}

static void
test_layouts (void)
{
  static const char *const names[] = { "emb_params", "<ink>", "string_to_param.*" };
  g_autoptr (VelTokenizer) tokenizer = open_small ();
  g_autoptr (VelEmbeddings) set = vel_embeddings_new (tokenizer, 1, (gint64[]){ 4 });
  g_autoptr (GError) error = NULL;
  guint first, count;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *file = g_strdup_printf ("word%u.safetensors", i), *word = g_strdup_printf ("word%u", i);
    g_autofree char *path = write_counting (file, names[i], i == 1 ? VEL_SHAPE (4) : VEL_SHAPE (2, 4), 10 * (float) i);

    vel_embeddings_add (set, path, NULL, &error);
    g_assert_no_error (error);
    g_assert_true (vel_embeddings_find (set, word, &first, &count));
    g_assert_cmpuint (count, ==, i == 1 ? 1 : 2);
    g_assert_cmpfloat (vel_embeddings_get_vector (set, 0, first + count - 1)[3], ==, 10 * i + 4 * count - 1);
  }
  g_assert_false (vel_embeddings_find (set, "word", &first, &count));
}

/* What PyTorch saved: make-embeddings.py. */
static void
test_pickles (void)
{
  static const char *const files[] = { "a1111.pt", "legacy.pt", "parameters.pt", "concept.bin", "single.bin", "pair.pt" };
  g_autoptr (VelTokenizer) tokenizer = open_small ();

  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    guint n_encoders = g_str_equal (files[i], "pair.pt") ? 2 : 1, first, count;
    g_autoptr (VelEmbeddings) set = vel_embeddings_new (tokenizer, n_encoders, (gint64[]) { 4, 3 });
    g_autofree char *path = g_test_build_filename (G_TEST_DIST, "golden", "text", "embeddings", files[i], NULL);
    g_autofree char *name = g_strndup (files[i], strcspn (files[i], "."));
    g_autoptr (GError) error = NULL;

    vel_embeddings_add (set, path, NULL, &error);
    g_assert_no_error (error);
    g_assert_true (vel_embeddings_find (set, name, &first, &count));
    g_assert_cmpuint (count, ==, g_str_equal (name, "single") ? 1 : 2);
    for (guint e = 0; e < n_encoders; e++)
      for (guint row = 0; row < count; row++)
        for (guint c = 0; c < 4 - e; c++)
          g_assert_cmpfloat (vel_embeddings_get_vector (set, e, first + row)[c], ==, row + c / 4.0);
  }
}

static void
test_types (void)
{
  const guint16 halves[] = { vel_half_from_float (1.5f), vel_half_from_float (-2) };
  const guint16 brains[] = { vel_bfloat_from_float (1.5f), vel_bfloat_from_float (-2) };
  g_autofree char *half = write_file ("half.safetensors", &(VelTensorOut){ "emb_params", VEL_F16, VEL_SHAPE (1, 2), halves }, 1);
  g_autofree char *brain = write_file ("brain.safetensors", &(VelTensorOut){ "emb_params", VEL_BF16, VEL_SHAPE (1, 2), brains }, 1);
  g_autoptr (VelTokenizer) tokenizer = open_small ();
  g_autoptr (VelEmbeddings) set = vel_embeddings_new (tokenizer, 1, (gint64[]){ 2 });

  g_assert_true (vel_embeddings_add (set, half, NULL, NULL));
  g_assert_true (vel_embeddings_add (set, brain, NULL, NULL));
  for (guint i = 0; i < 2; i++) {
    g_assert_cmpfloat (vel_embeddings_get_vector (set, 0, i)[0], ==, 1.5);
    g_assert_cmpfloat (vel_embeddings_get_vector (set, 0, i)[1], ==, -2);
  }
}

/* Stable Diffusion XL's: a width for each of two encoders. */
static void
test_pair (void)
{
  static const float l[] = { 1, 2, 3, 4 }, g[] = { 5, 6, 7, 8, 9, 10 };
  const VelTensorOut tensors[] = { { "clip_g", VEL_F32, VEL_SHAPE (2, 3), g }, { "clip_l", VEL_F32, VEL_SHAPE (2, 2), l } };
  g_autofree char *path = write_file ("pair.safetensors", tensors, 2);
  g_autoptr (VelTokenizer) tokenizer = open_small ();
  g_autoptr (VelEmbeddings) set = vel_embeddings_new (tokenizer, 2, (gint64[]){ 2, 3 });
  g_autoptr (GError) error = NULL;

  vel_embeddings_add (set, path, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (vel_embeddings_get_vector (set, 0, 1)[1], ==, 4);
  g_assert_cmpfloat (vel_embeddings_get_vector (set, 1, 1)[2], ==, 10);
}

static void
expect_refused (VelEmbeddings *set, const char *path, const char *words)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (vel_embeddings_add (set, path, NULL, &error));
  g_assert_nonnull (error);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, words));
}

static void
test_refused (void)
{
  static const float numbers[12] = { 0 }, infinite[] = { 1, 2, 3, INFINITY };
  const VelTensorOut pair[] = { { "clip_l", VEL_F32, VEL_SHAPE (1, 4), numbers }, { "clip_g", VEL_F32, VEL_SHAPE (2, 6), numbers } };
  const VelTensorOut others[] = { { "a", VEL_F32, VEL_SHAPE (1, 4), numbers }, { "b", VEL_F32, VEL_SHAPE (1, 4), numbers } };
  g_autoptr (VelTokenizer) tokenizer = open_small ();
  g_autoptr (VelEmbeddings) one = vel_embeddings_new (tokenizer, 1, (gint64[]){ 4 });
  g_autoptr (VelEmbeddings) two = vel_embeddings_new (tokenizer, 2, (gint64[]){ 4, 6 });
  g_autofree char *sd2 = write_counting ("sd2.safetensors", "emb_params", VEL_SHAPE (1, 1024), 0);
  g_autofree char *odd = write_counting ("odd.safetensors", "emb_params", VEL_SHAPE (1, 5), 0);
  g_autofree char *long_ = write_counting ("long.safetensors", "emb_params", VEL_SHAPE (76, 4), 0);
  g_autofree char *cube = write_counting ("cube.safetensors", "emb_params", VEL_SHAPE (1, 2, 4), 0);
  g_autofree char *none = write_counting ("none.safetensors", "emb_params", VEL_SHAPE (0, 4), 0);
  g_autofree char *xl = write_file ("xl.safetensors", pair, 2);
  g_autofree char *two_words = write_file ("two.safetensors", others, 2);
  g_autofree char *wild = write_file ("wild.safetensors", &(VelTensorOut){ "emb_params", VEL_F32, VEL_SHAPE (1, 4), infinite }, 1);
  g_autofree char *missing = g_build_filename (folder, "missing.safetensors", NULL);
  guint first, count;

  expect_refused (one, sd2, "Stable Diffusion 2");
  expect_refused (one, odd, "have 5 numbers; this model wants 4");
  expect_refused (one, long_, "76 vectors");
  expect_refused (one, cube, "no list of vectors");
  expect_refused (one, none, "no list of vectors");
  expect_refused (one, xl, "Stable Diffusion XL");
  expect_refused (one, two_words, "is no embedding");
  expect_refused (one, wild, "out of bounds");
  expect_refused (one, missing, "missing.safetensors");
  expect_refused (two, odd, "one text encoder");
  expect_refused (two, xl, "1 vectors for one text encoder and 2 for the other");
  g_assert_false (vel_embeddings_find (two, "xl", &first, &count));
}

/* The longest name is taken; a second file of a name replaces the first. */
static void
test_match (void)
{
  static const char *const files[] = { "white.safetensors", "white swan.safetensors", "white.pt" };
  g_autoptr (VelTokenizer) tokenizer = open_small ();
  g_autoptr (VelEmbeddings) set = vel_embeddings_new (tokenizer, 1, (gint64[]){ 1 });
  g_autoptr (GArray) ids = vel_tokenizer_encode (tokenizer, "white swan lake");
  const guint32 *tokens = (const guint32 *) ids->data;
  guint n_ids, first, count;

  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *path = write_counting (files[i], "emb_params", VEL_SHAPE (i + 1, 1), 0);

    g_assert_true (vel_embeddings_add (set, path, NULL, NULL));
  }
  g_assert_cmpstr (vel_embeddings_match (set, tokens, 3, &n_ids, &first, &count), ==, "white swan");
  g_assert_cmpuint (n_ids, ==, 2);
  g_assert_cmpuint (count, ==, 2);
  g_assert_cmpstr (vel_embeddings_match (set, tokens, 1, &n_ids, &first, &count), ==, "white");
  g_assert_cmpuint (count, ==, 3);
  g_assert_null (vel_embeddings_match (set, tokens + 1, 2, &n_ids, &first, &count));
}

/* By path, by name in the folder, and by what the prompts say; what does not fit is an error only if it was named. */
static void
test_gather (void)
{
  static const char *const prompts[] = { "an Ink drawing", "by nobody, old_map", NULL };
  g_autoptr (VelTokenizer) tokenizer = open_small ();
  g_autoptr (VelEmbeddings) set = vel_embeddings_new (tokenizer, 1, (gint64[]) { 2 });
  g_autoptr (GPtrArray) notes = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *words = g_build_filename (folder, "words", NULL), *missing = g_build_filename (folder, "no such folder", NULL);
  g_autofree char *outside = write_counting ("outside.safetensors", "emb_params", VEL_SHAPE (1, 2), 0), *named = NULL;
  g_autoptr (GError) error = NULL;
  guint first, count;

  g_mkdir (words, 0700);
  g_free (write_counting ("words/ink.safetensors", "emb_params", VEL_SHAPE (1, 2), 0));
  g_free (write_counting ("words/old_map.bin", "emb_params", VEL_SHAPE (1, 3), 0));
  g_free (write_counting ("words/named.pt", "emb_params", VEL_SHAPE (1, 2), 0));
  g_free (write_counting ("words/silent.pt", "emb_params", VEL_SHAPE (1, 2), 0));
  g_free (write_counting ("words/nobody.txt", "emb_params", VEL_SHAPE (1, 2), 0));
  named = g_strconcat (outside, "\nnamed", NULL);
  g_assert_true (vel_embeddings_gather (set, named, words, prompts, notes, NULL, &error));
  g_assert_no_error (error);
  g_assert_true (vel_embeddings_find (set, "outside", &first, &count));
  g_assert_true (vel_embeddings_find (set, "named", &first, &count));
  g_assert_true (vel_embeddings_find (set, "ink", &first, &count));
  g_assert_false (vel_embeddings_find (set, "silent", &first, &count));
  g_assert_false (vel_embeddings_find (set, "nobody", &first, &count));
  g_assert_false (vel_embeddings_find (set, "old_map", &first, &count));
  g_assert_cmpuint (notes->len, ==, 1);
  g_assert_nonnull (strstr (notes->pdata[0], "old_map.bin"));
  g_assert_true (vel_embeddings_gather (set, "", missing, prompts, notes, NULL, &error));
  g_assert_false (vel_embeddings_gather (set, "old_map", words, prompts, notes, NULL, &error));
  g_assert_error (error, VEL_ERROR, VEL_ERROR_REQUEST);
}

/* ------------------------------------------------------------------ prompts */

/* The golden's embeddings; the vectors of one are numbered from where `firsts` says. */
static VelEmbeddings *
make_set (VelTokenizer *tokenizer, const json_t *counts)
{
  VelEmbeddings *set = vel_embeddings_new (tokenizer, 1, (gint64[]){ 1 });
  const char *name;
  json_t *n;

  json_object_foreach ((json_t *) counts, name, n)
  {
    g_autofree char *file = g_strconcat (name, ".safetensors", NULL);
    g_autofree char *path = write_counting (file, "emb_params", VEL_SHAPE (json_integer_value (n), 1), 0);

    g_assert_true (vel_embeddings_add (set, path, NULL, NULL));
  }
  return set;
}

static guint
number_of (const VelEmbeddings *set, const char *name, guint index)
{
  guint first, count;

  g_assert_true (vel_embeddings_find (set, name, &first, &count));
  return first + index + 1;
}

/* wanted: tokens and weights between start and padding. A token may be [name, index]. */
static void
compare_slots (const VelChunk *chunk, VelTokenizer *tokenizer, const VelEmbeddings *set, const json_t *wanted)
{
  const json_t *tokens = json_array_get (wanted, 0), *weights = json_array_get (wanted, 1);
  gsize n = json_array_size (tokens);

  g_assert_cmpuint (chunk->tokens[0], ==, vel_tokenizer_get_start (tokenizer));
  g_assert_cmpuint (n, <=, VEL_CHUNK_TOKENS - 2);
  for (gsize i = 1; i < VEL_CHUNK_TOKENS; i++) {
    const json_t *token = i <= n ? json_array_get (tokens, i - 1) : NULL;
    gboolean vector = token && json_is_array (token);

    g_assert_cmpfloat (chunk->weights[i], ==, i <= n ? (float) golden_number (weights, i - 1) : 1);
    g_assert_cmpuint (chunk->tokens[i], ==, vector ? 0 : token ? json_integer_value (token) : vel_tokenizer_get_end (tokenizer));
    if (vector)
      g_assert_cmpuint (chunk->vectors[i], ==,
                        number_of (set, json_string_value (json_array_get (token, 0)), (guint) golden_number (token, 1)));
  }
}

/* wanted: [place, name] of each embedding */
static void
compare_vectors (const VelChunk *chunk, const VelEmbeddings *set, const json_t *counts, const json_t *wanted)
{
  guint numbers[VEL_CHUNK_TOKENS] = { 0 };
  json_t *place;
  gsize i;

  json_array_foreach ((json_t *) wanted, i, place)
  {
    const char *name = json_string_value (json_array_get (place, 1));

    for (guint k = 0; k < json_integer_value (json_object_get (counts, name)); k++)
      numbers[(gsize) golden_number (place, 0) + k] = number_of (set, name, k);
  }
  for (guint k = 0; k < VEL_CHUNK_TOKENS; k++)
    g_assert_cmpuint (chunk->vectors[k], ==, numbers[k]);
}

static void
test_chunks (gconstpointer data)
{
  VelPromptLanguage language = GPOINTER_TO_UINT (data);
  g_autoptr (VelTokenizer) tokenizer = open_small ();
  json_t *root = golden_load ("text", "chunks.json"), *counts = json_object_get (root, "embeddings"), *row;
  json_t *rows = json_object_get (root, language == VEL_PROMPT_COMFYUI ? "comfyui" : "a1111");
  g_autoptr (VelEmbeddings) set = make_set (tokenizer, counts);
  gsize i;

  g_assert_cmpuint (json_array_size (rows), >=, 12);
  json_array_foreach (rows, i, row)
  {
    const json_t *wanted = json_array_get (row, 1);
    g_autoptr (GArray) chunks = vel_prompt_chunk (tokenizer, set, language, json_string_value (json_array_get (row, 0)));

    g_test_message ("“%s”", json_string_value (json_array_get (row, 0)));
    g_assert_cmpuint (chunks->len, ==, json_array_size (wanted));
    for (guint k = 0; k < chunks->len; k++) {
      compare_slots (&g_array_index (chunks, VelChunk, k), tokenizer, set, json_array_get (wanted, k));
      if (language == VEL_PROMPT_A1111)
        compare_vectors (&g_array_index (chunks, VelChunk, k), set, counts, json_array_get (json_array_get (wanted, k), 2));
    }
  }
  json_decref (root);
}

static void
test_comfyui_emphasis (void)
{
  json_t *root = golden_load ("text", "chunks.json"), *rows = json_object_get (root, "emphasis"), *row;
  gsize i;

  g_assert_cmpuint (json_array_size (rows), >=, 160);
  json_array_foreach (rows, i, row)
  {
    const json_t *wanted = json_array_get (row, 1);
    g_autoptr (GArray) parts = vel_prompt_parse_emphasis_comfyui (json_string_value (json_array_get (row, 0)));

    g_test_message ("“%s”", json_string_value (json_array_get (row, 0)));
    g_assert_cmpuint (parts->len, ==, json_array_size (wanted));
    for (guint k = 0; k < parts->len; k++) {
      const VelEmphasis *part = &g_array_index (parts, VelEmphasis, k);

      g_assert_cmpstr (part->text, ==, json_string_value (json_array_get (json_array_get (wanted, k), 0)));
      g_assert_cmpfloat (part->weight, ==, golden_number (json_array_get (wanted, k), 1));
    }
  }
  json_decref (root);
}

/* A quarter of a megabyte of brackets. */
static void
test_comfyui_hostile (void)
{
  static const char *const pieces[] = { "(", ")", "(a", "a)", "()", "(a:", ")(" };

  for (gsize i = 0; i < G_N_ELEMENTS (pieces); i++) {
    GString *prompt = g_string_new (NULL);

    while (prompt->len < worst_size (1 << 17))
      g_string_append (prompt, pieces[i]);
    while (prompt->len < worst_size (1 << 18))
      g_string_append_c (prompt, ')');
    g_array_unref (vel_prompt_parse_emphasis_comfyui (prompt->str));
    g_string_free (prompt, TRUE);
  }
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("velatura-embeddings-XXXXXX", NULL);
  g_test_add_func ("/embedding/layouts", test_layouts);
  g_test_add_func ("/embedding/pickles", test_pickles);
  g_test_add_func ("/embedding/types", test_types);
  g_test_add_func ("/embedding/pair", test_pair);
  g_test_add_func ("/embedding/refused", test_refused);
  g_test_add_func ("/embedding/match", test_match);
  g_test_add_func ("/embedding/gather", test_gather);
  g_test_add_data_func ("/embedding/a1111", GUINT_TO_POINTER (VEL_PROMPT_A1111), test_chunks);
  g_test_add_data_func ("/embedding/comfyui", GUINT_TO_POINTER (VEL_PROMPT_COMFYUI), test_chunks);
  g_test_add_func ("/comfyui/emphasis", test_comfyui_emphasis);
  g_test_add_func ("/comfyui/hostile", test_comfyui_hostile);
  status = g_test_run ();
  tiny_remove_tree (folder);
  g_free (folder);
  return status;
}
