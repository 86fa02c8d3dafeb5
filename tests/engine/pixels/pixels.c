/* Pictures against Pillow's and OpenCV's: every byte.  SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "engine/formats/safetensors.h"
#include "engine/pixels/blur.h"
#include "engine/pixels/compose.h"
#include "engine/pixels/resample.h"

static VelTensorFile *golden;

static VelBitmap *
find (const char *kind, const char *name)
{
  g_autofree char *full = g_strdup_printf ("%s/%s", kind, name);
  const VelTensorEntry *entry = vel_tensor_file_find (golden, full);

  g_assert_nonnull (entry);
  return vel_bitmap_new_take ((guint) entry->shape.size[1], (guint) entry->shape.size[0], (guint) entry->shape.size[2],
                              g_memdup2 (entry->data, entry->bytes));
}

/* The number of bytes that differ, after telling the largest difference. */
static guint
compare (const char *name, const VelBitmap *got, const VelTensorEntry *want)
{
  const guint8 *bytes = want->data;
  guint n = 0;
  int largest = 0;

  g_assert_cmpint (got->height, ==, want->shape.size[0]);
  g_assert_cmpint (got->width, ==, want->shape.size[1]);
  g_assert_cmpint (got->channels, ==, want->shape.size[2]);
  for (gsize i = 0; i < vel_bitmap_bytes (got); i++) {
    n += got->data[i] != bytes[i];
    largest = MAX (largest, ABS (got->data[i] - bytes[i]));
  }
  if (n > 0)
    g_test_message ("%s: %u of %zu bytes differ, by up to %d", name, n, vel_bitmap_bytes (got), largest);
  return n;
}

static VelBitmap *
flip (const VelBitmap *self)
{
  VelBitmap *out = vel_bitmap_dup (self);
  gsize pixels = (gsize) self->width * self->height;

  for (gsize i = 0; i < pixels; i++)
    memcpy (out->data + i * self->channels, self->data + (pixels - 1 - i) * self->channels, self->channels);
  return out;
}

static VelBitmap *
blurred_mask (const char *name, guint sigma)
{
  VelBitmap *mask = find ("mask", name);

  vel_bitmap_blur (mask, sigma);
  return mask;
}

/* The start's pixels where a blurred mask is dark, over the picture turned round. */
static VelBitmap *
lay_over (const char *name, gboolean only_overlay)
{
  g_autoptr (VelBitmap) source = find ("source", name), soft = blurred_mask (name, 4), overlay = vel_bitmap_cut_out (source, soft);
  g_autoptr (VelBitmap) turned = flip (source), base = vel_bitmap_with_channels (turned, 4);

  vel_bitmap_divide_by_alpha (overlay);
  if (only_overlay)
    return g_steal_pointer (&overlay);
  vel_bitmap_composite (base, overlay);
  return vel_bitmap_with_channels (base, 3);
}

/* What the golden file's tensor of that name was made by. */
static VelBitmap *
make (const char *kind, const char *name, const char *numbers)
{
  g_autoptr (VelBitmap) source = find ("source", name), mask = find ("mask", name), soft = blurred_mask (name, 4);
  guint a = 0, b = 0;

  if (*numbers)
    g_assert_cmpint (sscanf (numbers, "%ux%u", &a, &b), >=, 1);
  if (g_str_equal (kind, "nearest"))
    return vel_bitmap_resample (source, a, b, VEL_FILTER_NEAREST);
  if (g_str_equal (kind, "bicubic"))
    return vel_bitmap_resample (source, a, b, VEL_FILTER_BICUBIC);
  if (g_str_equal (kind, "lanczos"))
    return vel_bitmap_resize (source, a, b, VEL_RESIZE_STRETCH);
  if (g_str_equal (kind, "lanczos-mask"))
    return vel_bitmap_resample (mask, a, b, VEL_FILTER_LANCZOS);
  if (g_str_equal (kind, "fill") || g_str_equal (kind, "fit"))
    return vel_bitmap_resize (source, a, b, vel_resize_mode_from_string (kind));
  if (g_str_equal (kind, "grey"))
    return vel_bitmap_grey (source);
  if (g_str_equal (kind, "blur"))
    return blurred_mask (name, a);
  if (g_str_equal (kind, "boxes")) {
    vel_bitmap_blur_boxes (source, a);
    return g_steal_pointer (&source);
  }
  if (g_str_equal (kind, "cut"))
    return vel_bitmap_cut_out (source, mask);
  if (g_str_equal (kind, "filled"))
    return vel_bitmap_fill_masked (source, mask);
  if (g_str_equal (kind, "filled-soft"))
    return vel_bitmap_fill_masked (source, soft);
  if (g_str_equal (kind, "overlay") || g_str_equal (kind, "laid"))
    return lay_over (name, g_str_equal (kind, "overlay"));
  return NULL;
}

static void
test_golden (void)
{
  guint differing = 0, n = 0;

  for (gsize i = 0; i < vel_tensor_file_get_count (golden); i++) {
    const VelTensorEntry *entry = vel_tensor_file_get (golden, i);
    g_auto (GStrv) parts = g_strsplit (entry->name, "/", 3);
    g_autoptr (VelBitmap) made = NULL;

    if (g_str_equal (parts[0], "source") || g_str_equal (parts[0], "mask"))
      continue;
    made = make (parts[0], parts[1], parts[2] ? parts[2] : "");
    if (!made)
      g_error ("nothing makes %s", entry->name);
    differing += compare (entry->name, made, entry);
    n++;
  }
  g_assert_cmpuint (n, >, 80);
  g_assert_cmpuint (differing, ==, 0);
}

/* A picture so long that what stands out of the frame would fill memory: only what is seen is made. */
static void
test_long (void)
{
  g_autoptr (VelBitmap) thread = vel_bitmap_new (16384, 1, 3), filled = NULL, fitted = NULL;

  memset (thread->data, 77, vel_bitmap_bytes (thread));
  filled = vel_bitmap_resize (thread, 4096, 4096, VEL_RESIZE_FILL);
  fitted = vel_bitmap_resize (thread, 64, 64, VEL_RESIZE_FIT);
  for (gsize i = 0; i < vel_bitmap_bytes (filled); i++)
    g_assert_cmpuint (filled->data[i], ==, 77);
  for (gsize i = 0; i < vel_bitmap_bytes (fitted); i++)
    g_assert_cmpuint (fitted->data[i], ==, 77);
}

/* Laid over an edge, what is outside is left out. */
static void
test_edges (void)
{
  g_autoptr (VelBitmap) base = vel_bitmap_new (4, 3, 1), top = vel_bitmap_new (3, 3, 1), part = NULL;
  static const guint8 wanted[] = { 9, 0, 0, 9, 9, 0, 0, 9, 0, 0, 0, 0 };

  memset (top->data, 9, 9);
  vel_bitmap_paste (base, top, -2, -1);
  vel_bitmap_paste (base, top, 3, -1);
  vel_bitmap_paste (base, top, 4, 0);
  vel_bitmap_paste (base, top, 0, -3);
  g_assert_cmpmem (base->data, 12, wanted, sizeof wanted);
  part = vel_bitmap_crop (base, 3, 1, 1, 2);
  g_assert_cmpmem (part->data, 2, ((guint8[]){ 9, 0 }), 2);
}

int
main (int argc, char **argv)
{
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  path = g_test_build_filename (G_TEST_DIST, "golden", "pixels", "pixels.safetensors", NULL);
  golden = vel_safetensors_open (path, NULL, &error);
  g_assert_no_error (error);
  g_test_add_func ("/pixels/golden", test_golden);
  g_test_add_func ("/pixels/long", test_long);
  g_test_add_func ("/pixels/edges", test_edges);
  status = g_test_run ();
  vel_tensor_file_unref (golden);
  return status;
}
