/* Runs a fuzz target over files, and over a fixed number of small changes to each: what libFuzzer does, but the same every time.
 * SPDX-License-Identifier: Apache-2.0
 *
 * fuzz-TARGET CHANGES FILE… */
#include "tests/fuzz/fuzz.h"

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One to four of: a byte set, a bit flipped, a piece taken out, repeated, or filled with one byte; bytes that parsers look for. */
static void
change (GRand *random, GByteArray *bytes)
{
  static const guint8 special[] = "\0\xff\x7f\x80{}[]\",:\\0-9eu\n <(";

  for (int n = g_rand_int_range (random, 1, 5); n > 0 && bytes->len > 0; n--) {
    guint at = g_rand_int_range (random, 0, bytes->len), rest = bytes->len - at, piece = g_rand_int_range (random, 1, MIN (rest, 64) + 1);
    guint8 value = g_rand_boolean (random) ? g_rand_int (random) : special[g_rand_int_range (random, 0, sizeof special - 1)];
    g_autofree guint8 *copy = g_memdup2 (bytes->data + at, piece);

    switch (g_rand_int_range (random, 0, 5)) {
    case 0:
      bytes->data[at] = value;
      break;
    case 1:
      bytes->data[at] ^= 1 << (value & 7);
      break;
    case 2:
      g_byte_array_remove_range (bytes, at, piece);
      break;
    case 3:
      g_byte_array_append (bytes, copy, piece);
      break;
    default:
      memset (bytes->data + at, value, piece);
    }
  }
}

/* A copy of exactly the size, so that reading beyond its end is seen. */
static void
run (const guint8 *data, gsize size)
{
  g_autofree guint8 *copy = g_memdup2 (data, size);

  LLVMFuzzerTestOneInput (copy ? copy : (const guint8 *) "", size);
}

int
main (int argc, char **argv)
{
  int changes = argc > 1 ? atoi (argv[1]) : 0;

  for (int i = 2; i < argc; i++) {
    g_autofree char *data = NULL;
    g_autoptr (GRand) random = g_rand_new_with_seed (i);
    g_autoptr (GError) error = NULL;
    gsize size;

    if (!g_file_get_contents (argv[i], &data, &size, &error)) {
      fprintf (stderr, "%s\n", error->message);
      return 1;
    }
    run ((guint8 *) data, size);
    for (int n = 0; n < changes; n++) {
      g_autoptr (GByteArray) bytes = g_byte_array_append (g_byte_array_new (), (guint8 *) data, size);

      change (random, bytes);
      run (bytes->data, bytes->len);
    }
  }
  return argc > 2 ? 0 : 2;
}
