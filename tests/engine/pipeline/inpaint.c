/* Start pictures and masks before anything is painted.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/pipeline/inpaint.h"

#include <glib/gstdio.h>
#include <math.h>
#include <png.h>
#include <string.h>

#include "engine/pipeline/request.h"
#include "engine/pixels/difference.h"
#include "tests/support/tiny-model.h"

static char *folder;

/* Returns: (transfer full) the path; pixels: channels 1 grey, 3 RGB, 4 RGBA */
static char *
write_png (const char *name, guint width, guint height, guint channels, const guint8 *pixels)
{
  char *path = g_build_filename (folder, name, NULL);
  png_image image = { .version = PNG_IMAGE_VERSION, .width = width, .height = height };

  image.format = channels == 1 ? PNG_FORMAT_GRAY : channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_RGBA;
  g_assert_true (png_image_write_to_file (&image, path, 0, pixels, 0, NULL));
  return path;
}

static char *
write_start (guint width, guint height)
{
  g_autofree guint8 *pixels = g_malloc ((gsize) width * height * 3);

  for (gsize i = 0; i < (gsize) width * height * 3; i++)
    pixels[i] = (guint8) (i * 37 + i / 64);
  return write_png ("start.png", width, height, 3, pixels);
}

/* Grey `light` within, `dark` outside. */
static char *
write_mask (guint width, guint height, guint x, guint y, guint w, guint h, guint8 light, guint8 dark)
{
  g_autofree guint8 *pixels = g_malloc ((gsize) width * height);

  for (guint j = 0; j < height; j++)
    for (guint i = 0; i < width; i++)
      pixels[j * width + i] = i >= x && i < x + w && j >= y && j < y + h ? light : dark;
  return write_png ("mask.png", width, height, 1, pixels);
}

static VelValues *
ask (const char *start, const char *mask, const char *const *more)
{
  VelValues *request = vel_request_new ();

  g_assert_true (vel_values_set (request, "init", start, NULL));
  g_assert_true (vel_values_set (request, "mask", mask, NULL));
  for (gsize i = 0; more && more[i]; i += 2)
    g_assert_true (vel_values_set (request, more[i], more[i + 1], NULL));
  return request;
}

static VelInpaint *
prepare (VelValues *request, guint width, guint height)
{
  g_autoptr (GError) error = NULL;
  VelInpaint *made = vel_inpaint_prepare (request, width, height, 8, &error);

  g_assert_no_error (error);
  return made;
}

/* An unblurred mask: latents are painted anew from a mean of one half on, and nothing lies over the result. */
static void
test_sharp (void)
{
  g_autofree char *start = write_start (32, 16), *mask = write_mask (32, 16, 0, 0, 12, 8, 255, 0);
  g_autoptr (VelValues) request = ask (start, mask, (const char *[]) { "mask_blur", "0", NULL });
  g_autoptr (VelInpaint) made = prepare (request, 32, 16);
  static const float wanted[] = { 1, 1, 0, 0, 0, 0, 0, 0 };
  VelBitmap *result = vel_bitmap_new (32, 16, 3);

  g_assert_cmpmem (made->repaint, sizeof wanted, wanted, sizeof wanted);
  g_assert_null (made->overlay);
  result = vel_inpaint_finish (made, result, NULL);
  g_assert_cmpuint (result->data[3 * 31], ==, 0);
  vel_bitmap_free (result);
}

/* Far from a blurred mask the start's own pixels are kept, within it the result's. */
static void
test_blurred (void)
{
  g_autofree char *start = write_start (64, 64), *mask = write_mask (64, 64, 24, 24, 16, 16, 255, 0);
  g_autoptr (VelValues) request = ask (start, mask, NULL);
  g_autoptr (VelInpaint) made = prepare (request, 64, 64);
  VelBitmap *result = vel_bitmap_new (64, 64, 3);

  memset (result->data, 99, vel_bitmap_bytes (result));
  result = vel_inpaint_finish (made, result, NULL);
  for (guint c = 0; c < 3; c++) {
    g_assert_cmpuint (result->data[3 * (32 * 64 + 32) + c], ==, 99);
    g_assert_cmpuint (result->data[3 * (2 * 64 + 2) + c], ==, made->image->data[3 * (2 * 64 + 2) + c]);
  }
  g_assert_cmpfloat (made->repaint[4 * 8 + 4], ==, 1);
  g_assert_cmpfloat (made->repaint[0], ==, 0);
  vel_bitmap_free (result);
}

/* Softly the mask keeps its greys, and the start stays where nothing has changed, whatever the mask says there; data: the area. */
static void
test_soft (gconstpointer data)
{
  g_autofree char *start = write_start (64, 64), *mask = write_mask (64, 64, 24, 24, 16, 16, 200, 0);
  g_autoptr (VelValues) request = ask (start, mask, (const char *[]) { "soft_inpainting", "true", "mask_blur", "0", "inpaint_area", data, NULL });
  g_autoptr (VelInpaint) made = prepare (request, 64, 64);
  g_autoptr (VelBitmap) still = vel_bitmap_new (8, 8, 1), changed = vel_bitmap_new (8, 8, 1), kept = NULL, gone = NULL;
  VelBitmap *painted = vel_bitmap_new (64, 64, 3), *again = vel_bitmap_new (64, 64, 3);

  g_assert_cmpfloat_with_epsilon (made->repaint[4 * 8 + 4], 200.0 / 255, 0.15);
  g_assert_null (made->overlay);
  memset (changed->data, 255, vel_bitmap_bytes (changed));
  kept = vel_inpaint_finish (made, painted, still);
  gone = vel_inpaint_finish (made, again, changed);
  g_assert_cmpmem (kept->data, vel_bitmap_bytes (kept), made->whole->data, vel_bitmap_bytes (made->whole));
  for (guint c = 0; c < 3; c++)
    g_assert_cmpuint (gone->data[3 * (32 * 64 + 32) + c], ==, 0);
}

/* Places that could not be told apart by numbers: nothing moved, and nothing may; everything may. */
static void
test_difference_bounds (void)
{
  static const float distances[] = { 0, 0, 1e30f, 1e30f }, repaint[] = { 0, 1, 0, 1 };
  static const VelDifference settings[] = { { 0, 0, 2, 0.5 }, { 1, 0, 8, 8 }, { 1, 8, 0, 0 }, { 0.5, 8, 8, 0 } };

  for (gsize i = 0; i < G_N_ELEMENTS (settings); i++) {
    g_autoptr (VelBitmap) mask = vel_difference_mask (&settings[i], distances, repaint, 4, 1), none = vel_difference_mask (&settings[i], distances, repaint, 2, 1);

    g_assert_cmpuint (none->data[0], <=, settings[i].contrast == 0 ? 127 : 0);
    g_assert_cmpuint (mask->data[3], >=, settings[i].contrast == 0 ? 127 : 254);
  }
}

/* A grey mask lays half as dark a start over the result, a grey transparency none or all. data: channels */
static void
test_grey (gconstpointer data)
{
  guint channels = GPOINTER_TO_UINT (data);
  guint8 pixels[16 * 16 * 4];
  g_autofree char *start = write_start (16, 16), *mask = NULL;
  g_autoptr (VelValues) request = NULL;
  g_autoptr (VelInpaint) made = NULL;

  memset (pixels, channels == 1 ? 96 : 0, sizeof pixels);
  for (guint i = 0; channels == 4 && i < 16 * 16; i++)
    pixels[4 * i + 3] = 128;
  mask = write_png ("mask.png", 16, 16, channels, pixels);
  request = ask (start, mask, NULL);
  made = prepare (request, 16, 16);
  g_assert_cmpuint (made->overlay->data[3], ==, channels == 1 ? 255 - 2 * 96 : 255);
  g_assert_cmpfloat (made->repaint[0], ==, 0);
}

static void
test_inverted (void)
{
  g_autofree char *start = write_start (16, 16), *mask = write_mask (16, 16, 0, 0, 8, 16, 255, 0);
  g_autoptr (VelValues) request = ask (start, mask, (const char *[]) { "mask_blur", "0", "mask_invert", "true", NULL });
  g_autoptr (VelInpaint) made = prepare (request, 16, 16);

  g_assert_cmpmem (made->repaint, 16, ((float[]) { 0, 1, 0, 1 }), 16);
}

/* What is opaque is the mask where a file has transparency, whatever its colours. */
static void
test_transparent (void)
{
  guint8 pixels[16 * 16 * 4];
  g_autofree char *start = write_start (16, 16), *mask = NULL;
  g_autoptr (VelValues) request = NULL;
  g_autoptr (VelInpaint) made = NULL;

  memset (pixels, 255, sizeof pixels);
  for (guint i = 0; i < 16 * 16; i++)
    pixels[4 * i + 3] = i >= 8 * 16 ? 255 : 0;
  mask = write_png ("mask.png", 16, 16, 4, pixels);
  request = ask (start, mask, (const char *[]) { "mask_blur", "0", NULL });
  made = prepare (request, 16, 16);
  g_assert_cmpmem (made->repaint, 16, ((float[]) { 0, 0, 1, 1 }), 16);
}

/* The part taken holds the mask, lies within the picture and has the proportions asked for wherever there is room. */
static void
test_parts (void)
{
  static const guint masks[][4] = { { 0, 0, 1, 1 }, { 99, 79, 1, 1 }, { 0, 40, 100, 1 }, { 50, 0, 1, 80 }, { 30, 30, 20, 10 }, { 0, 0, 100, 80 } };
  static const guint sizes[][2] = { { 64, 64 }, { 128, 8 }, { 8, 128 } };
  g_autofree char *start = write_start (100, 80);

  for (gsize i = 0; i < G_N_ELEMENTS (masks) * G_N_ELEMENTS (sizes); i++) {
    const guint *m = masks[i / G_N_ELEMENTS (sizes)], *size = sizes[i % G_N_ELEMENTS (sizes)];
    g_autofree char *mask = write_mask (100, 80, m[0], m[1], m[2], m[3], 255, 0);
    g_autoptr (VelValues) request = ask (start, mask, (const char *[]) { "mask_blur", "0", "inpaint_area", "masked", "masked_padding", "4", NULL });
    g_autoptr (VelInpaint) made = prepare (request, size[0], size[1]);
    guint right = (guint) made->x + made->part_width, bottom = (guint) made->y + made->part_height;
    double wanted = (double) size[0] / size[1], got = (double) made->part_width / made->part_height;

    g_assert_cmpint (made->x, >=, 0);
    g_assert_cmpint (made->y, >=, 0);
    g_assert_true (right <= 100 && bottom <= 80);
    g_assert_true ((guint) made->x <= m[0] && (guint) made->y <= m[1] && right >= m[0] + m[2] && bottom >= m[1] + m[3]);
    g_assert_true (made->image->width == size[0] && made->mask->height == size[1]);
    if (made->part_width < 100 && made->part_height < 80)
      g_assert_cmpfloat (fabs (got / wanted - 1), <, 2.0 / MIN (made->part_width, made->part_height));
  }
}

static void
test_refused (void)
{
  static const char *const part[] = { "inpaint_area", "masked", NULL };
  g_autofree char *start = write_start (32, 32), *black = write_mask (32, 32, 0, 0, 0, 0, 255, 0);
  g_autofree char *other = g_strdup_printf ("%s/other.png", folder);
  const struct {
    const char *start, *mask, *word;
  } cases[] = { { start, black, "black" }, { start, other, "16 x 8" }, { "/no/such.png", black, "such.png" }, { start, "/no/mask.png", "mask.png" } };
  g_autofree char *small = write_png ("other.png", 16, 8, 1, (const guint8[16 * 8]) { 255 });

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (VelValues) request = ask (cases[i].start, cases[i].mask, part);
    g_autoptr (GError) error = NULL;

    g_assert_null (vel_inpaint_prepare (request, 32, 32, 8, &error));
    g_assert_nonnull (strstr (error->message, cases[i].word));
  }
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("velatura-inpaint-XXXXXX", NULL);
  g_test_add_func ("/inpaint/sharp", test_sharp);
  g_test_add_func ("/inpaint/blurred", test_blurred);
  g_test_add_data_func ("/inpaint/soft/whole", "whole", test_soft);
  g_test_add_data_func ("/inpaint/soft/masked", "masked", test_soft);
  g_test_add_func ("/inpaint/difference-bounds", test_difference_bounds);
  g_test_add_func ("/inpaint/inverted", test_inverted);
  g_test_add_data_func ("/inpaint/grey", GUINT_TO_POINTER (1), test_grey);
  g_test_add_data_func ("/inpaint/grey-transparency", GUINT_TO_POINTER (4), test_grey);
  g_test_add_func ("/inpaint/transparent", test_transparent);
  g_test_add_func ("/inpaint/parts", test_parts);
  g_test_add_func ("/inpaint/refused", test_refused);
  status = g_test_run ();
  tiny_remove_tree (folder);
  g_free (folder);
  return status;
}
