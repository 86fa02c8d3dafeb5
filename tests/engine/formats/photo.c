/* JPEG and PNG pixels, whichever a file turns out to hold.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/photo.h"

#include <string.h>

#include "engine/error.h"
#include "engine/formats/safetensors.h"

static GBytes *
read_golden (const char *name)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "golden", "formats", "photos", name, NULL);
  char *data;
  gsize bytes;

  g_assert_true (g_file_get_contents (path, &data, &bytes, NULL));
  return g_bytes_new_take (data, bytes);
}

/* To the last bit as Pillow reads them, upright. */
static void
test_pixels (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "golden", "formats", "photos.safetensors", NULL);
  g_autoptr (VelTensorFile) golden = vel_safetensors_open (path, NULL, NULL);

  g_assert_cmpuint (vel_tensor_file_get_count (golden), ==, 13);
  for (gsize i = 0; i < vel_tensor_file_get_count (golden); i++) {
    const VelTensorEntry *wanted = vel_tensor_file_get (golden, i);
    g_autofree char *file = g_strconcat (wanted->name, ".jpg", NULL);
    g_autofree char *full = g_test_build_filename (G_TEST_DIST, "golden", "formats", "photos", file, NULL);
    g_autoptr (GError) error = NULL;
    g_autoptr (VelPhoto) photo = vel_photo_read (full, FALSE, &error), size = vel_photo_read (full, TRUE, &error);

    g_test_message ("%s", wanted->name);
    g_assert_no_error (error);
    g_assert_cmpint (photo->height, ==, wanted->shape.size[0]);
    g_assert_cmpint (photo->width, ==, wanted->shape.size[1]);
    g_assert_true (size->width == photo->width && size->height == photo->height && !size->rgb);
    g_assert_cmpmem (photo->rgb, (gsize) photo->width * photo->height * 3, wanted->data, wanted->bytes);
  }
}

/* A PNG's transparency is kept beside its colours, whatever the file is called. */
static void
test_png (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "golden", "formats", "rgba8.png", NULL);
  g_autoptr (VelPhoto) photo = vel_photo_read (path, FALSE, NULL);

  g_assert_nonnull (photo->rgb);
  g_assert_nonnull (photo->alpha);
}

static void
expect_refused (const guint8 *data, gsize bytes, const char *word)
{
  g_autoptr (GBytes) file = g_bytes_new (data, bytes);
  g_autoptr (GError) error = NULL;
  g_autoptr (VelPhoto) photo = vel_photo_read_bytes (file, "photo.jpg", FALSE, &error);

  g_assert_null (photo);
  g_assert_error (error, VEL_ERROR, VEL_ERROR_FORMAT);
  if (!strstr (error->message, word))
    g_error ("no “%s” in: %s", word, error->message);
}

/* Wherever it is cut off, but within the mark of its end. */
static void
test_cut (void)
{
  static const char *const names[] = { "quarter.jpg", "progressive.jpg" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autoptr (GBytes) whole = read_golden (names[i]);
    gsize bytes;
    const guint8 *data = g_bytes_get_data (whole, &bytes);

    for (gsize n = 3; n < bytes - 2; n++)
      expect_refused (data, n, "photo.jpg");
    expect_refused (data, bytes - 100, "too early");
  }
}

/* libjpeg would turn CMYK to nothing that can be used; sizes and passes that a few bytes claim cost nothing. */
static void
test_lies (void)
{
  g_autoptr (GBytes) printed = read_golden ("printed.jpg"), plain = read_golden ("full.jpg"), slow = read_golden ("progressive.jpg");
  gsize bytes, at = 0, scan = 0;
  const guint8 *data = g_bytes_get_data (printed, &bytes);
  g_autofree guint8 *large = NULL;
  g_autoptr (GByteArray) many = g_byte_array_new ();

  expect_refused (data, bytes, "CMYK");
  data = g_bytes_get_data (plain, &bytes);
  large = g_memdup2 (data, bytes);
  while (!(large[at] == 0xff && large[at + 1] == 0xc0))
    at++;
  memset (large + at + 5, 0x7f, 4);
  expect_refused (large, bytes, "large");
  data = g_bytes_get_data (slow, &bytes);
  for (scan = 2; !(data[scan] == 0xff && data[scan + 1] == 0xda); scan++)
    ; /* the first pass, and its end: a mark that is no stuffed zero */
  for (at = scan + 2; !(data[at] == 0xff && data[at + 1] != 0); at++)
    ;
  g_byte_array_append (many, data, (guint) at);
  for (guint i = 0; i < 1000; i++)
    g_byte_array_append (many, data + scan, (guint) (at - scan));
  g_byte_array_append (many, data + at, (guint) (bytes - at));
  expect_refused (many->data, many->len, "passes");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/formats/photo/pixels", test_pixels);
  g_test_add_func ("/formats/photo/png", test_png);
  g_test_add_func ("/formats/photo/cut", test_cut);
  g_test_add_func ("/formats/photo/lies", test_lies);
  return g_test_run ();
}
