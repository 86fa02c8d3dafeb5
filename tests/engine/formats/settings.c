/* Other programs' settings: what they wrote becomes ours, and whatever else is written does no harm.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/settings.h"

#include "engine/formats/json-tree.h"
#include "engine/pipeline/request.h"
#include "tests/engine/formats/scratch.h"
#include "tests/support/worst.h"

#include <string.h>

static GHashTable *
read_texts (const json_t *texts)
{
  GHashTable *table = g_hash_table_new (g_str_hash, g_str_equal);
  const char *keyword;
  json_t *text;

  json_object_foreach ((json_t *) texts, keyword, text) {
    g_hash_table_insert (table, (char *) keyword, (char *) json_string_value (text));
  }
  return table;
}

static void
expect (gsize index, const char *what, const char *found, const char *wanted)
{
  if (g_strcmp0 (found, wanted) != 0)
    g_error ("case %zu, %s: “%s” where “%s” was expected", index, what, found ? found : "(none)", wanted);
}

static void
check_request (gsize index, const VelSettings *settings, const json_t *wanted, GPtrArray *problems)
{
  g_autoptr (VelValues) request = vel_request_new ();
  const char *option;
  json_t *value;

  vel_recipe_fields_apply (settings->fields, request, problems);
  for (guint i = 0; i < settings->notes->len; i++)
    g_ptr_array_add (problems, g_strdup (settings->notes->pdata[i]));
  g_ptr_array_add (problems, NULL);
  json_object_foreach ((json_t *) wanted, option, value) {
    expect (index, option, vel_values_get (request, option), json_string_value (value));
  }
}

/* Each case of tests/golden/formats/make-settings.py: the program, the fields, what becomes of them here, and what is said. */
static void
test_cases (void)
{
  g_autofree char *path = golden_path ("settings.json");
  json_t *root = json_load_file (path, 0, NULL), *entry, *value;
  const char *key;
  gsize index, i;

  g_assert_cmpuint (json_array_size (root), ==, 196);
  json_array_foreach (root, index, entry) {
    g_autoptr (GHashTable) texts = read_texts (json_object_get (entry, "text"));
    const json_t *size = json_object_get (entry, "size");
    const VelMetadata metadata = { "png", json_integer_value (json_array_get (size, 0)), json_integer_value (json_array_get (size, 1)), texts };
    g_autoptr (VelSettings) settings = vel_settings_read (&metadata);
    g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
    g_autofree char *said = NULL;

    if (!settings)
      g_error ("case %zu is not understood", index);
    expect (index, "program", settings->program, json_string_value (json_object_get (entry, "program")));
    json_object_foreach (json_object_get (entry, "fields"), key, value) {
      expect (index, key, vel_recipe_fields_get (settings->fields, key), json_string_value (value));
    }
    check_request (index, settings, json_object_get (entry, "request"), problems);
    said = g_strjoinv ("\n", (GStrv) problems->pdata);
    json_array_foreach (json_object_get (entry, "notes"), i, value) {
      if (!strstr (said, json_string_value (value)))
        g_error ("case %zu: “%s” was expected in:\n%s", index, json_string_value (value), said);
    }
    if (!json_object_get (entry, "notes") && strstr (said, "not taken over"))
      g_error ("case %zu: nothing was to be left out, but:\n%s", index, said);
  }
  json_decref (root);
}

/* Whatever is understood is valid text, and can be applied. keyword: (nullable) */
static void
read_any (const char *keyword, const char *text)
{
  g_autoptr (GHashTable) texts = g_hash_table_new (g_str_hash, g_str_equal);
  const VelMetadata metadata = { "png", 0, 0, texts };
  g_autoptr (VelSettings) settings = NULL;
  g_autoptr (VelValues) request = vel_request_new ();
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *again = NULL;

  if (keyword)
    g_hash_table_insert (texts, (char *) keyword, (char *) text);
  settings = keyword ? vel_settings_read (&metadata) : vel_settings_read_text (text);
  if (!settings)
    return;
  for (guint i = 0; settings->fields->keys[i]; i++)
    g_assert_true (g_utf8_validate (settings->fields->keys[i], -1, NULL) && g_utf8_validate (settings->fields->values[i], -1, NULL));
  vel_recipe_fields_apply (settings->fields, request, problems);
  again = vel_recipe_fields_to_a1111 (settings->fields);
  g_assert_true (g_utf8_validate (again, -1, NULL));
}

/* Every text of the cases ends early: some at each of its bytes, all at every thirty-seventh. */
static void
test_truncated (void)
{
  g_autofree char *path = golden_path ("settings.json");
  json_t *root = json_load_file (path, 0, NULL), *entry, *text;
  const char *keyword;
  gsize index;

  json_array_foreach (root, index, entry) {
    json_object_foreach (json_object_get (entry, "text"), keyword, text) {
      g_autofree char *copy = g_strdup (json_string_value (text));
      gsize step = index % 30 < 2 ? 1 : 37;

      for (gsize n = strlen (copy); n >= step; n -= step) {
        copy[n - step] = 0;
        read_any (keyword, copy);
      }
    }
  }
  json_decref (root);
}

static char *
repeat (const char *start, const char *piece, gsize n, const char *end)
{
  GString *text = g_string_new (start);

  while (n-- > 0)
    g_string_append (text, piece);
  return g_string_free (g_string_append (text, end), FALSE);
}

/* What costs an unwary reader memory, stack or time. */
static void
test_hostile (void)
{
#define NODE(id, type, inputs) "\"" id "\":{\"class_type\":\"" type "\",\"inputs\":{" inputs "}}"
#define SAVED "{" NODE ("1", "SaveImage", "\"images\":[\"2\",0]") ","
#define SAMPLER(rest) NODE ("2", "KSampler", "\"steps\":1,\"cfg\":1,\"seed\":1,\"sampler_name\":\"euler\",\"scheduler\":\"normal\"," rest)
  static const struct {
    const char *start, *piece, *end;
    gsize n;
  } texts[] = {
    { "", "[", "", 1 << 20 },
    { "", "{\"a\":", "", 1 << 20 },
    { "{\"a\":[", "[],", "[]]}", 1 << 20 },
    { "{\"a\":\"", "\\ud800", "\"}", 1 << 18 },
    { "{\"a\":", "9", "}", 1 << 20 },
    { "{\"uc\":\"\",\"scale\":1,\"prompt\":\"", "{", "x\"}", 1 << 20 },
    { "{\"uc\":\"\",\"scale\":1,\"prompt\":\"", "-1.5::", "x\"}", 1 << 18 },
    { "{\"positive_prompt\":\"a", "+", "x\"}", 1 << 20 },
    { "{\"positive_prompt\":\"", "a)-", "x\"}", 1 << 20 },
    { "{\"sui_image_params\":{\"prompt\":\"\",\"loras\":\"", ",a", "\"}}", 1 << 20 },
    { "{\"base_model\":\"\",\"guidance_scale\":1,\"loras\":[", "[\"a\",1],", "[\"b\",1]]}", 60000 },
    { "p\nSteps: 1, Sampler: Euler, Seed: 2", ", x y: 1", "", 1 << 17 },
    { "p\nSteps: 1, Sampler: Euler, Seed: 2", "\nTemplate: a", "", 1 << 17 },
    { "Steps: 1, Sampler: Euler, Seed: 2, Civitai resources: [", "[", "", 1 << 20 },
    { "Steps: 1, Sampler: Euler, Seed: 2, Lora weights: \"", "a: 1, ", "\"", 1 << 17 },
    { "\"a ", "[b] ", "\" -s 1 -S 2", 1 << 18 },
    /* graphs that bite their tail */
    { SAVED NODE ("2", "VAEDecode", "\"samples\":[\"2\",0]"), "", "}", 0 },
    { SAVED SAMPLER ("\"latent_image\":[\"2\",0],\"model\":[\"2\",0],\"positive\":[\"2\",0]"), "", "}", 0 },
    { SAVED SAMPLER ("\"latent_image\":[\"3\",0],\"model\":[\"3\",0],\"positive\":[\"3\",0]") "," NODE ("3", "Any", "\"any\":[\"3\",0]"), "", "}", 0 },
    { SAVED SAMPLER ("\"seed\":[\"3\",0]") "," NODE ("3", "Int", "\"seed\":[\"3\",0]"), "", "}", 0 },
    /* each level says the level below twice */
    { SAVED SAMPLER ("\"positive\":[\"3\",0]") "," NODE ("3", "ConditioningCombine", "\"conditioning_1\":[\"3\",0],\"conditioning_2\":[\"3\",0]"), "", "}", 0 },
    { SAVED SAMPLER ("\"positive\":[\"3\",0]") "," NODE ("3", "ConditioningCombine", "\"conditioning_1\":[\"4\",0],\"conditioning_2\":[\"3\",0]")
        "," NODE ("4", "CLIPTextEncode", "\"clip\":[\"2\",0],\"text\":\"a long text, again and again\""), "", "}", 0 },
    /* a hundred thousand of one thing */
    { SAVED NODE ("2", "Any", "\"a\":1"), "," NODE ("3", "SaveImage", "\"images\":[\"3\",0]"), "}", 40000 },
    { SAVED "\"2\":{\"class_type\":\"Any\",\"inputs\":{\"a\":1", ",\"a\":2", ",\"z\":[\"2\",0]}}}", 100000 },
    { "{\"nodes\":[", "{\"id\":1,\"type\":\"KSampler\",\"widgets_values\":[1]},", "{}]}", 20000 },
    { "{\"nodes\":[{\"id\":1,\"type\":\"KSampler\",\"widgets_values\":[", "1,", "1]}],\"links\":[[1,1,0,1,0,0]]}", 90000 },
  };
#undef NODE
#undef SAVED
#undef SAMPLER

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autofree char *text = repeat (texts[i].start, texts[i].piece, worst_size (texts[i].n), texts[i].end);

    read_any (NULL, text);
  }
}

/* What Python writes and JSON does not know; what is beyond the bounds. */
static void
test_json (void)
{
  static const struct {
    const char *text, *expected; /* of "a", as text; NULL if it is refused or has none */
  } cases[] = {
    { "{\"a\": 18446744073709551615}", "18446744073709551615" },
    { "{\"a\": -9223372036854775808}", "-9223372036854775808" },
    { "{\"a\": 123456789012345678}", "123456789012345678" },
    { "{\"a\": 8.0}", "8" },
    { "{\"a\": 0.8700000000000001}", "0.87" },
    { "{\"a\": 1e-7}", "1e-07" },
    { "{\"a\": true}", "true" },
    { "{\"a\": NaN}", NULL },
    { "{\"a\": -Infinity, \"b\": [NaN]}", NULL },
    { "{\"a\": \"NaN, -Infinity\"}", "NaN, -Infinity" },
    { "{\"a\": \"\\ud83e\\udd8a\"}", "🦊" },
    { "{\"a\": \"\\ud83e\"}", "\357\277\275" },
    { "{\"a\": \"\\udd8a\\ud83e x\"}", "\357\277\275\357\277\275 x" },
    { "{\"a\": \"x\\u0000y\"}", "x\357\277\275y" },
    { "{\"a\": \"x\ny\"}", "x\ny" },
    { "{\"a\": \"\\\"\\\\\"}", "\"\\" },
    { " \n[{\"a\": 1}]", NULL },
    { "{\"a\": 1", NULL },
    { "{\"a\": 1} x", NULL },
    { "{\"a\": \"\\", NULL },
    { "{\"a\": \"\\u12", NULL },
    { "\"a\"", NULL },
    { "", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    json_t *tree = vel_json_tree (cases[i].text);
    g_autofree char *found = vel_json_text (json_object_get (tree, "a"));

    if (g_strcmp0 (found, cases[i].expected) != 0)
      g_error ("%s gives %s", cases[i].text, found ? found : "nothing");
    json_decref (tree);
  }
  g_assert_cmpfloat (vel_json_real (NULL, 3), ==, 3);
}

int
main (int argc, char **argv)
{
  scratch_init (&argc, &argv);
  g_test_add_func ("/formats/settings/cases", test_cases);
  g_test_add_func ("/formats/settings/truncated", test_truncated);
  g_test_add_func ("/formats/settings/hostile", test_hostile);
  g_test_add_func ("/formats/settings/json", test_json);
  return g_test_run ();
}
