/* Choices in prompts, against Python's random.Random.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/text/wildcards.h"

#include <gio/gio.h>
#include <string.h>

#include "engine/error.h"
#include "engine/text/chooser.h"
#include "tests/support/tiny-model.h"
#include "tests/support/worst.h"

static char *folder;

static void
write_file (const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (folder, name, NULL), *parent = g_path_get_dirname (path);

  g_mkdir_with_parents (parent, 0700);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

/* [random.Random (seed).choice (range (n)) …], one generator for a row of sizes: CPython 3.11. */
static void
test_python (void)
{
  static const guint sizes[] = { 2, 3, 7, 10, 100, 1, 1000, 65536, 1 << 30, 5 };
  static const struct {
    guint64 seed;
    guint32 wanted[G_N_ELEMENTS (sizes)];
  } cases[] = {
    { 0U, { 1, 1, 0, 4, 65, 0, 414, 39755, 1023484162, 2 } },
    { 1U, { 0, 2, 6, 1, 32, 0, 507, 58915, 1014138928, 3 } },
    { 42U, { 0, 0, 5, 4, 31, 0, 142, 13434, 186699713, 4 } },
    { 4294967295ULL, { 0, 0, 4, 8, 37, 0, 984, 49953, 600559409, 2 } },
    { 4294967296ULL, { 0, 1, 3, 0, 2, 0, 857, 59220, 30061140, 1 } },
    { 1234567890123ULL, { 0, 2, 5, 6, 71, 0, 153, 36802, 706884413, 3 } },
    { 18446744073709551615ULL, { 0, 0, 2, 9, 27, 0, 629, 12454, 796811381, 0 } },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    VelChooser chooser;

    vel_chooser_init (&chooser, cases[i].seed);
    for (gsize k = 0; k < G_N_ELEMENTS (sizes); k++)
      g_assert_cmpuint (vel_chooser_choose (&chooser, sizes[k]), ==, cases[i].wanted[k]);
  }
}

/* What the extension makes of "a __hair__, __eyes__ __animals/cats__": its function run with CPython 3.11. */
static void
test_extension (void)
{
  static const struct {
    guint64 seed;
    const char *wanted;
  } cases[] = {
    { 0U, "a white, blue eyes tabby" },
    { 1U, "a red, brown eyes sphynx" },
    { 2U, "a black, green eyes tabby" },
    { 3U, "a red, brown eyes persian" },
    { 42U, "a black, green eyes ragdoll" },
    { 31337U, "a brown, green eyes manx" },
    { 4294967295ULL, "a brown, green eyes siamese" },
    { 9223372036854775808ULL, "a brown, blue eyes siamese" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    g_autofree char *got = vel_wildcards_resolve ("a __hair__, __eyes__ __animals/cats__", folder, cases[i].seed, NULL, &error);

    g_assert_no_error (error);
    g_assert_cmpstr (got, ==, cases[i].wanted);
  }
}

/* Over many seeds: exactly these results. */
static void
test_choices (void)
{
  static const struct {
    const char *prompt, *results[6];
  } cases[] = {
    { "", { "" } },
    { "a cat", { "a cat" } },
    { "{red|blue} {a}", { "red {a}", "blue {a}" } },
    { "{a|{b|c}}d", { "ad", "bd", "cd" } },
    { "{[a|b]|c}", { "[a|b]", "c" } },
    { "[a|b] {x", { "[a|b] {x" } },
    { "{ {a|b}", { "{ a", "{ b" } },
    { "{a|}x", { "ax", "x" } },
    { "\\{a|b\\}", { "\\{a|b\\}" } },
    { "{a\\|b|c}", { "a\\|b", "c" } },
    { "{__one__|b}", { "only", "b" } },
    { "__nested__", { "only", "x", "y" } },
    { "__nothing__ __ name__", { "__nothing__ __ name__" } },
    { "__../secret__", { "__../secret__" } },
    { "__animals__", { "__animals__" } },
    { "日__one__é", { "日onlyé" } },
    { "__one____one__", { "onlyonly" } },
    { "___", { "___" } },
    { "__dos__", { "first", "second" } },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    gboolean seen[6] = { FALSE };

    for (guint64 seed = 0; seed < 60; seed++) {
      g_autoptr (GError) error = NULL;
      g_autofree char *got = vel_wildcards_resolve (cases[i].prompt, folder, seed, NULL, &error);
      gboolean known = FALSE;

      g_assert_no_error (error);
      for (guint k = 0; k < 6 && cases[i].results[k] != NULL; k++)
        if (g_str_equal (got, cases[i].results[k]))
          known = seen[k] = TRUE;
      if (!known)
        g_error ("“%s” became “%s”", cases[i].prompt, got);
    }
    for (guint k = 0; k < 6 && cases[i].results[k] != NULL; k++)
      g_assert_true (seen[k]);
  }
}

static void
test_missing (void)
{
  g_autoptr (GPtrArray) missing = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  g_autofree char *got = vel_wildcards_resolve ("__a__ __one__ __a__ __b/c__ __empty__", folder, 1, missing, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (got, ==, "__a__ only __a__ __b/c__ __empty__");
  g_assert_cmpuint (missing->len, ==, 3);
  g_assert_cmpstr (missing->pdata[0], ==, "a");
  g_assert_cmpstr (missing->pdata[1], ==, "b/c");
  g_assert_cmpstr (missing->pdata[2], ==, "empty");
}

/* Files that ask for themselves, once and twice in a line. */
static void
test_endless (void)
{
  static const char *const prompts[] = { "__self__", "__twice__" };

  for (gsize i = 0; i < G_N_ELEMENTS (prompts); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_null (vel_wildcards_resolve (prompts[i], folder, 1, NULL, &error));
    g_assert_error (error, VEL_ERROR, VEL_ERROR_REQUEST);
  }
}

/* A megabyte of the worst. */
static void
test_hostile (void)
{
  static const char *const pieces[] = { "{", "{|", "__", "_", "{a|", "}", "|", "[", "{[", "\\" };

  for (gsize i = 0; i < G_N_ELEMENTS (pieces); i++) {
    GString *prompt = g_string_new (NULL);

    while (prompt->len < worst_size (1 << 19))
      g_string_append (prompt, pieces[i]);
    while (prompt->len < worst_size (1 << 20))
      g_string_append_c (prompt, '}');
    g_free (vel_wildcards_resolve (prompt->str, folder, 1, NULL, NULL));
    g_string_free (prompt, TRUE);
  }
}

static void
test_are_in (void)
{
  g_assert_true (vel_wildcards_are_in ("a __b__"));
  g_assert_true (vel_wildcards_are_in ("{a|b}"));
  g_assert_false (vel_wildcards_are_in ("a_b __c {d}"));
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("velatura-wildcards-XXXXXX", NULL);
  write_file ("hair.txt", "black\nred\nfair\nwhite\nbrown\n");
  write_file ("eyes.txt", "green eyes\nblue eyes\nbrown eyes");
  write_file ("animals/cats.txt", "tabby\nsiamese\nmanx\nblack cat\npersian\nragdoll\nsphynx\n");
  write_file ("one.txt", "# a remark\n\nonly\n");
  write_file ("nested.txt", "__one__\n{x|y}\n");
  write_file ("dos.txt", "first\r\nsecond\r\n");
  write_file ("empty.txt", "\n# nothing\n");
  write_file ("self.txt", "__self__\n");
  write_file ("twice.txt", "a __twice__ __twice__\n");
  g_test_add_func ("/wildcards/python", test_python);
  g_test_add_func ("/wildcards/extension", test_extension);
  g_test_add_func ("/wildcards/choices", test_choices);
  g_test_add_func ("/wildcards/missing", test_missing);
  g_test_add_func ("/wildcards/endless", test_endless);
  g_test_add_func ("/wildcards/hostile", test_hostile);
  g_test_add_func ("/wildcards/are-in", test_are_in);
  status = g_test_run ();
  tiny_remove_tree (folder);
  g_free (folder);
  return status;
}
