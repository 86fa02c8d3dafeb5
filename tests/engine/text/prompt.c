/* Emphasis and chunks against the reference's.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/text/prompt-plan.h"
#include "engine/text/prompt.h"

#include <string.h>
#include <zlib.h>

#include "tests/engine/golden.h"
#include "tests/engine/text/mix.h"
#include "tests/support/worst.h"

static VelTokenizer *
open_small (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "golden", "text", "small", NULL);
  g_autoptr (GError) error = NULL;
  VelTokenizer *tokenizer = vel_tokenizer_open (path, &error);

  g_assert_no_error (error);
  return tokenizer;
}

static void
test_emphasis (void)
{
  json_t *root = golden_load ("text", "prompts.json"), *rows = json_object_get (root, "emphasis"), *row;
  gsize i;

  g_assert_cmpuint (json_array_size (rows), >=, 200);
  json_array_foreach (rows, i, row) {
    const char *text = json_string_value (json_object_get (row, "text"));
    const json_t *wanted = json_object_get (row, "parts");
    g_autoptr (GArray) parts = vel_prompt_parse_emphasis (text);

    g_test_message ("“%s”", text);
    g_assert_cmpuint (parts->len, ==, json_array_size (wanted));
    for (guint k = 0; k < parts->len; k++) {
      const VelEmphasis *part = &g_array_index (parts, VelEmphasis, k);

      g_assert_cmpstr (part->text, ==, json_string_value (json_array_get (json_array_get (wanted, k), 0)));
      g_assert_cmpfloat (part->weight, ==, golden_number (json_array_get (wanted, k), 1));
    }
  }
  json_decref (root);
}

/* Where the reference stops with an error: what looks like a weight but is no number is text. */
static void
test_no_number (void)
{
  static const struct {
    const char *prompt, *text;
    double weight;
  } cases[] = {
    { "(a:1.2.3)", "a:1.2.3", 1.1 }, { "(a:.)", "a:.", 1.1 }, { "(a:..5)", "a:..5", 1.1 }, { "(a:+)", "a:+", 1.1 }, { "(a:)", "a:", 1.1 },
    { "a\xff", "a\xef\xbf\xbd", 1 },
  };
  g_autofree char *digits = g_strnfill (400, '9');
  g_autofree char *huge = g_strconcat ("(a:", digits, ")", NULL);
  g_autoptr (GArray) parts = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GArray) got = vel_prompt_parse_emphasis (cases[i].prompt);

    g_assert_cmpuint (got->len, ==, 1);
    g_assert_cmpstr (g_array_index (got, VelEmphasis, 0).text, ==, cases[i].text);
    g_assert_cmpfloat (g_array_index (got, VelEmphasis, 0).weight, ==, cases[i].weight);
  }
  parts = vel_prompt_parse_emphasis (huge);
  g_assert_cmpuint (parts->len, ==, 1);
  g_assert_cmpfloat (g_array_index (parts, VelEmphasis, 0).weight, ==, 1.1);
}

/* Weights beyond all numbers end, and end up somewhere. */
static void
test_overflow (void)
{
  g_autofree char *digits = g_strnfill (300, '9');
  g_autofree char *prompt = g_strdup_printf ("(((((b:0) a:%s) c:%s) d:0) e)", digits, digits);
  g_autoptr (GArray) parts = vel_prompt_parse_emphasis (prompt);

  g_assert_cmpuint (parts->len, >=, 2);
}

/* Deeply nested brackets take no more time than flat ones; the first thousands weigh as in the reference. */
static void
test_nested (void)
{
  static const char *const pieces[] = { "(a", "[a", "(a:1)", "((", "[[", "(", "a(BREAK" };
  g_autoptr (GString) deep = g_string_new (NULL);
  g_autoptr (GArray) parts = NULL;
  double weight = 1;

  for (gsize i = 0; i < G_N_ELEMENTS (pieces); i++) {
    g_autoptr (GString) prompt = g_string_new (NULL);
    g_autoptr (GArray) many = NULL;

    while (prompt->len < worst_size (1 << 20))
      g_string_append (prompt, pieces[i]);
    many = vel_prompt_parse_emphasis (prompt->str);
  }
  for (guint i = 0; i < 5000; i++) {
    g_string_append (deep, "(a");
    weight *= 1.1;
  }
  parts = vel_prompt_parse_emphasis (deep->str);
  g_assert_cmpuint (parts->len, ==, 5000);
  g_assert_cmpfloat (g_array_index (parts, VelEmphasis, 4999).weight, ==, weight);
}

static void
test_chunks (void)
{
  g_autoptr (VelTokenizer) tokenizer = open_small ();
  json_t *root = golden_load ("text", "prompts.json"), *row;
  gsize i;

  json_array_foreach (json_object_get (root, "chunks"), i, row) {
    const char *text = json_string_value (json_object_get (row, "text"));
    const json_t *tokens = json_object_get (row, "tokens"), *weights = json_object_get (row, "weights");
    g_autoptr (GArray) chunks = vel_prompt_chunk (tokenizer, NULL, VEL_PROMPT_A1111, text);

    g_test_message ("“%s”", text);
    g_assert_cmpuint (chunks->len, ==, json_array_size (tokens));
    for (guint k = 0; k < chunks->len; k++) {
      const VelChunk *chunk = &g_array_index (chunks, VelChunk, k);

      for (guint t = 0; t < VEL_CHUNK_TOKENS; t++) {
        g_assert_cmpuint (chunk->tokens[t], ==, (guint) golden_number (json_array_get (tokens, k), t));
        g_assert_cmpfloat (chunk->weights[t], ==, (float) golden_number (json_array_get (weights, k), t));
      }
    }
  }
  json_decref (root);
}

static void
test_long (void)
{
  g_autoptr (VelTokenizer) tokenizer = open_small ();
  json_t *root = golden_load ("text", "prompts.json"), *sums = json_object_get (root, "sums");
  Mix mix = { json_object_get (root, "fragments"), 3 };

  for (gsize i = 0; i < json_array_size (sums); i++) {
    g_autofree char *text = mix_string (&mix, 30, 160);
    g_autoptr (GArray) chunks = vel_prompt_chunk (tokenizer, NULL, VEL_PROMPT_A1111, text);
    guint32 crc = 0;

    for (guint k = 0; k < chunks->len; k++)
      crc = crc32 (crc, (const Bytef *) &g_array_index (chunks, VelChunk, k), G_STRUCT_OFFSET (VelChunk, vectors));
    if (crc != json_integer_value (json_array_get (sums, i)))
      g_error ("other chunks for “%s”", text);
  }
  json_decref (root);
}

/* diffusers cuts a prompt off after 75 tokens, comma or not; plain text keeps its brackets. */
static void
test_other_languages (void)
{
  g_autoptr (VelTokenizer) tokenizer = open_small ();
  GString *prompt = g_string_new (NULL);
  g_autoptr (GArray) cut = NULL, whole = NULL, plain = NULL, letters = vel_tokenizer_encode (tokenizer, "(swan:2) BREAK");

  for (guint i = 0; i < 80; i++)
    g_string_append (prompt, i == 70 ? ", " : "swan ");
  cut = vel_prompt_chunk (tokenizer, NULL, VEL_PROMPT_DIFFUSERS, prompt->str);
  whole = vel_prompt_chunk (tokenizer, NULL, VEL_PROMPT_A1111, prompt->str);
  plain = vel_prompt_chunk (tokenizer, NULL, VEL_PROMPT_PLAIN, "(swan:2) BREAK");
  g_string_free (prompt, TRUE);
  g_assert_cmpuint (cut->len, ==, 1);
  g_assert_cmpuint (whole->len, ==, 2);
  g_assert_cmpuint (g_array_index (cut, VelChunk, 0).tokens[75], ==, g_array_index (cut, VelChunk, 0).tokens[1]);
  g_assert_cmpuint (g_array_index (whole, VelChunk, 0).tokens[75], ==, vel_tokenizer_get_end (tokenizer));
  g_assert_cmpuint (plain->len, ==, 1);
  g_assert_cmpmem (g_array_index (plain, VelChunk, 0).tokens + 1, letters->len * sizeof (guint32), letters->data, letters->len * sizeof (guint32));
  g_assert_cmpfloat (g_array_index (plain, VelChunk, 0).weights[2], ==, 1);
}

static void
test_count (void)
{
  static const struct {
    const char *prompt;
    guint tokens, limit;
  } cases[] = {
    { "", 0, 75 }, { "a white swan", 3, 75 }, { "(a:1.3) [swan], white", 4, 75 }, { "a BREAK swan", 2, 150 },
  };
  g_autoptr (VelTokenizer) tokenizer = open_small ();
  GString *long_prompt = g_string_new (NULL);
  guint limit;

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_assert_cmpuint (vel_prompt_count (tokenizer, VEL_PROMPT_A1111, cases[i].prompt, &limit), ==, cases[i].tokens);
    g_assert_cmpuint (limit, ==, cases[i].limit);
  }
  for (guint i = 0; i < 76; i++)
    g_string_append (long_prompt, "swan ");
  g_assert_cmpuint (vel_prompt_count (tokenizer, VEL_PROMPT_A1111, long_prompt->str, &limit), ==, 76);
  g_assert_cmpuint (limit, ==, 150);
  g_string_free (long_prompt, TRUE);
}

/* Of what changes the longest text counts. */
static void
test_count_longest (void)
{
  static const struct {
    const char *prompt;
    guint tokens;
  } cases[] = {
    { "", 0 },
    { "[a white swan:lake:0.5] a", 4 },
    { "[a|a white swan] lake", 6 },
    { "[a white swan:lake:9]", 3 },
    { "a AND a white swan", 3 },
    { "<lora:swan:0.5> a # a white swan", 1 },
    { "[a:b", 3 },
  };
  g_autoptr (VelTokenizer) tokenizer = open_small ();
  guint limit;

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_assert_cmpuint (vel_prompt_count_longest (tokenizer, VEL_PROMPT_A1111, cases[i].prompt, 8, &limit), ==, cases[i].tokens);
    g_assert_cmpuint (limit, ==, 75);
  }
  g_assert_cmpuint (vel_prompt_count_longest (tokenizer, VEL_PROMPT_COMFYUI, "[a|white]", 8, &limit), ==, 5);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/prompt/emphasis", test_emphasis);
  g_test_add_func ("/prompt/no-number", test_no_number);
  g_test_add_func ("/prompt/overflow", test_overflow);
  g_test_add_func ("/prompt/nested", test_nested);
  g_test_add_func ("/prompt/chunks", test_chunks);
  g_test_add_func ("/prompt/long", test_long);
  g_test_add_func ("/prompt/other-languages", test_other_languages);
  g_test_add_func ("/prompt/count", test_count);
  g_test_add_func ("/prompt/count-longest", test_count_longest);
  return g_test_run ();
}
