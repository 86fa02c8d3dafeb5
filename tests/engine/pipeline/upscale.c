/* Pictures enlarged by networks, tile by tile, against PyTorch and Pillow with A1111's tiles.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engine/error.h"
#include "engine/formats/safetensors.h"
#include "engine/pipeline/upscale.h"
#include "engine/pixels/resample.h"

typedef struct {
  VelDevice *device;
  VelUpscaler *network;
  VelTensorFile *golden;
  VelBitmap *picture;
} Setup;

static VelBitmap *
take_picture (VelTensorFile *file, const char *name)
{
  const VelTensorEntry *entry = vel_tensor_file_find (file, name);

  return vel_bitmap_new_take ((guint) entry->shape.size[1], (guint) entry->shape.size[0], 3, g_memdup2 (entry->data, entry->bytes));
}

static void
set_up (Setup *self, const char *file, const char *golden)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "golden", "upscalers", file, NULL);
  g_autofree char *pictures = g_test_build_filename (G_TEST_DIST, "golden", "upscalers", "golden", golden, NULL);
  g_autoptr (GError) error = NULL;

  self->device = vel_device_new_cpu (2, 0, &error);
  self->network = vel_upscale_load (path, self->device, VEL_F32, NULL, &error);
  g_assert_no_error (error);
  self->golden = vel_safetensors_open (pictures, NULL, &error);
  g_assert_no_error (error);
  self->picture = take_picture (self->golden, "picture");
}

static void
tear_down (Setup *self)
{
  vel_bitmap_free (self->picture);
  vel_tensor_file_unref (self->golden);
  vel_upscaler_free (self->network);
  vel_device_unref (self->device);
}

/* Sums in another order move a value on a byte's edge to the other side. */
static void
expect_same (const VelBitmap *found, const VelBitmap *wanted)
{
  gsize off = 0;

  g_assert_cmpuint (found->width, ==, wanted->width);
  g_assert_cmpuint (found->height, ==, wanted->height);
  for (gsize i = 0; i < vel_bitmap_bytes (wanted); i++) {
    int difference = found->data[i] - wanted->data[i];

    g_assert_cmpint (ABS (difference), <=, 1);
    off += difference != 0;
  }
  g_test_message ("%zu of %zu values one off", off, vel_bitmap_bytes (wanted));
  g_assert_cmpuint (off, <=, vel_bitmap_bytes (wanted) / 2000);
}

static void
expect_golden (Setup *self, guint tile, const char *name)
{
  VelUpscaleOptions options = { .tile = tile, .overlap = 4, .reversed = TRUE };
  g_autoptr (GError) error = NULL;
  g_autoptr (VelBitmap) found = vel_upscale_once (self->network, self->device, self->picture, &options, NULL, &error);
  g_autoptr (VelBitmap) wanted = take_picture (self->golden, name);

  g_assert_no_error (error);
  g_assert_cmpuint (options.tile, ==, tile);
  expect_same (found, wanted);
}

static void
test_tiles (gconstpointer file)
{
  g_autofree char *stem = g_strndup (file, strcspn (file, ".")), *golden = g_strdup_printf ("tiles-%s.safetensors", stem);
  Setup self;

  set_up (&self, file, golden);
  expect_golden (&self, 16, "tiled");
  if (vel_tensor_file_find (self.golden, "whole")) {
    expect_golden (&self, 0, "whole");
    expect_golden (&self, 64, "whole"); /* a tile is no larger than the picture */
  }
  tear_down (&self);
}

/* Colours the other way round are another picture, for a network that tells them apart. */
static void
test_order_of_colours (void)
{
  VelUpscaleOptions options = { .reversed = FALSE };
  g_autoptr (VelBitmap) found = NULL, wanted = NULL;
  Setup self;

  set_up (&self, "real-x2.pth", "tiles-real-x2.safetensors");
  found = vel_upscale_once (self.network, self.device, self.picture, &options, NULL, NULL);
  wanted = take_picture (self.golden, "whole");
  g_assert_cmpint (memcmp (found->data, wanted->data, vel_bitmap_bytes (wanted)), !=, 0);
  tear_down (&self);
}

/* As often as needed, then by Lanczos. */
static void
test_size (void)
{
  VelUpscaleOptions options = { .reversed = TRUE };
  g_autoptr (GError) error = NULL;
  g_autoptr (VelBitmap) once = NULL, twice = NULL, wanted = NULL, found = NULL;
  Setup self;

  set_up (&self, "real-x2.pth", "tiles-real-x2.safetensors");
  once = vel_upscale_once (self.network, self.device, self.picture, &options, NULL, &error);
  twice = vel_upscale_once (self.network, self.device, once, &options, NULL, &error);
  wanted = vel_bitmap_resample (twice, 100, 80, VEL_FILTER_LANCZOS);
  found = vel_upscale_to (self.network, self.device, self.picture, 100, 80, &options, NULL, &error);
  g_assert_no_error (error);
  expect_same (found, wanted);
  tear_down (&self);
}

static void
on_progress (double fraction, gpointer data)
{
  GCancellable *cancellable = data;

  g_assert_cmpfloat (fraction, <, 1);
  if (fraction > 0.3)
    g_cancellable_cancel (cancellable);
}

static void
test_cancel (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  VelUpscaleOptions options = { .tile = 16, .overlap = 4, .progress = on_progress, .data = cancellable };
  g_autoptr (GError) error = NULL;
  Setup self;

  set_up (&self, "real-x2.pth", "tiles-real-x2.safetensors");
  g_assert_null (vel_upscale_once (self.network, self.device, self.picture, &options, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  tear_down (&self);
}

/* More pixels than there is memory for are refused before any is made. */
static void
test_too_large (void)
{
  VelUpscaleOptions options = { .tile = 64, .overlap = 8 };
  g_autoptr (VelBitmap) large = vel_bitmap_new (16000, 9000, 3);
  g_autoptr (GError) error = NULL;
  Setup self;

  set_up (&self, "real-x2.pth", "tiles-real-x2.safetensors");
  g_assert_null (vel_upscale_once (self.network, self.device, large, &options, NULL, &error));
  g_assert_error (error, VEL_ERROR, VEL_ERROR_REQUEST);
  tear_down (&self);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/upscale/tiles/even", "real-x2.pth", test_tiles);
  g_test_add_data_func ("/upscale/tiles/same-size", "first-x1.pth", test_tiles);
  g_test_add_data_func ("/upscale/tiles/compact", "compact-x4.pth", test_tiles);
  g_test_add_func ("/upscale/order-of-colours", test_order_of_colours);
  g_test_add_func ("/upscale/size", test_size);
  g_test_add_func ("/upscale/cancel", test_cancel);
  g_test_add_func ("/upscale/too-large", test_too_large);
  return g_test_run ();
}
