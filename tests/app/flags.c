/* Command lines read against option tables.  SPDX-License-Identifier: Apache-2.0 */
#include "app/flags.h"

static const VelParam own_table[] = {
  { "steps", "Steps", "", "How many.", VEL_PARAM_INT, .minimum = 1, .maximum = 150, .step = 1, .standard = "20" },
  { "clip_skip", "Clip skip", "", "Layers left out.", VEL_PARAM_INT, .minimum = 1, .maximum = 12, .step = 1, .standard = "" },
  { "force", "Replace", "", "Replace files.", VEL_PARAM_BOOL, .standard = "false" },
  { NULL },
};
static const VelParam shared_table[] = {
  { "cfg", "Guidance", "", "How closely.", VEL_PARAM_REAL, .maximum = 30, .standard = "7" },
  { "prompt", "Prompt", "", "What to show.", VEL_PARAM_TEXT, .standard = "" },
  { "embedding", "Embeddings", "", "Files.", VEL_PARAM_FILE, VEL_PARAM_LIST, .standard = "" },
  { NULL },
};
static const char *const later[] = { "--lora", NULL };
static const VelUsage usage = { "paint", "[options]", "Paints.", NULL, later };

typedef struct {
  VelValues *own, *shared;
  VelFlags *flags;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->own = vel_values_new (own_table);
  fixture->shared = vel_values_new (shared_table);
  fixture->flags = vel_flags_new (&usage, fixture->own, fixture->shared);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  vel_flags_free (fixture->flags);
  g_object_unref (fixture->own);
  g_object_unref (fixture->shared);
}

/* line: words separated by spaces, the verb first */
static int
read_line (Fixture *fixture, const char *line)
{
  static GStrv words; /* flags borrow them */

  g_strfreev (words);
  words = g_strsplit (line, " ", -1);
  return vel_flags_read (fixture->flags, g_strv_length (words), words);
}

/* The last of two values counts, but of a list both do. */
static void
test_twice (Fixture *fixture, gconstpointer data)
{
  vel_values_set (fixture->shared, "embedding", "before.pt", NULL);
  g_assert_cmpint (read_line (fixture, "paint --embedding a.pt --prompt x --embedding=b.pt --prompt y"), ==, -1);
  g_assert_cmpstr (vel_values_get (fixture->shared, "embedding"), ==, "a.pt\nb.pt");
  g_assert_cmpstr (vel_values_get (fixture->shared, "prompt"), ==, "y");
}

/* Both spellings, a hyphen or an underscore, in any order, from both tables. */
static void
test_values (Fixture *fixture, gconstpointer data)
{
  g_assert_cmpint (read_line (fixture, "paint --steps 30 --cfg=6.5 --clip-skip 2 --force --prompt=a=b"), ==, -1);
  g_assert_cmpint (vel_values_get_int (fixture->own, "steps"), ==, 30);
  g_assert_cmpint (vel_values_get_int (fixture->own, "clip_skip"), ==, 2);
  g_assert_true (vel_values_get_bool (fixture->own, "force"));
  g_assert_cmpfloat (vel_values_get_real (fixture->shared, "cfg"), ==, 6.5);
  g_assert_cmpstr (vel_values_get (fixture->shared, "prompt"), ==, "a=b");
  g_assert_cmpuint (fixture->flags->words->len, ==, 0);
}

/* A value may begin with a hyphen; an empty one counts as given. */
static void
test_given (Fixture *fixture, gconstpointer data)
{
  g_assert_cmpint (read_line (fixture, "paint --prompt --dark --steps 20"), ==, -1);
  g_assert_cmpstr (vel_values_get (fixture->shared, "prompt"), ==, "--dark");
  g_assert_cmpint (read_line (fixture, "paint --prompt="), ==, -1);
  g_assert_true (vel_flags_is_given (fixture->flags, "prompt"));
  g_assert_true (vel_flags_is_given (fixture->flags, "steps"));
  g_assert_false (vel_flags_is_given (fixture->flags, "cfg"));
}

/* What is no option is kept in order; after -- everything is. */
static void
test_words (Fixture *fixture, gconstpointer data)
{
  g_assert_cmpint (read_line (fixture, "paint one --steps 3 - -- --two"), ==, -1);
  g_assert_cmpuint (fixture->flags->words->len, ==, 3);
  g_assert_cmpstr (fixture->flags->words->pdata[0], ==, "one");
  g_assert_cmpstr (fixture->flags->words->pdata[1], ==, "-");
  g_assert_cmpstr (fixture->flags->words->pdata[2], ==, "--two");
  g_assert_cmpint (vel_flags_refuse_words (fixture->flags), ==, VEL_EXIT_USAGE);
}

/* Each of these is wrong usage, and nothing is set by it. */
static void
test_refused (Fixture *fixture, gconstpointer data)
{
  static const char *const lines[] = {
    "paint --step 3",     "paint --steps",   "paint --steps 0",   "paint --steps 151",  "paint --steps 3.5", "paint --steps x",
    "paint --cfg 30.5",   "paint --cfg 1,5", "paint --cfg nan",   "paint --lora a:1",   "paint -s 3",        "paint --force=maybe",
  };

  for (guint i = 0; i < G_N_ELEMENTS (lines); i++) {
    g_test_message ("%s", lines[i]);
    g_assert_cmpint (read_line (fixture, lines[i]), ==, VEL_EXIT_USAGE);
  }
  g_assert_false (vel_values_is_set (fixture->own, "steps"));
  g_assert_false (vel_values_is_set (fixture->shared, "cfg"));
  g_assert_false (vel_values_get_bool (fixture->own, "force"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, function) g_test_add (path, Fixture, NULL, set_up, function, tear_down)
  ADD ("/flags/values", test_values);
  ADD ("/flags/twice", test_twice);
  ADD ("/flags/given", test_given);
  ADD ("/flags/words", test_words);
  ADD ("/flags/refused", test_refused);
  return g_test_run ();
}
