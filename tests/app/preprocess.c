/* velatura preprocess: hints of pictures from the command line.
 * SPDX-License-Identifier: Apache-2.0 */
#include "program.h"

#include <string.h>

#include "engine/control/hint.h"
#include "engine/formats/png.h"

static char *picture, *faint, *mask, *narrow, *output;

static void
write_png (const char *path, guint width, guint step, guint8 light)
{
  static const char *const no_texts[] = { NULL };
  g_autofree guint8 *rgb = g_malloc ((gsize) width * 16 * 3);
  g_autoptr (GBytes) bytes = NULL;

  for (gsize i = 0; i < (gsize) width * 16 * 3; i++)
    rgb[i] = i / 3 % width / step % 2 ? light : 30;
  bytes = vel_png_encode (rgb, width, 16, no_texts);
  g_assert_true (g_file_set_contents (path, g_bytes_get_data (bytes, NULL), (gssize) g_bytes_get_size (bytes), NULL));
}

static VelPng *
read_output (const VelOutcome *outcome)
{
  g_autoptr (GError) error = NULL;
  VelPng *png;

  if (outcome->status != 0)
    g_error ("%s", outcome->err);
  g_assert_cmpstr (outcome->err, ==, "");
  png = vel_png_read (output, FALSE, &error);
  g_assert_no_error (error);
  return png;
}

/* Stripes eight pixels wide: a line at each of three steps, of a gradient of 760; of so faint ones that come to 180, none. */
static void
test_canny (void)
{
  g_autoptr (VelPng) lines =
      read_output (vel_program_run (NULL, "preprocess", picture, "--preprocessor", "Canny", "--output", output, "--force", NULL));
  g_autoptr (VelPng) none = read_output (vel_program_run (NULL, "preprocess", faint, "--preprocessor=canny", "--low", "150", "--high=180",
                                                          "--output", output, "--force", NULL));
  guint n = 0, m = 0;

  for (guint x = 0; x < 32; x++) {
    n += lines->rgb[(8 * 32 + x) * 3] == 255;
    m += none->rgb[(8 * 32 + x) * 3] == 255;
  }
  g_assert_cmpuint (n, ==, 3);
  g_assert_cmpuint (m, ==, 0);
}

/* By another program's name, with a number of its own, and in another size. */
static void
test_names (void)
{
  g_autoptr (VelPng) turned = read_output (vel_program_run (NULL, "preprocess", picture, "--preprocessor",
                                                            "invert (from white bg & black line)", "--output", output, "--force", NULL));
  g_autoptr (VelPng) small = read_output (
      vel_program_run (NULL, "preprocess", picture, "--preprocessor", "tile_resample", "--rate", "2", "--output", output, "--force", NULL));

  g_assert_cmpuint (turned->rgb[0], ==, 225);
  g_assert_cmpuint (small->width, ==, 16);
  g_assert_cmpuint (small->height, ==, 8);
}

/* What is left to the network is black. */
static void
test_mask (void)
{
  g_autoptr (VelPng) marked = read_output (
      vel_program_run (NULL, "preprocess", picture, "--preprocessor", "inpaint_only", "--mask", mask, "--output", output, "--force", NULL));

  g_assert_cmpuint (marked->rgb[15 * 3], ==, 220);
  g_assert_cmpuint (marked->rgb[16 * 3], ==, 0);
  vel_assert_refused (vel_program_run (NULL, "preprocess", picture, "--preprocessor", "inpaint", "--output", output, "--force", NULL), 1,
                      "it needs a mask");
  vel_assert_refused (
      vel_program_run (NULL, "preprocess", picture, "--preprocessor", "inpaint", "--mask", narrow, "--output", output, "--force", NULL), 1,
      "The mask is 9 x 16");
}

static void
test_refused (void)
{
  vel_assert_refused (vel_program_run (NULL, "preprocess", "--preprocessor", "canny", "--output", output, NULL), 2, "one picture");
  vel_assert_refused (vel_program_run (NULL, "preprocess", picture, "--output", output, NULL), 2, "--preprocessor");
  vel_assert_refused (vel_program_run (NULL, "preprocess", picture, "--preprocessor", "canny", NULL), 2, "--output");
  vel_assert_refused (vel_program_run (NULL, "preprocess", picture, "--preprocessor", "cany", "--output", output, NULL), 2, "cany");
  vel_assert_refused (vel_program_run (NULL, "preprocess", picture, "--preprocessor", "canny", "--gamma", "1", "--output", output, NULL), 2,
                      "--gamma");
  vel_assert_refused (vel_program_run (NULL, "preprocess", picture, "--preprocessor", "canny", "--low", "257", "--output", output, NULL), 2,
                      "low");
  vel_assert_refused (vel_program_run (NULL, "preprocess", "/nowhere.png", "--preprocessor", "canny", "--output", output, "--force", NULL),
                      1, "nowhere");
  vel_assert_refused (vel_program_run (NULL, "preprocess", picture, "--preprocessor", "canny", "--output", picture, NULL), 1,
                      "picture.png");
}

static void
test_help (void)
{
  const VelOutcome *outcome = vel_program_run (NULL, "preprocess", "--preprocessor", "canny", "--help", NULL);

  g_assert_cmpint (outcome->status, ==, 0);
  g_assert_nonnull (strstr (outcome->out, "--low"));
  g_assert_nonnull (strstr (vel_program_run (NULL, "list", "preprocessors", NULL)->out, "scribble_xdog        Scribble (XDoG)\n"));
}

int
main (int argc, char **argv)
{
  int status;

  vel_program_init (&argc, &argv);
  picture = vel_program_path ("picture.png");
  mask = vel_program_path ("mask.png");
  output = vel_program_path ("hint.png");
  faint = vel_program_path ("faint.png");
  narrow = vel_program_path ("narrow.png");
  write_png (picture, 32, 8, 220);
  write_png (faint, 32, 8, 75);
  write_png (mask, 32, 16, 220);
  write_png (narrow, 9, 4, 220);
  g_test_add_func ("/preprocess/canny", test_canny);
  g_test_add_func ("/preprocess/names", test_names);
  g_test_add_func ("/preprocess/mask", test_mask);
  g_test_add_func ("/preprocess/refused", test_refused);
  g_test_add_func ("/preprocess/help", test_help);
  status = vel_program_finish ();
  g_free (picture);
  g_free (faint);
  g_free (mask);
  g_free (narrow);
  g_free (output);
  return status;
}
