/* Names of pictures, and what may be written over.  SPDX-License-Identifier: Apache-2.0 */
#include "app/output.h"

#include <glib/gstdio.h>
#include <string.h>

#include "engine/formats/png.h"
#include "engine/pipeline/request.h"

static char *
join (const char *pattern, guint batch, GError **error)
{
  const VelOutput output = { pattern, "starter", "2026-11-22", 18446744073709551615u - 1, batch, FALSE };
  g_auto (GStrv) paths = vel_output_paths (&output, error);

  return paths ? g_strjoinv (" ", paths) : NULL;
}

static void
test_names (void)
{
  static const struct {
    const char *pattern;
    guint batch;
    const char *wanted;
  } cases[] = {
    { "fox.png", 1, "fox.png" },
    { "fox.png", 2, "fox-1.png fox-2.png" },
    { "a.b/fox", 2, "a.b/fox-1 a.b/fox-2" }, /* the dot is the folder's */
    { "{index}.png", 3, "1.png 2.png 3.png" },
    { "{seed}.png", 2, "18446744073709551614.png 18446744073709551615.png" },
    { "{date}/{model}-{index}.png", 1, "2026-11-22/starter-1.png" },
    { "{model}.png", 2, "starter-1.png starter-2.png" },
    { "{model", 1, "{model" },
    { "}{index}", 1, "}1" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *paths = join (cases[i].pattern, cases[i].batch, NULL);

    g_assert_cmpstr (paths, ==, cases[i].wanted);
  }
}

/* Where all pictures have one seed it does not tell their names apart. */
static void
test_one_seed (void)
{
  const VelOutput output = { "{seed}.png", "starter", "2026-11-22", 7, 2, .one_seed = TRUE };
  g_auto (GStrv) paths = vel_output_paths (&output, NULL);

  g_assert_cmpstr (paths[0], ==, "7-1.png");
  g_assert_cmpstr (paths[1], ==, "7-2.png");
}

/* A word in braces that means nothing is not taken for a name. */
static void
test_unknown_word (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *paths = join ("{sede}.png", 1, &error);

  g_assert_null (paths);
  g_assert_error (error, VEL_ERROR, VEL_ERROR_REQUEST);
  g_assert_nonnull (strstr (error->message, "{sede}"));
}

static gboolean
check (const char *path, gboolean force)
{
  const VelOutput output = { path, "starter", "2026-11-22", 0, 1, force };
  const char *const paths[] = { path, NULL };
  g_autoptr (GError) error = NULL;
  gboolean fits = vel_output_check (&output, paths, &error);

  if (!fits) {
    g_assert_error (error, VEL_ERROR, VEL_ERROR_STORAGE);
    g_assert_nonnull (strstr (error->message, path));
  }
  return fits;
}

static void
test_check (void)
{
  g_autofree char *folder = g_dir_make_tmp ("velatura-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "x.png", NULL), *deep = g_build_filename (folder, "none", "x.png", NULL);

  g_assert_true (check (path, FALSE));
  g_assert_false (check (deep, FALSE));
  g_assert_false (check (folder, TRUE));
  g_assert_true (g_file_set_contents (path, "x", 1, NULL));
  g_assert_false (check (path, FALSE));
  g_assert_true (check (path, TRUE));
  g_unlink (path);
  g_rmdir (folder);
}

/* Pixels and settings come back; a taken name stays as it is. */
static void
test_save (void)
{
  guint8 rgb[2 * 8 * 3];
  const VelPicture picture = { 7, 8, 2, rgb };
  const VelRecipeFacts facts = { 7, 8, 2, "starter", "0123456789", "Velatura 0.1.0" };
  g_autofree char *folder = g_dir_make_tmp ("velatura-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "x.png", NULL);
  VelOutput output = { path, "starter", "2026-11-22", 7, 1, FALSE };
  g_autoptr (VelValues) request = vel_request_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (VelPng) png = NULL;
  g_autoptr (GDir) listing = NULL;

  for (guint i = 0; i < sizeof rgb; i++)
    rgb[i] = 5 * i;
  g_assert_true (vel_values_set (request, "prompt", "a fox", &error));
  g_assert_true (vel_output_save (&output, path, &picture, request, &facts, "Stopped early.", &error));
  g_assert_no_error (error);
  png = vel_png_read (path, FALSE, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (png->rgb, png->width * png->height * 3, rgb, sizeof rgb);
  g_assert_true (g_str_has_prefix (g_hash_table_lookup (png->text, VEL_RECIPE_A1111), "a fox"));
  g_assert_cmpstr (g_hash_table_lookup (png->text, "Comment"), ==, "Stopped early.");

  g_assert_false (vel_output_save (&output, path, &picture, request, &facts, NULL, &error));
  g_assert_nonnull (error);
  output.force = TRUE;
  g_clear_error (&error);
  g_assert_true (vel_output_save (&output, path, &picture, request, &facts, NULL, &error));
  listing = g_dir_open (folder, 0, NULL);
  g_assert_cmpstr (g_dir_read_name (listing), ==, "x.png");
  g_assert_null (g_dir_read_name (listing));
  g_unlink (path);
  g_rmdir (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/output/names", test_names);
  g_test_add_func ("/output/one-seed", test_one_seed);
  g_test_add_func ("/output/unknown-word", test_unknown_word);
  g_test_add_func ("/output/check", test_check);
  g_test_add_func ("/output/save", test_save);
  return g_test_run ();
}
