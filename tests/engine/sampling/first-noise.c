/* First noises against torch's.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/sampling/first-noise.h"
#include "engine/tensor/ops.h"

#include "tests/engine/golden.h"

static guint64
read_seed (const json_t *row, const char *name)
{
  return g_ascii_strtoull (json_string_value (json_object_get (row, name)), NULL, 10);
}

/* Largest difference; values are normal, so also one relative to them. */
static double
compare (const float *got, gsize count, const json_t *values)
{
  gsize every = count < 64 ? 1 : 17;
  double largest = 0;

  g_assert_cmpuint (json_array_size (values), ==, (count + every - 1) / every);
  for (gsize i = 0; i < json_array_size (values); i++)
    largest = fmax (largest, fabs (got[i * every] - golden_number (values, i)));
  return largest;
}

static double
compare_case (const json_t *row)
{
  const json_t *shape = json_object_get (row, "shape"), *from = json_object_get (row, "from"), *picture;
  gint64 c = (gint64) golden_number (shape, 0), h = (gint64) golden_number (shape, 1), w = (gint64) golden_number (shape, 2);
  gsize count = (gsize) (c * h * w), i;
  g_autofree float *planes = g_new (float, count);
  VelFirstNoise noise = { .seed = read_seed (row, "seed"),
                          .strength = json_number_value (json_object_get (row, "strength")),
                          .variation = read_seed (row, "variation"),
                          .seed_offset = (guint64) json_integer_value (json_object_get (row, "offset")) };
  double largest = 0;

  g_assert_true (vel_random_kind_parse (json_string_value (json_object_get (row, "kind")), &noise.kind));
  if (json_is_array (from)) {
    noise.from_height = (gint64) golden_number (from, 0);
    noise.from_width = (gint64) golden_number (from, 1);
  }
  json_array_foreach (json_object_get (row, "pictures"), i, picture) {
    VelRandom stream;

    vel_first_noise_draw (&noise, (gint64) i, c, h, w, &stream, planes);
    largest = fmax (largest, compare (planes, count, json_object_get (picture, "first")));
    vel_random_normal (&stream, planes, count);
    largest = fmax (largest, compare (planes, count, json_object_get (picture, "next")));
  }
  return largest;
}

static void
test_torch (void)
{
  json_t *root = golden_load ("noise", "variation.json"), *row;
  gsize i;

  json_array_foreach (json_object_get (root, "cases"), i, row) {
    double largest = compare_case (row);

    g_test_message ("case %zu: largest difference %.2e", i, largest);
    g_assert_cmpfloat (largest, <, 3e-6);
  }
  json_decref (root);
}

/* A latent of one row has no circle to turn along: the way is straight, and stays finite. */
static void
test_single_row (void)
{
  VelFirstNoise noise = { .kind = VEL_RANDOM_CPU, .seed = 1, .strength = 0.25, .variation = 2 };
  float planes[64], low[64], high[64];
  VelRandom stream;

  vel_random_init (&stream, VEL_RANDOM_CPU, 1);
  vel_random_normal (&stream, low, 64);
  vel_random_init (&stream, VEL_RANDOM_CPU, 2);
  vel_random_normal (&stream, high, 64);
  vel_first_noise_draw (&noise, 0, 4, 1, 16, &stream, planes);
  for (gsize i = 0; i < 64; i++)
    g_assert_cmpfloat_with_epsilon (planes[i], 0.75 * low[i] + 0.25 * high[i], 1e-6);
}

/* Pictures of a batch: seeds count on, but of variations only the other seed does. */
static void
test_seeds (void)
{
  VelFirstNoise noise = { .seed = G_MAXUINT64 };

  g_assert_cmpuint (vel_first_noise_seed (&noise, 2), ==, 1);
  noise.strength = 0.01;
  g_assert_cmpuint (vel_first_noise_seed (&noise, 2), ==, G_MAXUINT64);
}

/* One draw for a batch, whose pictures are no multiple of sixteen values, so that its blocks lie across them; checked against the stream. */
static void
test_together (void)
{
  g_autoptr (VelDevice) device = vel_device_new_cpu (1, FALSE, NULL);
  g_autoptr (VelContext) ctx = vel_context_new (device, NULL);
  VelFirstNoise noise = { .kind = VEL_RANDOM_CPU, .seed = 5, .together = TRUE };
  float wanted[2 * 4 * 3 * 3], got[2 * 4 * 3 * 3];
  VelRandom streams[2], stream;
  VelTensor *out;

  vel_random_init (&stream, VEL_RANDOM_CPU, 5);
  vel_random_normal (&stream, wanted, G_N_ELEMENTS (wanted));
  vel_context_open (ctx);
  out = vel_context_tensor (ctx, VEL_F32, VEL_SHAPE (2, 3, 3, 4));
  vel_first_noise_fill (ctx, &noise, streams, out);
  vel_tensor_download (vel_op_channels_first (ctx, out), got);
  vel_context_close (ctx, NULL);
  g_assert_cmpmem (wanted, sizeof wanted, got, sizeof got);
}

static void
test_sizes (void)
{
  static const char *const refused[] = { "", "512", "x", "512x", "x512", "7x512", "512x4097", "512x512x512", "-8x8", "8 x 8", "1e3x8" };

  for (gsize i = 0; i < G_N_ELEMENTS (refused); i++)
    g_assert_null (vel_seed_resize_check (refused[i]));
  for (gsize i = 0; i < 2; i++) {
    g_autofree char *plain = vel_seed_resize_check (i ? "512x768" : "0512X768");

    g_assert_cmpstr (plain, ==, "512x768");
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/first-noise/torch", test_torch);
  g_test_add_func ("/first-noise/single-row", test_single_row);
  g_test_add_func ("/first-noise/seeds", test_seeds);
  g_test_add_func ("/first-noise/together", test_together);
  g_test_add_func ("/first-noise/sizes", test_sizes);
  return g_test_run ();
}
