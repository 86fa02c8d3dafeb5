/* PNG reading against another implementation's files and against hostile ones; our writer against libpng.
 * SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/png.h"

#include "engine/error.h"
#include "engine/formats/safetensors.h"
#include "tests/engine/formats/scratch.h"

#include <string.h>
#include <sys/resource.h>
#include <zlib.h>

static void
refuse (GBytes *bytes, gboolean text_only, const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VelPng) png = vel_png_read_bytes (bytes, "x.png", text_only, &error);

  g_assert_null (png);
  g_assert_error (error, VEL_ERROR, VEL_ERROR_FORMAT);
  g_assert_true (g_str_has_prefix (error->message, "“x.png” is no intact PNG file: "));
  if (!strstr (error->message, expected))
    g_error ("“%s” was expected in: %s", expected, error->message);
  g_assert_null (strchr (error->message, '\n'));
}

/* Every kind of pixel the format has, half of the files interlaced (tests/golden/formats/make.py). */
static void
test_kinds (void)
{
  g_autofree char *path = golden_path ("pictures.safetensors");
  g_autoptr (GError) error = NULL;
  g_autoptr (VelTensorFile) expected = vel_safetensors_open (path, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (vel_tensor_file_get_count (expected), ==, 13);
  for (gsize i = 0; i < vel_tensor_file_get_count (expected); i++) {
    const VelTensorEntry *entry = vel_tensor_file_get (expected, i);
    g_autofree char *name = g_strconcat (entry->name, ".png", NULL), *file = golden_path (name);
    g_autoptr (VelPng) png = vel_png_read (file, FALSE, &error);

    g_assert_no_error (error);
    g_assert_cmpuint (png->width, ==, entry->shape.size[1]);
    g_assert_cmpuint (png->height, ==, entry->shape.size[0]);
    for (gsize p = 0; p < entry->bytes; p++)
      g_assert_cmpint (ABS (png->rgb[p] - ((const guint8 *) entry->data)[p]), <=, 1); /* blending rounds twice with 16 bits */
    if (!g_str_has_prefix (entry->name, "palette")) /* some of those have clear colours */
      g_assert_cmpint (png->alpha != NULL, ==, strstr (entry->name, "alpha") || strstr (entry->name, "rgba"));
    for (gsize p = 0; png->alpha && p < entry->bytes / 3; p++)
      if (png->alpha[p] == 0)
        g_assert_cmpmem (png->rgb + 3 * p, 3, "\xff\xff\xff", 3);
  }
}

static void
test_texts (void)
{
  g_autofree char *path = golden_path ("texts.png");

  for (int text_only = 0; text_only < 2; text_only++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (VelPng) png = vel_png_read (path, text_only, &error);

    g_assert_no_error (error);
    g_assert_cmpint (png->rgb == NULL, ==, text_only);
    g_assert_cmpuint (png->width, ==, 3);
    g_assert_cmpuint (g_hash_table_size (png->text), ==, 4);
    g_assert_cmpstr (g_hash_table_lookup (png->text, "parameters"), ==, "café\nSteps: 20, Sampler: Euler a, CFG scale: 7");
    g_assert_cmpstr (g_hash_table_lookup (png->text, "Chinese"), ==, "水彩画，一只天鹅");
    g_assert_cmpuint (strlen (g_hash_table_lookup (png->text, "compressed")), ==, 5000);
    g_assert_cmpuint (g_utf8_strlen (g_hash_table_lookup (png->text, "both"), -1), ==, 1000);
  }
}

/* What we write libpng reads, pixel by pixel, for odd sizes and for content that makes every filter the best one. */
static void
test_round_trip (void)
{
  static const guint sizes[][2] = { { 1, 1 }, { 1, 5 }, { 5, 1 }, { 2, 3 }, { 64, 64 }, { 65, 33 }, { 127, 200 } };
  const char *text[] = { "parameters", "a\nb é", "velatura", "{\"名\": \"漆\"}", "empty", "", NULL };

  for (gsize s = 0; s < G_N_ELEMENTS (sizes); s++)
    for (int kind = 0; kind < 4; kind++) {
      guint width = sizes[s][0], height = sizes[s][1];
      g_autofree guint8 *rgb = g_malloc (width * height * 3);
      g_autoptr (GRand) random = g_rand_new_with_seed (1 + kind);
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) bytes = NULL;
      g_autoptr (VelPng) png = NULL;

      for (guint y = 0; y < height; y++)
        for (guint x = 0; x < width * 3; x++)
          rgb[y * width * 3 + x] = kind == 0 ? g_rand_int (random) : kind == 1 ? x * 7 : kind == 2 ? y * 5 : (x * x + y * 3) / 4;
      bytes = vel_png_encode (rgb, width, height, text);
      png = vel_png_read_bytes (bytes, "x.png", FALSE, &error);
      g_assert_no_error (error);
      g_assert_cmpmem (png->rgb, width * height * 3, rgb, width * height * 3);
      g_assert_cmpuint (g_hash_table_size (png->text), ==, 3);
      for (int i = 0; text[i]; i += 2)
        g_assert_cmpstr (g_hash_table_lookup (png->text, text[i]), ==, text[i + 1]);
    }
}

static GBytes *
small (void)
{
  static const guint8 rgb[4 * 3 * 3] = { 1, 2, 3, 4, 5, 6, 200, 100, 50 };
  const char *text[] = { "parameters", "x", "velatura", "漆", NULL };

  return vel_png_encode (rgb, 4, 3, text);
}

static void
test_truncated (void)
{
  g_autoptr (GBytes) good = small ();

  for (gsize n = 0; n < g_bytes_get_size (good); n++) {
    g_autoptr (GBytes) cut = g_bytes_new_from_bytes (good, 0, n);

    refuse (cut, FALSE, "");
    refuse (cut, TRUE, "");
  }
}

/* One byte changed, everywhere: every change is noticed by a checksum or a rule. */
static void
test_flipped (void)
{
  g_autoptr (GBytes) good = small ();
  gsize size;
  const guint8 *data = g_bytes_get_data (good, &size);
  g_autofree guint8 *copy = g_memdup2 (data, size);

  for (gsize i = 0; i < size - 8; i++) { /* the end chunk's own name and checksum do not matter to anyone */
    g_autoptr (GBytes) bad = NULL;

    copy[i] ^= 0x41;
    bad = g_bytes_new (copy, size);
    refuse (bad, FALSE, "");
    copy[i] ^= 0x41;
  }
}

static void
append_chunk (GByteArray *out, const char *type, const void *data, gsize bytes)
{
  guint32 length = GUINT32_TO_BE ((guint32) bytes), sum = GUINT32_TO_BE (crc32 (crc32 (0, (const guint8 *) type, 4), data, bytes));

  g_byte_array_append (out, (guint8 *) &length, 4);
  g_byte_array_append (out, (const guint8 *) type, 4);
  g_byte_array_append (out, data, bytes);
  g_byte_array_append (out, (guint8 *) &sum, 4);
}

static GByteArray *
begin (guint32 width, guint32 height, guint8 depth, guint8 colour)
{
  GByteArray *out = g_byte_array_new ();
  const guint8 header[13] = { width >> 24, width >> 16, width >> 8, width, height >> 24, height >> 16, height >> 8, height, depth, colour };

  g_byte_array_append (out, (const guint8 *) "\x89PNG\r\n\x1a\n", 8);
  append_chunk (out, "IHDR", header, sizeof header);
  return out;
}

static GBytes *
end (GByteArray *out, const void *raw, gsize bytes)
{
  gulong length = compressBound (bytes);
  g_autofree guint8 *packed = g_malloc (length);

  if (raw) {
    compress2 (packed, &length, raw, bytes, 9);
    append_chunk (out, "IDAT", packed, length);
  }
  append_chunk (out, "IEND", "", 0);
  return g_byte_array_free_to_bytes (out);
}

static void
test_sizes (void)
{
  static const guint32 sizes[][2] = { { 0x80000000, 1 }, { 1, 0x80000000 }, { 0x7fffffff, 0x7fffffff }, { 0xffffffff, 0xffffffff },
    { 0, 5 }, { 5, 0 }, { 16385, 1 }, { 1, 16385 }, { 16384, 4097 }, { 8193, 8193 } };

  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autoptr (GBytes) bytes = end (begin (sizes[i][0], sizes[i][1], 8, 2), "", 1);

    refuse (bytes, FALSE, "it is said to have");
    refuse (bytes, TRUE, "it is said to have");
  }
}

static void
test_broken (void)
{
  g_autoptr (GBytes) no_pixels = end (begin (4, 4, 8, 2), NULL, 0), few = end (begin (4, 4, 8, 2), "abc", 3);
  g_autoptr (GBytes) kind = end (begin (4, 4, 3, 2), "abc", 3), no_palette = end (begin (4, 4, 8, 3), "abc", 3);
  g_autoptr (GBytes) filter = end (begin (1, 1, 8, 2), "\x09" "abc", 4), text = g_bytes_new_static ("<html>not a picture</html>", 26);
  g_autoptr (GByteArray) wild = begin (1, 1, 8, 2);
  g_autoptr (GBytes) two_sizes = NULL;
  g_autofree char *folder = scratch_path (".");
  g_autoptr (GError) error = NULL;

  refuse (no_pixels, FALSE, "");
  refuse (few, FALSE, "");
  refuse (kind, FALSE, "");
  refuse (no_palette, FALSE, "");
  refuse (filter, FALSE, "");
  refuse (text, FALSE, "it does not begin like one");
  append_chunk (wild, "IHDR", "\0\0\0\2\0\0\0\2\x8\2\0\0\0", 13);
  two_sizes = end (g_steal_pointer (&wild), "\0abc", 4);
  refuse (two_sizes, FALSE, "");
  g_assert_null (vel_png_read (folder, FALSE, &error));
  g_assert_error (error, VEL_ERROR, VEL_ERROR_FORMAT);
  g_clear_error (&error);
  g_assert_null (vel_png_read ("/nowhere/x.png", FALSE, &error));
  g_assert_error (error, VEL_ERROR, VEL_ERROR_FORMAT);
}

/* A zlib stream of `size` times the letter x, made piece by piece. */
static GByteArray *
pack_letters (gsize size)
{
  GByteArray *out = g_byte_array_new ();
  z_stream stream = { 0 };
  guint8 letters[65536], packed[65536];

  memset (letters, 'x', sizeof letters);
  deflateInit (&stream, 1);
  for (gsize done = 0; done < size; done += sizeof letters) {
    stream.next_in = letters;
    stream.avail_in = sizeof letters;
    stream.next_out = packed;
    stream.avail_out = sizeof packed;
    g_assert_cmpint (deflate (&stream, done + sizeof letters < size ? Z_NO_FLUSH : Z_FINISH), >=, 0);
    g_byte_array_append (out, packed, sizeof packed - stream.avail_out);
  }
  deflateEnd (&stream);
  return out;
}

static void
append_packed (GByteArray *out, const char *type, const void *head, gsize bytes, const GByteArray *packed)
{
  g_autoptr (GByteArray) chunk = g_byte_array_new ();

  g_byte_array_append (chunk, head, bytes);
  g_byte_array_append (chunk, packed->data, packed->len);
  append_chunk (out, type, chunk->data, chunk->len);
}

/* A quarter of a gigabyte in a megabyte, twice, and fifty times 15 MB: the picture is read, one text is, memory stays small. */
static void
test_bombs (void)
{
  gsize piece = 15 << 20, kept = 0;
  g_autoptr (GByteArray) big = pack_letters (256 << 20), medium = pack_letters (piece), out = begin (1, 1, 8, 2);
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (VelPng) png = NULL;
  struct rusage before, after;
  GHashTableIter iter;
  gpointer value;

  append_packed (out, "zTXt", "bomb\0", 6, big);
  append_packed (out, "iTXt", "bomb\0\1\0\0", 9, big);
  for (int i = 0; i < 50; i++) {
    const char head[] = { '0' + i / 10, '0' + i % 10, 0, 0 };

    append_packed (out, "zTXt", head, sizeof head, medium);
  }
  bytes = end (g_steal_pointer (&out), "\0abc", 4);
  getrusage (RUSAGE_SELF, &before);
  png = vel_png_read_bytes (bytes, "x.png", FALSE, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (png->rgb, 3, "abc", 3);
  g_hash_table_iter_init (&iter, png->text);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    kept += strlen (value);
  g_assert_cmpuint (kept, ==, piece); /* the first that fits */
  getrusage (RUSAGE_SELF, &after);
  g_test_message ("memory grew by %ld KB", after.ru_maxrss - before.ru_maxrss);
#ifndef __SANITIZE_ADDRESS__ /* which keeps freed memory aside */
  g_assert_cmpint (after.ru_maxrss - before.ru_maxrss, <, 64 * 1024);
#endif
}

static void
test_strange_texts (void)
{
  g_autoptr (GByteArray) out = begin (1, 1, 8, 2);
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (VelPng) png = NULL;
  g_autofree char *keyword = g_strnfill (200, 'k');

  append_chunk (out, "tEXt", "", 0);
  append_chunk (out, "tEXt", "\0x", 2);               /* no keyword */
  append_chunk (out, "tEXt", "no end", 6);            /* no NUL */
  append_chunk (out, "tEXt", keyword, 201);           /* keyword too long */
  append_chunk (out, "tEXt", "nul\0ab\0cd", 9);
  append_chunk (out, "tEXt", "twice\0first", 11);
  append_chunk (out, "tEXt", "twice\0second", 12);
  append_chunk (out, "zTXt", "zip\0\0not deflate", 16);
  append_chunk (out, "zTXt", "method\0\7abc", 11);
  append_chunk (out, "iTXt", "short\0\0", 7);
  append_chunk (out, "iTXt", "lang\0\0\0en", 9);      /* no end of the language */
  append_chunk (out, "iTXt", "bad\0\0\0\0\0\xff\xfe", 10);
  bytes = end (g_steal_pointer (&out), "\0abc", 4);
  png = vel_png_read_bytes (bytes, "x.png", FALSE, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_hash_table_size (png->text), ==, 3);
  g_assert_cmpstr (g_hash_table_lookup (png->text, "nul"), ==, "ab");
  g_assert_cmpstr (g_hash_table_lookup (png->text, "twice"), ==, "second");
  g_assert_cmpstr (g_hash_table_lookup (png->text, "bad"), ==, "\xef\xbf\xbd\xef\xbf\xbd");
}

int
main (int argc, char **argv)
{
  scratch_init (&argc, &argv);
  g_test_add_func ("/formats/png/kinds", test_kinds);
  g_test_add_func ("/formats/png/texts", test_texts);
  g_test_add_func ("/formats/png/round-trip", test_round_trip);
  g_test_add_func ("/formats/png/truncated", test_truncated);
  g_test_add_func ("/formats/png/flipped", test_flipped);
  g_test_add_func ("/formats/png/sizes", test_sizes);
  g_test_add_func ("/formats/png/broken", test_broken);
  g_test_add_func ("/formats/png/bombs", test_bombs);
  g_test_add_func ("/formats/png/strange-texts", test_strange_texts);
  return g_test_run ();
}
