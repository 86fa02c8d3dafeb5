/* Noise against torch's and numpy's.  SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <zlib.h>

#include "engine/tensor/random.h"
#include "tests/engine/golden.h"

#define MOST_VALUES (4 * 128 * 96)

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

/* name: of those in the file; NULL for all of them */
static double
compare_streams (const char *file, const char *name)
{
  json_t *root = golden_load ("noise", file), *stream, *draw;
  double largest = 0;
  gsize i, j;

  json_array_foreach (json_object_get (root, "streams"), i, stream)
  {
    const char *found = json_string_value (json_object_get (stream, "kind"));
    VelRandomKind kind;
    VelRandom random;

    if (name && strcmp (found, name) != 0)
      continue;
    g_assert_true (vel_random_kind_parse (found, &kind));
    vel_random_init (&random, kind, g_ascii_strtoull (json_string_value (json_object_get (stream, "seed")), NULL, 10));
    json_array_foreach (json_object_get (stream, "draws"), j, draw) largest = fmax (largest, compare_draw (&random, draw, !kind.philox));
  }
  json_decref (root);
  g_test_message ("%s: largest relative difference %.3g", name ? name : file, largest);
  return largest;
}

/* torch on another processor may differ in the last bits from the AVX2 one of the golden file; we may not. */
static void
test_torch (void)
{
  g_assert_cmpfloat (compare_streams ("noise.json", "cpu"), ==, 0);
}

static void
test_philox (void)
{
  g_assert_cmpfloat (compare_streams ("noise.json", "nv"), <, 2e-6);
}

/* Cards of few and of many multiprocessors, drawn from within and beyond what they run at once. */
static void
test_cards (void)
{
  g_assert_cmpfloat (compare_streams ("cuda.json", NULL), <, 4e-6);
}

/* Up to so many values a card is as the endless one; the next value is its first thread's cosine. */
static void
test_limits (void)
{
  static const struct {
    const char *card;
    gsize limit;
  } cards[] = { { "cuda:30", 30720 },   { "cuda:28", 43008 }, { "cuda:46", 70656 },      { "cuda:82", 125952 },    { "cuda:128", 196608 },
                { "cuda:132", 270336 }, { "cuda:60", 92160 }, { "cuda:30x1536", 46080 }, { "cuda:46x1024", 47104 } };

  for (gsize i = 0; i < G_N_ELEMENTS (cards); i++) {
    gsize n = cards[i].limit + 1;
    g_autofree float *endless = g_new (float, n), *drawn = g_new (float, n);
    VelRandomKind kind;
    VelRandom random;

    g_assert_true (vel_random_kind_parse (cards[i].card, &kind));
    vel_random_init (&random, kind, 1);
    vel_random_normal (&random, drawn, n);
    vel_random_init (&random, VEL_RANDOM_NV, 1);
    vel_random_normal (&random, endless, n);
    g_assert_cmpmem (drawn, cards[i].limit * sizeof *drawn, endless, cards[i].limit * sizeof *endless);
    g_assert_cmpfloat (drawn[cards[i].limit], !=, endless[cards[i].limit]);
  }
}

/* Names come back in their plain form, and what is none is refused. */
static void
test_names (void)
{
  static const char *const names[][2] = {
    { "cpu", "cpu" }, { "NV", "nv" }, { "cuda:128", "cuda:128" }, { "Cuda:030", "cuda:30" }, { "cuda:30X1536", "cuda:30x1536" }
  };
  static const char *const refused[] = { "",          "gpu",       "cuda",    "cuda:",      "cuda:0",       "cuda:-1",
                                         "cuda:12.5", "cuda:4097", "cuda:9x", "cuda:9x0",   "cuda:9x255",   "cuda:9x1 ",
                                         "cuda: 9",   "nv:3",      "cuda:x9", "cuda:9x9x9", "cuda:9x99999", "cuda:18446744073709551617" };
  VelRandomKind kind;

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *plain = vel_random_kind_check (names[i][0]);

    g_assert_cmpstr (plain, ==, names[i][1]);
    g_assert_true (vel_random_kind_parse (plain, &kind));
  }
  for (gsize i = 0; i < G_N_ELEMENTS (refused); i++) {
    g_assert_null (vel_random_kind_check (refused[i]));
    g_assert_false (vel_random_kind_parse (refused[i], &kind));
  }
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
  g_test_add_func ("/noise/cards", test_cards);
  g_test_add_func ("/noise/cards/limits", test_limits);
  g_test_add_func ("/noise/cards/names", test_names);
  g_test_add_func ("/noise/value", test_value);
  return g_test_run ();
}
