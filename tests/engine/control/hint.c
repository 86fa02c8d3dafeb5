/* Preprocessors against OpenCV and numpy, and what may go wrong.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/control/hint.h"

#include <math.h>
#include <string.h>

#include "engine/formats/safetensors.h"
#include "engine/registry.h"
#include "scene.h"

static VelTensorFile *golden;
static const char *const shipped[] = {
  "blur_gaussian", "canny",   "inpaint",      "invert",         "lineart_standard", "recolor_intensity", "recolor_luminance",
  "scribble_xdog", "shuffle", "softedge_dog", "straight_lines", "threshold",        "tile_resample"
};

static VelBitmap *
make (const char *id, const VelBitmap *picture, const VelBitmap *mask, const char *settings, GError **error)
{
  const VelPreprocessor *preprocessor = vel_registry_find_preprocessor (id);
  g_autofree VelParam *table = NULL;
  g_autoptr (VelValues) values = NULL;
  g_auto (GStrv) parts = g_strsplit (settings, ",", -1);
  VelHintOptions options = { .mask = mask };

  g_assert_nonnull (preprocessor);
  table = vel_hint_dup_table (preprocessor);
  options.params = values = vel_values_new (table);
  for (guint i = 0; parts[i] != NULL; i++) {
    g_auto (GStrv) pair = g_strsplit (parts[i], "=", 2);

    if (!vel_values_set (values, pair[0], pair[1], error))
      return NULL;
  }
  return vel_hint_make (preprocessor, picture, &options, NULL, error);
}

/* The golden file keeps black and white as bits in one axis, grey in two axes, colours in three. */
static guint
count_differences (const VelBitmap *got, const VelTensorEntry *want, int *largest)
{
  const guint8 *bytes = want->data;
  gsize n = vel_bitmap_bytes (got);
  guint different = 0, stored = want->n_axes == 3 ? (guint) want->axes[2] : 1;
  gboolean bits = want->n_axes == 1;

  *largest = 0;
  g_assert_cmpuint (want->bytes, ==, bits ? (n / 3 + 7) / 8 : n / got->channels * stored);
  for (gsize i = 0; i < n; i++) {
    gsize pixel = i / got->channels, at = stored == 1 ? pixel : i;
    int value = bits ? (bytes[pixel / 8] >> (7 - pixel % 8) & 1) * 255 : bytes[at], off = ABS (value - got->data[i]);

    different += off != 0;
    *largest = MAX (*largest, off);
  }
  return different;
}

/* Every byte, and the same twice. Where the result of a float blur is rounded to a byte, one in a thousand may be off by one. */
static void
test_golden (gconstpointer data)
{
  const char *wanted = data;
  gboolean rounds = g_str_equal (wanted, "softedge_dog") || g_str_equal (wanted, "lineart_standard"); /* what a float blur gives */
  guint cases = 0, different = 0, values = 0;
  int largest = 0;

  for (gsize i = 0; i < vel_tensor_file_get_count (golden); i++) {
    const VelTensorEntry *entry = vel_tensor_file_get (golden, i);
    g_auto (GStrv) parts = g_strsplit (entry->name, "/", 3);
    guint number = (guint) g_ascii_strtoull (parts[1], NULL, 10);
    g_autoptr (VelBitmap) picture = NULL, mask = NULL, got = NULL, again = NULL;
    g_autoptr (GError) error = NULL;
    int worst;

    if (!g_str_equal (parts[0], wanted))
      continue;
    picture = scene_new (number);
    mask = scene_new_mask (number);
    got = make (wanted, picture, mask, parts[2], &error);
    g_assert_no_error (error);
    again = make (wanted, picture, mask, parts[2], NULL);
    g_assert_cmpmem (got->data, vel_bitmap_bytes (got), again->data, vel_bitmap_bytes (again));
    different += count_differences (got, entry, &worst);
    largest = MAX (largest, worst);
    values += (guint) vel_bitmap_bytes (got);
    cases++;
  }
  g_test_message ("%s: %u scenes, %u of %u values differ, by up to %d", wanted, cases, different, values, largest);
  g_assert_cmpuint (cases, >, 0);
  g_assert_cmpuint (different, <=, rounds ? values / 1000 : 0);
  g_assert_cmpint (largest, <=, rounds);
}

/* A quadrangle's corners, in order. */
static const double corners[5][2] = { { 40, 40 }, { 200, 70 }, { 180, 180 }, { 60, 150 }, { 40, 40 } };

static double
distance_to_outline (double x, double y)
{
  double least = G_MAXDOUBLE;

  for (guint i = 0; i < 4; i++) {
    double ex = corners[i + 1][0] - corners[i][0], ey = corners[i + 1][1] - corners[i][1], dx = x - corners[i][0], dy = y - corners[i][1];
    double share = CLAMP ((dx * ex + dy * ey) / (ex * ex + ey * ey), 0, 1);

    least = MIN (least, hypot (dx - share * ex, dy - share * ey));
  }
  return least;
}

static gboolean
is_inside (double x, double y)
{
  for (guint i = 0; i < 4; i++)
    if ((corners[i + 1][0] - corners[i][0]) * (y - corners[i][1]) - (corners[i + 1][1] - corners[i][1]) * (x - corners[i][0]) < 0)
      return FALSE;
  return TRUE;
}

/* Whether a light pixel is within 2 of this place. */
static gboolean
has_line_near (const VelBitmap *hint, int x, int y)
{
  for (int i = 0; i < 25; i++)
    if (hint->data[((gsize) (y + i / 5 - 2) * hint->width + (gsize) (x + i % 5 - 2)) * 3] == 255)
      return TRUE;
  return FALSE;
}

/* A quadrangle's edges are found and nothing else is: not a disc's, not those of noise. */
static void
test_straight_lines (void)
{
  g_autoptr (VelBitmap) picture = vel_bitmap_new (320, 256, 3), noise = vel_bitmap_new (320, 256, 3);
  g_autoptr (VelBitmap) lines = NULL, none = NULL;

  for (guint i = 0; i < 320 * 256 * 3; i++) {
    double x = i / 3 % 320, y = i / 3 / 320;

    noise->data[i] = (guint8) mixed (i, 1, 2, 3);
    picture->data[i] = is_inside (x, y) ? 200 : hypot (x - 260, y - 60) < 28 ? 220 : 60;
  }
  lines = make ("straight_lines", picture, NULL, "", NULL);
  none = make ("straight_lines", noise, NULL, "", NULL);
  for (guint i = 0; i < 320 * 256; i++) {
    g_assert_cmpuint (none->data[i * 3], ==, 0);
    if (lines->data[i * 3] == 255)
      g_assert_cmpfloat (distance_to_outline (i % 320, i / 320), <, 2);
  }
  for (guint i = 0; i < 4; i++)
    for (double share = 0.05; share < 0.96; share += 0.05)
      g_assert_true (has_line_near (lines, (int) (corners[i][0] + share * (corners[i + 1][0] - corners[i][0])),
                                    (int) (corners[i][1] + share * (corners[i + 1][1] - corners[i][1]))));
}

/* A picture of one pixel, of one row and of one column, with the widest blurs. */
static void
test_small (void)
{
  static const guint sizes[][2] = { { 1, 1 }, { 1, 9 }, { 9, 1 }, { 2, 2 }, { 8192, 1 }, { 1, 8192 }, { 16384, 2 } };

  for (guint i = 0; i < G_N_ELEMENTS (shipped); i++) {
    for (guint k = 0; k < G_N_ELEMENTS (sizes); k++) {
      g_autoptr (VelBitmap) picture = vel_bitmap_new (sizes[k][0], sizes[k][1], 3), mask = vel_bitmap_new (sizes[k][0], sizes[k][1], 1);
      g_autoptr (VelBitmap) hint = NULL;
      g_autoptr (GError) error = NULL;

      memset (picture->data, 77, vel_bitmap_bytes (picture));
      hint = make (shipped[i], picture, mask, "", &error);
      g_assert_no_error (error);
      g_assert_cmpuint (hint->width, ==, sizes[k][0]);
      g_assert_cmpuint (hint->height, ==, sizes[k][1]);
    }
  }
}

static void
expect_refused (const char *id, const VelBitmap *picture, const VelBitmap *mask, GQuark domain, int code, const char *part)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (make (id, picture, mask, "", &error));
  g_assert_error (error, domain, code);
  if (strstr (error->message, part) == NULL)
    g_error ("“%s” does not say “%s”", error->message, part);
}

static void
test_refused (void)
{
  guint8 pixel[3] = { 0 };
  g_autoptr (VelBitmap) picture = scene_new (1), mask = scene_new_mask (2);
  const VelBitmap none = { 0, 5, 3, pixel }, wide = { 16385, 1, 3, pixel }, large = { 16384, 4097, 3, pixel };

  expect_refused ("canny", &none, NULL, VEL_ERROR, VEL_ERROR_REQUEST, "0 x 5");
  expect_refused ("canny", &wide, NULL, VEL_ERROR, VEL_ERROR_REQUEST, "16385");
  expect_refused ("canny", &large, NULL, VEL_ERROR, VEL_ERROR_REQUEST, "4097");
  expect_refused ("inpaint", picture, mask, VEL_ERROR, VEL_ERROR_REQUEST, "mask is 54 x 55");
  expect_refused ("inpaint", picture, NULL, VEL_ERROR, VEL_ERROR_REQUEST, "needs a mask");
  g_assert_null (vel_registry_find_preprocessor ("none"));
}

/* Plugins that do wrong get no further than themselves. */
static void
test_bad_plugins (void)
{
  g_autoptr (VelBitmap) picture = scene_new (1);

  expect_refused ("greedy", picture, NULL, VEL_ERROR, VEL_ERROR_MEMORY, "greedy");
  expect_refused ("sullen", picture, NULL, VEL_ERROR, VEL_ERROR_PLUGIN, "gave up");
  expect_refused ("boundless", picture, NULL, VEL_ERROR, VEL_ERROR_PLUGIN, "0 x 70000");
}

static void
cancel (double done, gpointer cancellable)
{
  if (done > 0.5)
    g_cancellable_cancel (cancellable);
}

static void
test_cancelled (void)
{
  g_autoptr (VelBitmap) picture = scene_new (3), mask = scene_new_mask (3);

  for (guint i = 0; i < G_N_ELEMENTS (shipped); i++) {
    g_autoptr (GCancellable) cancellable = g_cancellable_new ();
    const VelHintOptions options = { .mask = mask, .progress = cancel, .data = cancellable };
    g_autoptr (GError) error = NULL;

    if (g_str_equal (shipped[i], "inpaint") || g_str_equal (shipped[i], "tile_resample")) /* done before anybody could ask */
      continue;
    g_assert_null (vel_hint_make (vel_registry_find_preprocessor (shipped[i]), picture, &options, cancellable, &error));
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  }
}

/* sd-webui-controlnet's names of them. */
static void
test_spellings (void)
{
  static const char *const names[][2] = {
    { "canny", "canny" },
    { "lineart_standard (from white bg & black line)", "lineart_standard" },
    { "invert (from white bg & black line)", "invert" },
    { "invert", "invert" },
    { "threshold", "threshold" },
    { "blur_gaussian", "blur_gaussian" },
    { "scribble_xdog", "scribble_xdog" },
    { "recolor_luminance", "recolor_luminance" },
    { "recolor_intensity", "recolor_intensity" },
    { "shuffle", "shuffle" },
    { "tile_resample", "tile_resample" },
    { "inpaint_global_harmonious", "inpaint" },
    { "inpaint_only", "inpaint" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_assert_cmpstr (vel_registry_find_id (VEL_REGISTRY_PREPROCESSORS, names[i][0]), ==, names[i][1]);
}

int
main (int argc, char **argv)
{
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  path = g_test_build_filename (G_TEST_DIST, "golden", "preprocessors", "preprocessors.safetensors", NULL);
  golden = vel_safetensors_open (path, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (shipped); i++) {
    g_autofree char *name = NULL;

    if (g_str_equal (shipped[i], "straight_lines")) /* our own: no other program's numbers */
      continue;
    name = g_strdup_printf ("/hint/golden/%s", shipped[i]);

    g_test_add_data_func (name, shipped[i], test_golden);
  }
  g_test_add_func ("/hint/straight-lines", test_straight_lines);
  g_test_add_func ("/hint/small", test_small);
  g_test_add_func ("/hint/refused", test_refused);
  g_test_add_func ("/hint/cancelled", test_cancelled);
  g_test_add_func ("/hint/spellings", test_spellings);
  g_test_add_func ("/hint/bad-plugins", test_bad_plugins);
  status = g_test_run ();
  vel_tensor_file_unref (golden);
  return status;
}
