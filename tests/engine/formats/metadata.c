/* Texts of pictures in every container, and containers that lie.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/metadata.h"

#include "engine/formats/exif.h"
#include "engine/formats/settings.h"
#include "tests/engine/formats/scratch.h"

#include <string.h>

/* As tests/golden/formats/make-metadata.py has them. */
#define TEXT "a fox, 水彩, Öl\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 24x16"
#define LATIN "a fox, Öl\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 24x16"

static const struct {
  const char *file, *container, *keyword, *text; /* text: NULL if there is none */
  gboolean other_size;
} pictures[] = {
  { "unicode.jpg", "jpeg", "parameters", TEXT },
  { "little.jpg", "jpeg", "parameters", TEXT },
  { "plain.jpg", "jpeg", "parameters", "{\"prompt\": \"a fox\"}" },
  { "plain.jpg", "jpeg", "fooocus_scheme", "fooocus" },
  { "plain.jpg", "jpeg", "Software", "Fooocus v2.5.5" },
  { "comment.jpg", "jpeg", "Comment", LATIN },
  { "unicode.webp", "webp", "parameters", TEXT },
  { "ascii.webp", "webp", "parameters", "a fox" },
  { "graph.webp", "webp", "prompt", "{\"3\": {\"class_type\": \"KSampler\", \"inputs\": {\"seed\": 5}}}" },
  { "graph.webp", "webp", "workflow", "{}" },
  { "lossy.webp", "webp", "parameters", NULL },
  { "lossless.webp", "webp", "parameters", NULL },
  { "unicode.avif", "avif", "parameters", TEXT },
  { "extents.heic", "heif", "parameters", TEXT },
  { "inside.heic", "heif", "parameters", TEXT },
  { "comment.gif", "gif", "parameters", TEXT },
  { "texts.png", "png", "parameters", TEXT },
  { "exif.png", "png", "parameters", TEXT },
  { "stealth.png", "png", "parameters", TEXT, TRUE },
  { "novelai.png", "png", "Description", "a fox", TRUE },
  { "novelai.png", "png", "parameters", NULL, TRUE },
};

static char *
picture_path (guint i)
{
  g_autofree char *name = g_build_filename ("metadata", pictures[i].file, NULL);

  return golden_path (name);
}

static void
test_read (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (pictures); i++) {
    g_autofree char *path = picture_path (i);
    g_autoptr (GError) error = NULL;
    VelMetadata metadata;

    g_test_message ("%s", pictures[i].file);
    vel_metadata_read (&metadata, path, &error);
    g_assert_no_error (error);
    g_assert_true (vel_metadata_is_picture (path));
    g_assert_cmpstr (metadata.container, ==, pictures[i].container);
    if (!pictures[i].other_size) {
      g_assert_cmpuint (metadata.width, ==, 24);
      g_assert_cmpuint (metadata.height, ==, 16);
    }
    g_assert_cmpstr (g_hash_table_lookup (metadata.text, pictures[i].keyword), ==, pictures[i].text);
    vel_metadata_clear (&metadata);
  }
}

/* The settings in them are A1111's, wherever they are. */
static void
test_settings (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (pictures); i++) {
    g_autofree char *path = picture_path (i);
    g_autoptr (VelSettings) settings = NULL;
    VelMetadata metadata;

    if (g_strcmp0 (pictures[i].text, TEXT) != 0 && g_strcmp0 (pictures[i].text, LATIN) != 0)
      continue;
    g_assert_true (vel_metadata_read (&metadata, path, NULL));
    settings = vel_settings_read (&metadata);
    g_assert_nonnull (settings);
    g_assert_cmpstr (settings->program, ==, "A1111");
    g_assert_cmpstr (vel_recipe_fields_get (settings->fields, "Seed"), ==, "5");
    vel_metadata_clear (&metadata);
  }
}

static void
check_texts (const VelMetadata *metadata)
{
  GHashTableIter iter;
  gpointer key, value;

  g_hash_table_iter_init (&iter, metadata->text);
  while (g_hash_table_iter_next (&iter, &key, &value))
    g_assert_true (g_utf8_validate (key, -1, NULL) && g_utf8_validate (value, -1, NULL));
}

/* Read or refused, with a sentence, and nothing beyond the bytes is touched: a copy of their exact size. */
static void
read_any (const guint8 *data, gsize size)
{
  g_autofree guint8 *copy = g_memdup2 (data, size);
  g_autoptr (GBytes) bytes = g_bytes_new_static (copy, size);
  g_autoptr (GError) error = NULL;
  VelMetadata metadata;

  if (vel_metadata_read_bytes (&metadata, bytes, "x", &error)) {
    check_texts (&metadata);
    vel_metadata_clear (&metadata);
  } else {
    g_assert_error (error, VEL_ERROR, VEL_ERROR_FORMAT);
    g_assert_null (strchr (error->message, '\n'));
  }
}

/* Each ends at every byte, and has each byte at its edges. */
static void
test_damaged (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (pictures); i++) {
    g_autofree char *path = picture_path (i), *data = NULL;
    gsize size;

    if (i > 0 && g_str_equal (pictures[i].file, pictures[i - 1].file))
      continue;
    g_assert_true (g_file_get_contents (path, &data, &size, NULL));
    for (gsize n = 0; n < size; n++) {
      static const char edges[] = { 0, 1, 0x7f, (char) 0x80, (char) 0xff };
      char before = data[n];

      read_any ((guint8 *) data, n);
      for (gsize k = 0; k < sizeof edges; k++) {
        data[n] = edges[k];
        read_any ((guint8 *) data, size);
      }
      data[n] = before;
    }
  }
}

/* Exif alone: what it points at may lie anywhere. */
static void
test_exif (void)
{
  static const struct {
    const char *bytes;
    gsize size;
    const char *parameters;
  } blocks[] = {
#define BLOCK(text, parameters) { text, sizeof text - 1, parameters }
    /* one entry: UserComment, undefined, 4 bytes in place */
    BLOCK ("II*\0\10\0\0\0\1\0\x86\x92\7\0\4\0\0\0abcd\0\0\0\0", "abcd"),
    BLOCK ("MM\0*\0\0\0\10\0\1\x92\x86\0\7\0\0\0\4abcd\0\0\0\0", "abcd"),
    BLOCK ("MM\0*\0\0\0\10\0\1\x92\x86\0\7\0\0\0\4\xe4\xff\xfe"
           "d\0\0\0\0",
           "äÿþd"),                                                     /* no UTF-8: Latin-1 */
    BLOCK ("MM\0*\0\0\0\10\0\1\x92\x86\0\7\0\0\0\5abcd\0\0\0\0", NULL), /* an offset far out */
    BLOCK ("MM\0*\0\0\0\10\0\1\x92\x86\0\7\xff\xff\xff\xff\0\0\0\10\0\0\0\0", NULL),
    BLOCK ("MM\0*\0\0\0\10\0\1\x92\x86\0\14\x40\0\0\0\0\0\0\10\0\0\0\0", NULL), /* 2^30 doubles */
    BLOCK ("MM\0*\0\0\0\10\xff\xff\x92\x86\0\7\0\0\0\4abcd", "abcd"),           /* more entries than there are */
    BLOCK ("MM\0*\0\0\0\10\0\1\x87\x69\0\4\0\0\0\1\0\0\0\10\0\0\0\0", NULL),    /* the Exif directory is this one */
    BLOCK ("MM\0*\xff\xff\xff\xff", NULL),
    BLOCK ("MM\0*\0\0\0\7\0\1", NULL),
    BLOCK ("Exif\0\0", NULL),
    BLOCK ("", NULL),
#undef BLOCK
  };

  for (gsize i = 0; i < G_N_ELEMENTS (blocks); i++) {
    g_autofree guint8 *copy = g_memdup2 (blocks[i].bytes, blocks[i].size);
    g_autoptr (GHashTable) text = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

    vel_exif_add_texts (text, copy ? copy : (const guint8 *) "", blocks[i].size);
    g_assert_cmpstr (g_hash_table_lookup (text, "parameters"), ==, blocks[i].parameters);
  }
}

static void
refuse (const char *path, const char *expected)
{
  g_autoptr (GError) error = NULL;
  VelMetadata metadata;

  g_assert_false (vel_metadata_read (&metadata, path, &error));
  g_assert_error (error, VEL_ERROR, VEL_ERROR_FORMAT);
  if (!strstr (error->message, expected))
    g_error ("“%s” was expected in: %s", expected, error->message);
}

static void
test_refused (void)
{
  g_autofree char *text = scratch_file ("a.jpg", "hello, this is text", 19), *cut = scratch_file ("b.jpg",
                                                                                                  "\xff\xd8\xff\xe1\xff\xff"
                                                                                                  "Exif\0\0",
                                                                                                  12);
  g_autofree char *empty = scratch_file ("c.webp", "", 0), *short_one = scratch_file ("d.webp", "RIFF\xff\0\0\0WEBP", 12);

  refuse (text, "does not begin like PNG, JPEG, WebP, AVIF or GIF");
  refuse (empty, "is no picture");
  refuse (cut, "no intact JPEG file");
  refuse (short_one, "no intact WebP file");
  refuse ("/nowhere/x.jpg", "can not be opened");
  g_assert_false (vel_metadata_is_picture (text));
  g_assert_false (vel_metadata_is_picture ("/"));
}

int
main (int argc, char **argv)
{
  scratch_init (&argc, &argv);
  g_test_add_func ("/formats/metadata/read", test_read);
  g_test_add_func ("/formats/metadata/settings", test_settings);
  g_test_add_func ("/formats/metadata/damaged", test_damaged);
  g_test_add_func ("/formats/metadata/exif", test_exif);
  g_test_add_func ("/formats/metadata/refused", test_refused);
  return g_test_run ();
}
