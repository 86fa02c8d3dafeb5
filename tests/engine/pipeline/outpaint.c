/* How a start picture grows, before anything is painted.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/pipeline/outpaint.h"

#include <glib/gstdio.h>
#include <string.h>

#include "engine/formats/png.h"
#include "engine/pipeline/inpaint.h"
#include "engine/pipeline/request.h"

static char *folder;

/* Returns: (transfer full) */
static VelValues *
ask (guint width, guint height, const char *const *options)
{
  VelValues *request = vel_request_new ();
  g_autofree char *path = g_build_filename (folder, "start.png", NULL);
  g_autofree guint8 *rgb = g_malloc ((gsize) width * height * 3);
  g_autoptr (GBytes) png = NULL;

  for (gsize i = 0; i < (gsize) width * height * 3; i++)
    rgb[i] = (guint8) (100 + i % 100);
  png = vel_png_encode (rgb, width, height, (const char *const[]){ NULL });
  g_assert_true (g_file_set_contents (path, g_bytes_get_data (png, NULL), (gssize) g_bytes_get_size (png), NULL));
  g_assert_true (vel_values_set (request, "init", path, NULL));
  for (gsize i = 0; options[i]; i += 2)
    g_assert_true (vel_values_set (request, options[i], options[i + 1], NULL));
  return request;
}

/* As the script's own arithmetic has it, with 8 in place of its 64. */
static void
test_canvas (void)
{
  static const struct {
    guint width, height;
    const char *left, *right, *top, *bottom;
    VelOutpaint wanted; /* left, top, right, bottom, width, height */
  } cases[] = { { 512, 512, "64", "64", "0", "0", { 64, 0, 64, 0, 640, 512 } },
                { 500, 333, "64", "0", "0", "8", { 68, 0, 0, 11, 568, 344 } }, /* what is missing to eight goes to the side that grows */
                { 500, 333, "8", "24", "0", "0", { 9, 0, 27, 3, 536, 336 } },  /* shared by how much they grow; below, where none does */
                { 1, 1, "2048", "2048", "2048", "8", { 2051, 2054, 2052, 9, 4104, 2064 } } };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (VelValues) request = ask (1, 1,
                                         (const char *[]){ "outpaint_left", cases[i].left, "outpaint_right", cases[i].right, "outpaint_top",
                                                           cases[i].top, "outpaint_bottom", cases[i].bottom, NULL });
    VelOutpaint got;

    vel_outpaint_plan (&got, request, cases[i].width, cases[i].height, 8);
    g_assert_cmpmem (&got, sizeof got, &cases[i].wanted, sizeof got);
  }
}

/* White beside, black within, as far as the inset leaves anything of it. */
static void
test_mask (void)
{
  const VelOutpaint right = { 0, 0, 8, 0, 24, 8 }, all = { 8, 8, 8, 8, 24, 24 };
  g_autoptr (VelBitmap) sharp = vel_outpaint_mask (&right, 0), inset = vel_outpaint_mask (&right, 3), none = vel_outpaint_mask (&all, 4);

  for (guint x = 0; x < 24; x++) {
    g_assert_cmpuint (sharp->data[7 * 24 + x], ==, x < 16 ? 0 : 255);
    g_assert_cmpuint (inset->data[7 * 24 + x], ==, x < 13 ? 0 : 255);
  }
  for (gsize i = 0; i < vel_bitmap_bytes (none); i++)
    g_assert_cmpuint (none->data[i], ==, 255);
}

/* Away from the seam the picture's own pixels are kept to the bit; beside it all is painted. data: mask_blur */
static void
test_kept (gconstpointer data)
{
  g_autoptr (VelValues) request = ask (128, 64, (const char *[]){ "outpaint_right", "32", "mask_blur", data, NULL });
  guint blur = (guint) g_ascii_strtoull (data, NULL, 10), seam = 2 * blur + 5 * blur + 1;
  g_autoptr (GError) error = NULL;
  g_autoptr (VelInpaint) made = vel_inpaint_prepare (request, 160, 64, 8, &error);
  g_autoptr (VelBitmap) result = NULL;

  g_assert_no_error (error);
  for (guint x = 0; x < 20; x++)
    g_assert_cmpfloat (made->repaint[3 * 20 + x], ==, x < 16 ? 0 : 1);
  result = vel_inpaint_finish (made, vel_bitmap_new (160, 64, 3), NULL);
  for (guint x = 0; x < 160; x++) {
    guint8 own = (guint8) (100 + (30 * 128 + x) * 3 % 100);

    if (x < 128 - seam)
      g_assert_cmpuint (result->data[(30 * 160 + x) * 3], ==, own);
    else if (x >= 128)
      g_assert_cmpuint (result->data[(30 * 160 + x) * 3], ==, 0);
  }
}

static void
test_refused (void)
{
  static const char *const sides[] = { "outpaint_left", "2048", "outpaint_right", "2048", NULL };
  g_autoptr (VelValues) request = ask (8, 8, sides);
  g_autoptr (GError) error = NULL;
  g_autofree char *missing = g_build_filename (folder, "none.png", NULL);
  VelOutpaint canvas;

  g_assert_false (vel_outpaint_measure (&canvas, request, 8, &error));
  g_assert_error (error, VEL_ERROR, VEL_ERROR_REQUEST);
  g_assert_nonnull (strstr (error->message, "4104 x 8"));
  g_clear_error (&error);
  vel_values_set (request, "inpaint_area", "masked", NULL);
  g_assert_true (vel_outpaint_measure (&canvas, request, 8, &error));
  g_assert_false (vel_outpaint_gives_size (request));
  vel_values_set (request, "init", missing, NULL);
  g_assert_false (vel_outpaint_measure (&canvas, request, 8, &error));
  g_clear_error (&error);
  vel_values_set (request, "init", "", NULL);
  g_assert_false (vel_outpaint_is_asked (request));
}

int
main (int argc, char **argv)
{
  int status;
  g_autofree char *start = NULL;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("velatura-outpaint-XXXXXX", NULL);
  start = g_build_filename (folder, "start.png", NULL);
  g_test_add_func ("/outpaint/canvas", test_canvas);
  g_test_add_func ("/outpaint/mask", test_mask);
  g_test_add_data_func ("/outpaint/kept/sharp", "0", test_kept);
  g_test_add_data_func ("/outpaint/kept/blurred", "4", test_kept);
  g_test_add_func ("/outpaint/refused", test_refused);
  status = g_test_run ();
  g_unlink (start);
  g_rmdir (folder);
  g_free (folder);
  return status;
}
