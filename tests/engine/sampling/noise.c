/* Noise against torch's and numpy's.  SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <zlib.h>

#include "engine/tensor/random.h"
#include "tests/engine/golden.h"

#define MOST_VALUES (4 * 64 * 64)

/* Largest relative difference to the sample of a draw; the checksum, of all its bytes, where there is one and bits are to be equal. */
static double
compare_draw (VelRandom *random, const json_t *draw, gboolean exact)
{
  gsize count = json_integer_value (json_object_get (draw, "count")), every = json_integer_value (json_object_get (draw, "every"));
  const json_t *values = json_object_get (draw, "values"), *crc = json_object_get (draw, "crc");
  g_autofree float *drawn = g_new (float, MOST_VALUES);
  double largest = 0;

  g_assert_cmpuint (count, <=, MOST_VALUES);
  vel_random_normal (random, drawn, count);
  for (gsize i = 0; i < json_array_size (values); i++) {
    float wanted = (float) golden_number (values, i);

    largest = MAX (largest, relative_difference (drawn[every > 0 ? i * every : i], wanted));
  }
  if (exact && crc != NULL && G_BYTE_ORDER == G_LITTLE_ENDIAN)
    g_assert_cmpuint (crc32 (0, (const Bytef *) drawn, count * sizeof (float)), ==, json_integer_value (crc));
  return largest;
}

static double
compare_streams (const char *kind, VelRandomKind random_kind)
{
  json_t *root = golden_load ("noise", "noise.json"), *stream, *draw;
  double largest = 0;
  gsize i, j;

  json_array_foreach (json_object_get (root, "streams"), i, stream) {
    VelRandom random;

    if (strcmp (json_string_value (json_object_get (stream, "kind")), kind) != 0)
      continue;
    vel_random_init (&random, random_kind, g_ascii_strtoull (json_string_value (json_object_get (stream, "seed")), NULL, 10));
    json_array_foreach (json_object_get (stream, "draws"), j, draw)
      largest = fmax (largest, compare_draw (&random, draw, random_kind == VEL_RANDOM_CPU));
  }
  json_decref (root);
  g_test_message ("%s: largest relative difference %.3g", kind, largest);
  return largest;
}

/* torch on another processor may differ in the last bits from the AVX2 one of the golden file; we may not. */
static void
test_torch (void)
{
  g_assert_cmpfloat (compare_streams ("cpu", VEL_RANDOM_CPU), ==, 0);
}

static void
test_philox (void)
{
  g_assert_cmpfloat (compare_streams ("nv", VEL_RANDOM_NV), <, 2e-6);
}

/* A copy of the generator goes on as the original would have. */
static void
test_value (void)
{
  VelRandom random, copy;
  float first[40], second[40];

  vel_random_init (&random, VEL_RANDOM_CPU, 7);
  vel_random_normal (&random, first, 3);
  copy = random;
  vel_random_normal (&random, first, 40);
  vel_random_normal (&copy, second, 40);
  g_assert_cmpmem (first, sizeof first, second, sizeof second);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/noise/torch", test_torch);
  g_test_add_func ("/noise/philox", test_philox);
  g_test_add_func ("/noise/value", test_value);
  return g_test_run ();
}
