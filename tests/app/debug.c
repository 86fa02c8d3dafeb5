/* The small parts by themselves, as scripts use them.  SPDX-License-Identifier: Apache-2.0 */
#include "program.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "engine/formats/safetensors.h"

/* The examples in A1111's own description of its prompt language, modules/prompt_parser.py. */
static void
test_emphasis (void)
{
  static const struct {
    const char *text, *parts;
  } cases[] = {
    { "normal text", "[['normal text',1]]" },
    { "an (important) word", "[['an ',1],['important',1.1],[' word',1]]" },
    { "(unbalanced", "[['unbalanced',1.1]]" },
    { "\\\\(literal\\\\]", "[['(literal]',1]]" },
    { "(unnecessary)(parens)", "[['unnecessaryparens',1.1]]" },
    { "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
      "[['a ',1],['house',1.573],[' ',1.1],['on',1],[' a ',1.1],['hill',0.55],[', sun, ',1.1],['sky',1.4641],['.',1.1]]" },
  };
  g_autoptr (GString) input = g_string_new (NULL);
  g_auto (GStrv) lines = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_string_append_printf (input, "{\"text\":\"%s\"}\n", cases[i].text);
  lines = g_strsplit (vel_program_run (input->str, "debug", "emphasis", NULL)->out, "\n", -1);
  g_assert_cmpuint (g_strv_length (lines), ==, G_N_ELEMENTS (cases) + 1);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *wanted_text = g_strdelimit (g_strdup (cases[i].parts), "'", '"');
    json_t *found = json_loads (lines[i], 0, NULL), *wanted = json_loads (wanted_text, 0, NULL), *part;
    json_t *parts = json_object_get (found, "parts");
    size_t k;

    g_assert_cmpuint (json_array_size (parts), ==, json_array_size (wanted));
    json_array_foreach (wanted, k, part) {
      json_t *answer = json_array_get (parts, k);

      g_assert_cmpstr (json_string_value (json_array_get (answer, 0)), ==, json_string_value (json_array_get (part, 0)));
      g_assert_cmpfloat_with_epsilon (json_number_value (json_array_get (answer, 1)), json_number_value (json_array_get (part, 1)), 1e-9);
    }
    json_decref (found);
    json_decref (wanted);
  }
}

/* Fixed in form, since other programs read it. */
static void
test_prompt (void)
{
  static const char question[] = "{\"prompt\":\"<lora:ink:0.5:1:4>a [red:blue:0.5] fox AND lake : -2\",\"steps\":8}\n"
                                 "{\"prompt\":\"[a:b:1.5]\",\"steps\":8,\"hires_steps\":4}\n";
  static const char answer[] = "{\"networks\":[{\"kind\":\"lora\",\"name\":\"ink\",\"te\":0.5,\"unet\":1.0,\"dyn\":4}],"
                               "\"parts\":[{\"weight\":1.0,\"schedule\":[[4,\"a red fox\"],[8,\"a blue fox\"]]},"
                               "{\"weight\":-2.0,\"schedule\":[[8,\" lake\"]]}]}\n"
                               "{\"networks\":[],\"parts\":[{\"weight\":1.0,\"schedule\":[[2,\"a\"],[4,\"b\"]]}]}\n";
  static const char *const wrong[] = { "{\"prompt\":\"a\",\"steps\":0}", "{\"prompt\":\"a\",\"steps\":1e9}", "{\"text\":\"a\"}",
                                       "{\"prompt\":\"<lora:a:b>\"}" };

  g_assert_cmpstr (vel_program_run (question, "debug", "prompt", NULL)->out, ==, answer);
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++) {
    g_autofree char *line = g_strconcat (wrong[i], "\n", NULL);
    const VelOutcome *outcome = vel_program_run (line, "debug", "prompt", NULL);

    g_assert_cmpint (outcome->status, ==, 1);
    g_assert_cmpstr (outcome->out, ==, "");
    g_assert_true (g_str_has_prefix (outcome->err, "velatura: "));
  }
}

/* A line that is no question ends the run and is named; the answers before it stand. */
static void
test_bad_line (void)
{
  static const char *const lines[] = { "", "x", "[]", "{\"txt\":\"a\"}", "{\"text\":1}", "{\"text\":\"a\"", "{\"text\":\"a\",\"text\":\"b\"}" };

  for (guint i = 0; i < G_N_ELEMENTS (lines); i++) {
    g_autofree char *input = g_strdup_printf ("{\"text\":\"a\"}\n%s\n", lines[i]);
    const VelOutcome *outcome = vel_program_run (input, "debug", "emphasis", NULL);

    g_assert_cmpint (outcome->status, ==, 1);
    g_assert_true (g_str_has_prefix (outcome->err, "velatura: line 2 "));
    g_assert_true (g_str_has_prefix (outcome->out, "{\"parts\":[[\"a\","));
  }
}

/* The first values of torch.manual_seed (0); torch.randn (16), and that a second tensor continues the stream. */
static void
test_noise (void)
{
  static const float torch[] = { -1.1258398f, -1.1523602f, -0.25057858f, -0.43387875f, 0.84871036f, 0.69200915f, -0.31601277f, -2.1152194f };
  g_autofree char *path = vel_program_path ("noise.safetensors");
  const VelOutcome *outcome =
    vel_program_run (NULL, "debug", "noise", "--seed", "0", "--shapes", "1,4,4;2,8", "--output", path, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (VelTensorFile) file = NULL;
  const VelTensorEntry *first, *second;

  g_assert_cmpint (outcome->status, ==, 0);
  file = vel_safetensors_open (path, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (vel_tensor_file_get_count (file), ==, 2);
  first = vel_tensor_file_find (file, "noise.000");
  second = vel_tensor_file_find (file, "noise.001");
  g_assert_true (vel_shape_equal (first->shape, VEL_SHAPE (1, 4, 4)));
  g_assert_true (vel_shape_equal (second->shape, VEL_SHAPE (2, 8)));
  for (guint i = 0; i < G_N_ELEMENTS (torch); i++)
    g_assert_cmpfloat_with_epsilon (((const float *) first->data)[i], torch[i], 2e-6);
  g_assert_true (memcmp (first->data, second->data, 16 * sizeof (float)) != 0);
}

static void
test_noise_refused (void)
{
  static const char *const shapes[] = { "4,8,x", "0", "", "4;;4", "1,1,1,1,1", "65536,65536", "-1" };
  g_autofree char *path = vel_program_path ("none.safetensors");

  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++) {
    const VelOutcome *outcome = vel_program_run (NULL, "debug", "noise", "--seed", "0", "--shapes", shapes[i], "--output", path, NULL);

    vel_assert_refused (outcome, 2, "shape");
    g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  }
  vel_assert_refused (vel_program_run (NULL, "debug", "noise", "--seed", "0", "--shapes", "4", NULL), 2, "--output");
}

/* A step there and back again: the same noise with the other sign, whatever else is asked for. */
static void
test_brownian (void)
{
  static const char *const pairs[] = { "0:3", "0", "0:0", "0:2", "a:b", "" };
  g_autofree char *path = vel_program_path ("brownian.safetensors");
  const VelOutcome *outcome = vel_program_run (NULL, "debug", "brownian", "--seed", "5", "--shape", "4,2,3", "--sigmas", "9,0.5,0", "--pairs",
                                               "0:1,1:0", "--output", path, NULL);
  g_autoptr (VelTensorFile) file = NULL;
  const VelTensorEntry *there, *back;

  g_assert_cmpint (outcome->status, ==, 0);
  file = vel_safetensors_open (path, NULL, NULL);
  there = vel_tensor_file_find (file, "noise.000");
  back = vel_tensor_file_find (file, "noise.001");
  g_assert_cmpmem (back->data, 24 * sizeof (float), vel_tensor_file_find (file, "noise.1")->data, 24 * sizeof (float));
  g_assert_true (vel_shape_equal (there->shape, VEL_SHAPE (4, 2, 3)));
  for (guint i = 0; i < 24; i++)
    g_assert_cmpfloat (((const float *) there->data)[i], ==, -((const float *) back->data)[i]);
  for (guint i = 0; i < G_N_ELEMENTS (pairs); i++)
    vel_assert_refused (vel_program_run (NULL, "debug", "brownian", "--seed", "5", "--shape", "4", "--sigmas", "9,0.5,0", "--pairs", pairs[i],
                                         "--output", path, NULL), 2, "pair");
}

/* Karras et al. 2022, equation 5 with rho 7, between the first and the last sigma of Stable Diffusion's table. */
static void
test_sigmas (void)
{
  const double high = 14.614642, low = 0.0291675;
  g_autofree char *path = vel_program_path ("sigmas.safetensors");
  const VelOutcome *outcome =
    vel_program_run (NULL, "debug", "sigmas", "--schedule", "Karras", "--steps", "5,12", "--output", path, NULL);
  g_autoptr (VelTensorFile) file = NULL;
  const VelTensorEntry *entry;
  const float *sigmas;

  g_assert_cmpint (outcome->status, ==, 0);
  file = vel_safetensors_open (path, NULL, NULL);
  g_assert_nonnull (vel_tensor_file_find (file, "sigmas.5"));
  entry = vel_tensor_file_find (file, "sigmas.12");
  g_assert_true (vel_shape_equal (entry->shape, VEL_SHAPE (13)));
  sigmas = entry->data;
  for (guint i = 0; i < 12; i++) {
    double wanted = pow (pow (high, 1 / 7.0) + i / 11.0 * (pow (low, 1 / 7.0) - pow (high, 1 / 7.0)), 7);

    g_assert_cmpfloat_with_epsilon (sigmas[i], wanted, 2e-6 * wanted);
  }
  g_assert_cmpfloat (sigmas[12], ==, 0);
  vel_assert_refused (vel_program_run (NULL, "debug", "sigmas", "--schedule", "karras", "--steps", "0", "--output", path, NULL), 2, "steps");
  vel_assert_refused (vel_program_run (NULL, "debug", "sigmas", "--schedule", "automatic", "--steps", "5", "--output", path, NULL), 2,
                      "automatic");
}

/* A vocabulary of the byte symbols and one merge: "a b" is one word of two symbols until the merge joins "a" and "b</w>". */
static void
test_tokens (void)
{
  g_autofree char *folder = vel_program_path ("bpe"), *vocab = g_build_filename (folder, "vocab.json", NULL),
                  *merges = g_build_filename (folder, "merges.txt", NULL);
  g_autoptr (GString) json = g_string_new ("{");
  const VelOutcome *outcome;
  guint id = 0;

  for (char c = '!'; c <= '~'; c++, id += 2) {
    const char *escape = c == '"' || c == '\\' ? "\\" : "";

    g_string_append_printf (json, "\"%s%c\":%u,\"%s%c</w>\":%u,", escape, c, id, escape, c, id + 1);
  }
  g_string_append_printf (json, "\"ab</w>\":%u,\"<|startoftext|>\":%u,\"<|endoftext|>\":%u}", id, id + 1, id + 2);
  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_assert_true (g_file_set_contents (vocab, json->str, -1, NULL));
  g_assert_true (g_file_set_contents (merges, "#version: 0.2\na b</w>\n", -1, NULL));

  outcome = vel_program_run ("{\"text\":\"AB  a\"}\n{\"text\":\"\"}\n", "debug", "tokens", "--tokenizer", folder, NULL);
  g_assert_cmpint (outcome->status, ==, 0);
  g_assert_cmpstr (outcome->out, ==, "{\"ids\":[188,129]}\n{\"ids\":[]}\n");
  outcome = vel_program_run ("{\"text\":\"(ab:2)\"}\n", "debug", "chunks", "--tokenizer", folder, NULL);
  g_assert_true (g_str_has_prefix (outcome->out, "{\"tokens\":[[189,188,190,190,"));
  g_assert_nonnull (strstr (outcome->out, "\"weights\":[[1.0,2.0,1.0,1.0,"));
  vel_assert_refused (vel_program_run ("{\"text\":\"a\"}\n", "debug", "tokens", NULL), 1, "--tokenizer");
}

int
main (int argc, char **argv)
{
  vel_program_init (&argc, &argv);
  g_test_add_func ("/debug/emphasis", test_emphasis);
  g_test_add_func ("/debug/prompt", test_prompt);
  g_test_add_func ("/debug/bad-line", test_bad_line);
  g_test_add_func ("/debug/noise", test_noise);
  g_test_add_func ("/debug/noise-refused", test_noise_refused);
  g_test_add_func ("/debug/brownian", test_brownian);
  g_test_add_func ("/debug/sigmas", test_sigmas);
  g_test_add_func ("/debug/tokens", test_tokens);
  return vel_program_finish ();
}
