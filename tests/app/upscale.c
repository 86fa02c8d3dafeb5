/* velatura upscale: pictures made larger from the command line, and what stays in them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "program.h"

#include <glib/gstdio.h>
#include <string.h>

#include "engine/formats/png.h"
#include "engine/pixels/resample.h"

#define SETTINGS "a lighthouse\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 24x16, Model: m"

static char *picture, *networks;

/* Returns: (transfer full) a file's path in the folder of networks */
static char *
network (const char *name)
{
  return g_build_filename (networks, name, NULL);
}

static void
make_picture (void)
{
  const char *text[] = { "parameters", SETTINGS, "Comment", "of mine", "postprocessing", "Postprocess upscale by: 3", NULL };
  guint8 rgb[24 * 16 * 3];
  g_autoptr (GBytes) bytes = NULL;

  for (gsize i = 0; i < sizeof rgb; i++)
    rgb[i] = (guint8) (i * 37 % 251);
  bytes = vel_png_encode (rgb, 24, 16, text);
  g_assert_true (g_file_set_contents (picture, g_bytes_get_data (bytes, NULL), (gssize) g_bytes_get_size (bytes), NULL));
}

static VelPng *
read_png (const char *path)
{
  g_autoptr (GError) error = NULL;
  VelPng *png = vel_png_read (path, FALSE, &error);

  g_assert_no_error (error);
  return png;
}

static VelPng *
enlarge (const char *upscaler, const char *scale)
{
  g_autofree char *path = vel_program_path ("large.png");
  const VelOutcome *outcome = vel_program_run (NULL, "upscale", picture, "--upscaler", upscaler, "--output", path, "--force", "--device",
                                               "cpu", scale ? "--scale" : NULL, scale, NULL);

  if (outcome->status != 0)
    g_error ("%s", outcome->err);
  return read_png (path);
}

static void
test_filter (void)
{
  g_autoptr (VelPng) small = read_png (picture), large = enlarge ("Lanczos", "1.5");
  const VelBitmap rgb = { 24, 16, 3, small->rgb };
  g_autoptr (VelBitmap) wanted = vel_bitmap_resample (&rgb, 36, 24, VEL_FILTER_LANCZOS);

  g_assert_cmpmem (large->rgb, 36 * 24 * 3, wanted->data, 36 * 24 * 3);
}

/* The network's own scale without one, another by Lanczos; the settings stay, and what was done is said where A1111 says it. */
static void
test_network (void)
{
  g_autofree char *path = network ("compact-x4.pth");
  g_autoptr (VelPng) large = enlarge (path, NULL), half = enlarge (path, "2");
  const VelBitmap rgb = { 96, 64, 3, large->rgb };
  g_autoptr (VelBitmap) wanted = vel_bitmap_resample (&rgb, 48, 32, VEL_FILTER_LANCZOS);

  g_assert_cmpuint (large->width, ==, 96);
  g_assert_cmpuint (large->height, ==, 64);
  g_assert_cmpmem (half->rgb, 48 * 32 * 3, wanted->data, 48 * 32 * 3);
  g_assert_cmpstr (g_hash_table_lookup (half->text, "parameters"), ==, SETTINGS);
  g_assert_cmpstr (g_hash_table_lookup (half->text, "Comment"), ==, "of mine");
  g_assert_cmpstr (g_hash_table_lookup (half->text, "postprocessing"), ==, "Postprocess upscale by: 2, Postprocess upscaler: compact-x4");
  g_assert_cmpstr (g_hash_table_lookup (half->text, "extras"), ==, "Postprocess upscale by: 2, Postprocess upscaler: compact-x4");
}

/* Files of the data folder by name, and A1111's names of those it fetches. */
static void
test_names (void)
{
  g_autofree char *folder = g_build_filename (g_get_user_data_dir (), "velatura", "upscalers", "ESRGAN", NULL);
  g_autofree char *to = g_build_filename (folder, "RealESRGAN_x4plus.pth", NULL), *from = network ("real-x2.pth"), *bytes = NULL;
  g_autoptr (VelPng) large = NULL, other = NULL;
  const VelOutcome *outcome;
  gsize size;

  g_mkdir_with_parents (folder, 0700);
  g_assert_true (g_file_get_contents (from, &bytes, &size, NULL));
  g_assert_true (g_file_set_contents (to, bytes, (gssize) size, NULL));
  large = enlarge ("R-ESRGAN 4x+", NULL);
  other = enlarge ("realesrgan_x4plus.pth", NULL);
  g_assert_cmpuint (large->width, ==, 48);
  g_assert_cmpmem (large->rgb, 48 * 32 * 3, other->rgb, 48 * 32 * 3);
  g_assert_cmpstr (g_hash_table_lookup (large->text, "extras"), ==, "Postprocess upscale by: 2, Postprocess upscaler: R-ESRGAN 4x+");
  outcome = vel_program_run (NULL, "list", "upscalers", NULL);
  g_assert_cmpint (outcome->status, ==, 0);
  g_assert_nonnull (strstr (outcome->out, "RealESRGAN_x4plus"));
  g_assert_nonnull (strstr (outcome->out, "latent-bicubic"));
}

static void
expect_refused (int status, const char *said, const char *file, const char *upscaler, const char *scale)
{
  g_autofree char *path = vel_program_path ("refused.png");
  const VelOutcome *outcome = vel_program_run (NULL, "upscale", file, "--upscaler", upscaler, "--output", path, "--scale", scale, NULL);

  g_test_message ("%s", outcome->err);
  g_assert_cmpint (outcome->status, ==, status);
  g_assert_true (g_str_has_prefix (outcome->err, "velatura: "));
  g_assert_nonnull (strstr (outcome->err, said));
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
}

static void
test_refused (void)
{
  g_autofree char *trace = network ("golden/first-x4.safetensors");
  const VelOutcome *outcome;

  expect_refused (1, "There is no upscaler “4x-Nowhere”", picture, "4x-Nowhere", "2");
  expect_refused (1, "not pictures", picture, "latent", "2");
  expect_refused (1, "is no upscaler that is known here", picture, trace, "2");
  expect_refused (1, "", "/nonexistent.png", "lanczos", "2");
  expect_refused (1, "The picture would be 1 x 0", picture, "lanczos", "0.05");
  expect_refused (2, "a number from 0.05 to 8", picture, "lanczos", "9");
  outcome = vel_program_run (NULL, "upscale", picture, NULL);
  g_assert_cmpint (outcome->status, ==, 2);
  outcome = vel_program_run (NULL, "upscale", "--output", "x.png", NULL);
  g_assert_cmpint (outcome->status, ==, 2);
  outcome = vel_program_run (NULL, "upscale", picture, "--output", picture, NULL);
  g_assert_cmpint (outcome->status, ==, 1);
  g_assert_nonnull (strstr (outcome->err, "exists already"));
}

static void
test_inspect (void)
{
  g_autofree char *path = network ("plus-x4.pth");
  const VelOutcome *outcome = vel_program_run (NULL, "inspect", path, NULL);

  g_assert_cmpint (outcome->status, ==, 0);
  g_assert_nonnull (strstr (outcome->out, "kind: ESRGAN+"));
  g_assert_nonnull (strstr (outcome->out, "scale: 4"));
  g_assert_nonnull (strstr (outcome->out, "blocks: 2"));
  g_assert_nonnull (strstr (outcome->out, "features: 6"));
}

int
main (int argc, char **argv)
{
  vel_program_init (&argc, &argv);
  picture = vel_program_path ("small.png");
  networks = g_test_build_filename (G_TEST_DIST, "golden", "upscalers", NULL);
  make_picture ();
  g_test_add_func ("/upscale/filter", test_filter);
  g_test_add_func ("/upscale/network", test_network);
  g_test_add_func ("/upscale/names", test_names);
  g_test_add_func ("/upscale/refused", test_refused);
  g_test_add_func ("/upscale/inspect", test_inspect);
  return vel_program_finish ();
}
