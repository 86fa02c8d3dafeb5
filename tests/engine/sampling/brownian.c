/* Brownian paths against torchsde's, seeds against numpy's.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/sampling/brownian.h"

#include <string.h>
#include <zlib.h>

#include "engine/tensor/seed-sequence.h"
#include "tests/engine/golden.h"

#define MOST_VALUES (4 * 8 * 8)

static void
make_path (VelBrownian *path, const json_t *row)
{
  const json_t *sigmas = json_object_get (row, "sigmas");
  double low = HUGE_VAL, high = 0;

  for (gsize i = 0; i < json_array_size (sigmas); i++) {
    double sigma = golden_number (sigmas, i);

    low = sigma > 0 ? MIN (low, sigma) : low;
    high = MAX (high, sigma);
  }
  vel_brownian_init (path, strcmp (json_string_value (json_object_get (row, "kind")), "nv") == 0 ? VEL_RANDOM_NV : VEL_RANDOM_CPU,
                     g_ascii_strtoull (json_string_value (json_object_get (row, "seed")), NULL, 10), low, high);
}

/* Largest relative difference; of torch's noise the bits are equal too. */
static double
compare_draw (const VelBrownian *path, const json_t *row, const json_t *draw, gsize every)
{
  const json_t *sigmas = json_object_get (row, "sigmas"), *shape = json_object_get (row, "shape"), *pair = json_object_get (draw, "pair");
  const json_t *values = json_object_get (draw, "values");
  gsize count = (gsize) (golden_number (shape, 0) * golden_number (shape, 1) * golden_number (shape, 2));
  float drawn[MOST_VALUES];
  double largest = 0;

  g_assert_cmpuint (count, <=, MOST_VALUES);
  vel_brownian_step (path, golden_number (sigmas, (gsize) golden_number (pair, 0)), golden_number (sigmas, (gsize) golden_number (pair, 1)),
                     drawn, count);
  for (gsize i = 0; i < json_array_size (values); i++)
    largest = MAX (largest, relative_difference (drawn[i * every], (float) golden_number (values, i)));
  if (!path->kind.philox && G_BYTE_ORDER == G_LITTLE_ENDIAN)
    g_assert_cmpuint (crc32 (0, (const Bytef *) drawn, count * sizeof *drawn), ==, json_integer_value (json_object_get (draw, "crc")));
  return largest;
}

static void
test_paths (void)
{
  json_t *root = golden_load ("noise", "brownian.json"), *row, *draw;
  gsize every = json_integer_value (json_object_get (root, "every")), i, j;

  json_array_foreach (json_object_get (root, "paths"), i, row) {
    VelBrownian path;
    double largest = 0;

    make_path (&path, row);
    json_array_foreach (json_object_get (row, "draws"), j, draw)
      largest = fmax (largest, compare_draw (&path, row, draw, every));
    g_test_message ("path %zu: largest relative difference %.3g", i, largest);
    g_assert_cmpfloat (largest, <, path.kind.philox ? 1e-5 : 1e-9); /* Philox goes through libm; sums of it cancel */
  }
  json_decref (root);
}

static void
test_seeds (void)
{
  json_t *root = golden_load ("noise", "brownian.json"), *row;
  gsize i;

  json_array_foreach (json_object_get (root, "words"), i, row) {
    guint64 entropy = g_ascii_strtoull (json_string_value (json_array_get (row, 0)), NULL, 10), key[2];
    guint32 wanted = (guint32) json_integer_value (json_array_get (row, 3));

    if (json_is_null (json_array_get (row, 1))) {
      g_assert_cmpuint (vel_seed_sequence_root (entropy), ==, wanted);
      continue;
    }
    for (gsize k = 0; k < 2; k++)
      key[k] = g_ascii_strtoull (json_string_value (json_array_get (row, 1 + k)), NULL, 10);
    g_assert_cmpuint (vel_seed_sequence_child (entropy, key[0], key[1]), ==, wanted);
  }
  json_decref (root);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/brownian/paths", test_paths);
  g_test_add_func ("/brownian/seeds", test_seeds);
  return g_test_run ();
}
