/* Options as text: what is taken, how it is kept, what a recipe carries.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/params.h"

#include <math.h>
#include <string.h>

#include "engine/pipeline/request.h"

static void
test_accepted (void)
{
  static const struct {
    const char *name, *text, *kept;
  } cases[] = {
    { "steps", "30", "30" },           { "steps", " 030 ", "30" },        { "cfg", "7.50", "7.5" },
    { "cfg", "0.1", "0.1" },           { "cfg", "1e1", "10" },            { "seed", "18446744073709551615", "18446744073709551615" },
    { "seed", "-1", "" },              { "seed", "0", "0" },              { "width", "0", "" },
    { "width", "512", "512" },         { "width", "4096", "4096" },       { "sampler", "Euler a", "euler_a" },
    { "sampler", "DPM++ 2M", "dpmpp_2m" }, { "schedule", "Karras", "karras" }, { "schedule", "Automatic", "automatic" },
    { "rng", "NV", "nv" },             { "prediction", "v", "v" },        { "prediction", "", "" },
    { "prompt", "a  \n b ", "a  \n b " }, { "clip_skip", "2", "2" },      { "batch", "64", "64" },
    { "rng", " CUDA:128", "cuda:128" }, { "rng", "cuda:030x1536", "cuda:30x1536" }, { "rng", "cuda:46", "cuda:46" },
    { "seed_resize", "512X0768 ", "512x768" },
    { "strength", "1", "1" },          { "s_tmax", "14.6", "14.6" },      { "steps", "", "20" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (VelValues) values = vel_request_new ();
    g_autoptr (GError) error = NULL;

    g_assert_true (vel_values_set (values, cases[i].name, cases[i].text, &error));
    g_assert_no_error (error);
    g_assert_cmpstr (vel_values_get (values, cases[i].name), ==, cases[i].kept);
  }
}

static void
test_refused (void)
{
  static const char *const cases[][2] = {
    { "steps", "0" },      { "steps", "151" },     { "steps", "20.5" },   { "steps", "many" },   { "steps", "99999999999999999999" },
    { "cfg", "nan" },      { "cfg", "inf" },       { "cfg", "7,5" },      { "cfg", "30.01" },    { "cfg", "-1" },
    { "width", "513" },    { "width", "4" },       { "width", "4104" },   { "width", "-512" },   { "seed", "-2" },
    { "seed", "18446744073709551616" },            { "seed", "1.0" },     { "sampler", "eule" }, { "schedule", "linear" },
    { "rng", "gpu" },      { "prediction", "x0" }, { "clip_skip", "13" }, { "batch", "65" },     { "strength", "1.1" },
    { "rng", "cuda:" },    { "rng", "cuda:0" },    { "rng", "cuda:30x" },
    { "seed_resize", "512" }, { "seed_resize", "4x4" }, { "variation_strength", "1.5" },
    { "prompt", "\xff" },  { "device", "toaster" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (VelValues) values = vel_request_new ();
    g_autoptr (GError) error = NULL;

    g_assert_false (vel_values_set (values, cases[i][0], cases[i][1], &error));
    g_assert_error (error, VEL_ERROR, VEL_ERROR_REQUEST);
    g_assert_nonnull (strstr (error->message, cases[i][0]));
    g_assert_nonnull (strstr (error->message, "wanted is"));
    g_assert_true (g_utf8_validate (error->message, -1, NULL));
    g_assert_false (vel_values_is_set (values, cases[i][0]));
  }
}

static void
test_numbers (void)
{
  g_autoptr (VelValues) values = vel_request_new ();

  vel_values_set_int (values, "steps", 500);
  g_assert_cmpint (vel_values_get_int (values, "steps"), ==, 150);
  vel_values_set_int (values, "width", 519);
  g_assert_cmpint (vel_values_get_int (values, "width"), ==, 512);
  vel_values_set_int (values, "width", 0);
  g_assert_false (vel_values_is_set (values, "width"));
  g_assert_cmpint (vel_values_get_int (values, "width"), ==, 0);
  vel_values_set_real (values, "cfg", -3);
  g_assert_cmpfloat (vel_values_get_real (values, "cfg"), ==, 0);
  vel_values_set_real (values, "cfg", 1.0 / 3);
  g_assert_cmpfloat (vel_values_get_real (values, "cfg"), ==, 1.0 / 3);
  g_assert_true (vel_values_set (values, "seed", "18446744073709551615", NULL));
  g_assert_cmpuint (vel_values_get_seed (values, "seed"), ==, G_MAXUINT64);
}

static void
on_changed (VelValues *values, const char *name, gpointer data)
{
  g_string_append_printf (data, "%s;", name);
}

static void
test_signal (void)
{
  g_autoptr (VelValues) values = vel_request_new ();
  g_autoptr (GString) all = g_string_new (NULL);
  g_autoptr (GString) steps = g_string_new (NULL);

  g_signal_connect (values, "changed", G_CALLBACK (on_changed), all);
  g_signal_connect (values, "changed::steps", G_CALLBACK (on_changed), steps);
  vel_values_set_int (values, "steps", 30);
  vel_values_set_int (values, "steps", 30);
  vel_values_set (values, "steps", "0", NULL);
  vel_values_set (values, "prompt", "a cat", NULL);
  vel_values_reset (values);
  g_assert_cmpstr (all->str, ==, "steps;prompt;prompt;steps;");
  g_assert_cmpstr (steps->str, ==, "steps;steps;");
}

static void
test_recipe (void)
{
  g_autoptr (VelValues) values = vel_request_new ();
  g_autoptr (VelValues) other = NULL;
  g_autofree char *json = NULL, *again = NULL;
  g_auto (GStrv) problems = NULL;

  vel_values_set (values, "steps", "20", NULL);
  vel_values_set (values, "prompt", "say \"hé\"\n", NULL);
  vel_values_set (values, "seed", "18446744073709551615", NULL);
  vel_values_set (values, "threads", "3", NULL);
  vel_values_set (values, "output", "/elsewhere.png", NULL);
  vel_values_set (values, "later", "yes", NULL);
  json = vel_values_to_json (values);
  g_assert_cmpstr (json, ==, "{\"prompt\":\"say \\\"hé\\\"\\n\",\"steps\":\"20\",\"seed\":\"18446744073709551615\",\"later\":\"yes\"}");

  other = vel_values_dup (values);
  vel_values_set (other, "cfg", "3", NULL);
  g_assert_false (vel_values_is_set (values, "cfg"));
  g_assert_true (vel_values_from_json (other, json, &problems, NULL));
  g_assert_cmpuint (g_strv_length (problems), ==, 0);
  g_assert_false (vel_values_is_set (other, "cfg"));
  g_assert_cmpstr (vel_values_get (other, "threads"), ==, "3");
  again = vel_values_to_json (other);
  g_assert_cmpstr (again, ==, json);
}

/* A file someone sent: what fits is taken, what does not is named, what is not a picture's is not looked at. */
static void
test_foreign (void)
{
  g_autoptr (VelValues) values = vel_request_new ();
  g_autofree char *json = NULL;
  g_auto (GStrv) problems = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (vel_values_from_json (values,
                                       "{\"steps\": 12, \"cfg\": 4.5, \"sampler\": \"nope\", \"width\": 100, \"height\": {}, \"seed\": null,"
                                       " \"output\": \"/etc/passwd\", \"threads\": 900, \"loras\": [{\"a\": 1}], \"future\": true}",
                                       &problems, &error));
  g_assert_no_error (error);
  g_assert_cmpint (vel_values_get_int (values, "steps"), ==, 12);
  g_assert_cmpfloat (vel_values_get_real (values, "cfg"), ==, 4.5);
  g_assert_cmpstr (vel_values_get (values, "sampler"), ==, "euler_a");
  g_assert_false (vel_values_is_set (values, "width"));
  g_assert_false (vel_values_is_set (values, "output"));
  g_assert_cmpint (vel_values_get_int (values, "threads"), ==, 0);
  g_assert_cmpuint (g_strv_length (problems), ==, 3);
  json = vel_values_to_json (values);
  g_assert_cmpstr (json, ==, "{\"steps\":\"12\",\"cfg\":\"4.5\",\"loras\":[{\"a\":1}],\"future\":true}");
}

static void
test_no_object (void)
{
  static const char *const cases[] = { "", "[]", "3", "{", "{\"a\":1,\"a\":2}", "{\"steps\":\"\xff\"}", "null" };
  g_autoptr (VelValues) values = vel_request_new ();
  g_autofree char *deep = g_strnfill (100000, '[');

  vel_values_set (values, "steps", "9", NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (cases) + 1; i++) {
    g_autoptr (GError) error = NULL;

    g_assert_false (vel_values_from_json (values, i < G_N_ELEMENTS (cases) ? cases[i] : deep, NULL, &error));
    g_assert_error (error, VEL_ERROR, VEL_ERROR_FORMAT);
    g_assert_true (g_utf8_validate (error->message, -1, NULL));
  }
  g_assert_cmpint (vel_values_get_int (values, "steps"), ==, 9);
}

/* Every row is one that window, help and recipe can use. */
static void
test_table (void)
{
  g_autoptr (VelValues) values = vel_request_new ();
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);

  for (const VelParam *row = vel_request_get_table (); row->name != NULL; row++) {
    g_autoptr (GError) error = NULL;

    g_assert_true (g_hash_table_add (names, (gpointer) row->name));
    g_assert_nonnull (row->label);
    g_assert_nonnull (row->help);
    g_assert_nonnull (row->group);
    g_assert_true (vel_values_set (values, row->name, row->standard, &error));
    g_assert_no_error (error);
    g_assert_cmpstr (vel_values_get (values, row->name), ==, row->standard);
    g_assert_true ((row->type == VEL_PARAM_CHOICE) == (row->choices != NULL));
    g_assert_cmpfloat (row->minimum, <=, row->maximum);
    g_assert_cmpfloat (row->slider_minimum, >=, row->slider_maximum > 0 ? row->minimum : 0);
    g_assert_cmpfloat (row->slider_maximum, <=, row->maximum);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/params/accepted", test_accepted);
  g_test_add_func ("/params/refused", test_refused);
  g_test_add_func ("/params/numbers", test_numbers);
  g_test_add_func ("/params/signal", test_signal);
  g_test_add_func ("/params/recipe", test_recipe);
  g_test_add_func ("/params/foreign", test_foreign);
  g_test_add_func ("/params/no-object", test_no_object);
  g_test_add_func ("/params/table", test_table);
  return g_test_run ();
}
