/* The safetensors reader against files that lie, and its writer against its reader.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/safetensors.h"

#include "engine/error.h"
#include "tests/engine/formats/scratch.h"

#include <string.h>
#include <sys/resource.h>

/* The sentence must hold `expected`, name the file and have no second line. */
static void
refuse (const char *path, const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VelTensorFile) file = vel_safetensors_open (path, NULL, &error);

  g_assert_null (file);
  g_assert_error (error, VEL_ERROR, VEL_ERROR_FORMAT);
  if (!strstr (error->message, expected))
    g_error ("“%s” was expected in: %s", expected, error->message);
  g_assert_nonnull (strstr (error->message, path));
  g_assert_null (strchr (error->message, '\n'));
  g_assert_cmpuint (strlen (error->message), <, 1000);
}

/* Header, then `bytes` zero bytes. */
static char *
with_header (const char *header, gsize bytes)
{
  g_autoptr (GByteArray) file = g_byte_array_new ();
  guint64 length = GUINT64_TO_LE ((guint64) strlen (header));

  g_byte_array_append (file, (guint8 *) &length, 8);
  g_byte_array_append (file, (guint8 *) header, strlen (header));
  g_byte_array_set_size (file, file->len + bytes);
  memset (file->data + file->len - bytes, 0, bytes);
  return scratch_file ("bad.safetensors", file->data, file->len);
}

static const struct {
  const char *name, *header;
  gsize bytes;
  const char *expected;
} lies[] = {
  { "no-object", "[]", 0, "an object was expected at byte 8" },
  { "unclosed", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}", 1, "ends too early" },
  { "trailing-comma", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},}", 1, "a value is missing after a comma" },
  { "something-after", "{} x", 0, "something follows the end" },
  { "duplicate", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}",
    2, "“a” is given twice" },
  { "duplicate-shape", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "“shape” is given twice" },
  { "duplicate-metadata", "{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0, "metadata key is given twice" },
  { "beyond", "{\"a\":{\"dtype\":\"U8\",\"shape\":[9],\"data_offsets\":[0,9]}}", 8, "lies at bytes 0 to 9 of 8" },
  { "far-beyond", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[18446744073709551615,18446744073709551615]}}", 8, "lies at bytes" },
  { "backwards", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[4,3]}}", 8, "lies at bytes 4 to 3" },
  { "negative", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[-1,0]}}", 8, "not negative" },
  { "negative-size", "{\"a\":{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,1]}}", 1, "not negative" },
  { "fraction", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1.5],\"data_offsets\":[0,1]}}", 1, "a whole number was expected" },
  { "exponent", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1e0],\"data_offsets\":[0,1]}}", 1, "a whole number was expected" },
  { "too-large", "{\"a\":{\"dtype\":\"U8\",\"shape\":[18446744073709551616],\"data_offsets\":[0,1]}}", 1, "larger than 2^64" },
  { "one-offset", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}", 1, "two numbers" },
  { "three-offsets", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1,2]}}", 1, "two numbers" },
  { "overlap", "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}", 3,
    "“b” overlaps another" },
  { "same-bytes", "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 2,
    "overlaps another" },
  { "hole", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]}}", 3,
    "“b” comes after bytes that belong to no tensor" },
  { "hole-first", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", 2, "belong to no tensor" },
  { "bytes-after", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 5, "4 bytes at its end belong to no tensor" },
  { "overflow", "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, "more elements than any file" },
  { "overflow-bytes", "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", 0, "4611686018427387904 elements" },
  { "overflow-signed", "{\"a\":{\"dtype\":\"U8\",\"shape\":[9223372036854775808,0],\"data_offsets\":[0,0]}}", 0, "more elements than any file" },
  { "wrong-size", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "2 elements of type F32 in 4 bytes" },
  { "half-byte", "{\"a\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,1]}}", 1, "3 elements of type F4" },
  { "wrong-dtype", "{\"a\":{\"dtype\":\"F99\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "unknown type “F99”" },
  { "dtype-number", "{\"a\":{\"dtype\":32,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "a string was expected" },
  { "no-dtype", "{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "lacks its dtype" },
  { "not-a-tensor", "{\"a\":7}", 0, "an object was expected" },
  { "metadata-number", "{\"__metadata__\":{\"k\":1}}", 0, "a string was expected" },
  { "not-utf8", "{\"\xff\xfe\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "a string is not UTF-8" },
  { "nul-in-name", "{\"a\\u0000b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "stands for no character" },
  { "lone-surrogate", "{\"\\ud800\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "stands for no character" },
  { "bad-escape", "{\"\\q\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "stands for no character" },
  { "newline-in-name", "{\"a\nb\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "control character" },
  { "escape-at-end", "{\"a\\", 0, "not closed" },
};

static void
test_lie (gconstpointer data)
{
  gsize i = GPOINTER_TO_SIZE (data);
  g_autofree char *path = with_header (lies[i].header, lies[i].bytes);

  refuse (path, lies[i].expected);
}

/* What the header says about its own length. */
static void
test_length (void)
{
  static const guint64 lengths[] = { 3, 100, G_MAXINT32, 100000001, G_GUINT64_CONSTANT (1) << 63, G_MAXUINT64 };

  for (gsize i = 0; i < G_N_ELEMENTS (lengths); i++) {
    guint8 bytes[10] = { 0, 0, 0, 0, 0, 0, 0, 0, '{', '}' };
    guint64 length = GUINT64_TO_LE (lengths[i]);
    g_autofree char *path = NULL;

    memcpy (bytes, &length, 8);
    path = scratch_file ("length.safetensors", bytes, sizeof bytes);
    refuse (path, "its header is said to have");
  }
}

/* A good file, cut after every byte: all of them refused. */
static void
test_truncated (void)
{
  const float values[6] = { 1, 2, 3, 4, 5, 6 };
  const VelTensorOut out[] = { { "a.weight", VEL_F32, VEL_SHAPE (2, 3), values }, { "b", VEL_U8, VEL_SHAPE (3), "xyz" } };
  g_autofree char *path = scratch_path ("whole.safetensors"), *data = NULL;
  g_autoptr (GError) error = NULL;
  gsize length;

  g_assert_true (vel_safetensors_write (path, out, 2, NULL, &error));
  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (path, &data, &length, NULL));
  for (gsize n = 0; n < length; n++) {
    g_autofree char *cut = scratch_file ("cut.safetensors", data, n);

    refuse (cut, "is no intact safetensors file");
  }
}

static void
test_no_file (void)
{
  g_autofree char *missing = scratch_path ("missing.safetensors"), *folder = scratch_path (".");
  g_autofree char *empty = scratch_file ("empty.safetensors", "", 0);
  g_autoptr (GError) error = NULL;

  g_assert_null (vel_safetensors_open (missing, NULL, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
  refuse (folder, "it is a folder");
  refuse (empty, "only 0 bytes");
  refuse ("/dev/zero", "it is a device");
}

/* What a person may take for a model is called by its name. */
static void
test_others (void)
{
  g_autofree char *pointer = scratch_file ("pointer.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", 57);
  g_autofree char *page = scratch_file ("page.safetensors", "<!DOCTYPE html><html></html>", 28);

  refuse (pointer, "was not downloaded");
  refuse (page, "it is a web page");
}

/* A header of 100 MB, all brackets: refused at the 33rd, without memory for the rest. */
static void
test_brackets (void)
{
  static const char start[] = "{\"a\":{\"x\":";
  gsize length = 100 * 1000 * 1000;
  g_autofree char *bytes = g_malloc (length + 8), *path = NULL;
  struct rusage before, after;
  gint64 begun;

  memset (bytes, '[', length + 8);
  memcpy (bytes, &(guint64) { GUINT64_TO_LE (length) }, 8);
  memcpy (bytes + 8, start, strlen (start));
  path = scratch_file ("brackets.safetensors", bytes, length + 8);
  getrusage (RUSAGE_SELF, &before);
  begun = g_get_monotonic_time ();
  refuse (path, "nested too deeply");
  g_assert_cmpint (g_get_monotonic_time () - begun, <, G_USEC_PER_SEC);
  getrusage (RUSAGE_SELF, &after);
  g_assert_cmpint (after.ru_maxrss - before.ru_maxrss, <, 8 * 1024);
}

/* The reverse of a hash table's worst case: a hundred thousand names and a search for each. */
static void
test_many (void)
{
  g_autoptr (GString) header = g_string_new ("{");
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (VelTensorFile) file = NULL;

  for (int i = 0; i < 100000; i++)
    g_string_append_printf (header, "%s\"t%d\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%d,%d]}", i ? "," : "", i, 99999 - i,
                            100000 - i);
  g_string_append_c (header, '}');
  path = with_header (header->str, 100000);
  file = vel_safetensors_open (path, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (vel_tensor_file_get_count (file), ==, 100000);
  g_assert_cmpstr (vel_tensor_file_get (file, 0)->name, ==, "t99999"); /* by offset */
  for (int i = 0; i < 100000; i += 997) {
    g_autofree char *name = g_strdup_printf ("t%d", i);

    g_assert_cmpstr (vel_tensor_file_find (file, name)->name, ==, name);
  }
  g_assert_null (vel_tensor_file_find (file, "t100000"));
}

static void
test_round_trip (void)
{
  const float f32[4] = { 1, -2, 0.5f, 3 };
  const gint64 i64[1] = { -7 };
  const VelTensorOut out[] = {
    { "bytes", VEL_U8, VEL_SHAPE (3), "abc" },
    { "é\"\\n", VEL_F32, VEL_SHAPE (2, 1, 2, 1), f32 },
    { "scalar", VEL_I64, { 0 }, i64 },
    { "empty", VEL_F16, VEL_SHAPE (0, 5), "" },
  };
  g_autoptr (GHashTable) metadata = g_hash_table_new (g_str_hash, g_str_equal);
  g_autofree char *path = scratch_path ("trip.safetensors");
  g_autoptr (GError) error = NULL;
  g_autoptr (VelTensorFile) file = NULL;

  g_hash_table_insert (metadata, "format", "velatura-trace");
  g_assert_true (vel_safetensors_write (path, out, G_N_ELEMENTS (out), metadata, &error));
  file = vel_safetensors_open (path, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (vel_tensor_file_get_count (file), ==, G_N_ELEMENTS (out));
  g_assert_cmpstr (vel_tensor_file_get_metadata (file, "format"), ==, "velatura-trace");
  g_assert_null (vel_tensor_file_get_metadata (file, "other"));
  for (gsize i = 0; i < G_N_ELEMENTS (out); i++) {
    const VelTensorEntry *entry = vel_tensor_file_find (file, out[i].name);
    gsize bytes = vel_shape_count (out[i].shape) * vel_type_size (out[i].type);

    g_assert_nonnull (entry);
    g_assert_true (entry->known);
    g_assert_cmpint (entry->type, ==, out[i].type);
    g_assert_true (vel_shape_equal (entry->shape, out[i].shape));
    g_assert_cmpmem (entry->data, entry->bytes, out[i].data, bytes);
    g_assert_cmpuint ((gsize) entry->data % vel_type_size (entry->type), ==, 0);
    vel_tensor_file_release (file, entry);
    g_assert_cmpmem (entry->data, entry->bytes, out[i].data, bytes); /* back from the file */
  }
}

/* Written by the reference implementation (tests/golden/formats/make.py): every type it has, a name in Chinese, metadata. */
static void
test_reference (void)
{
  g_autofree char *path = golden_path ("types.safetensors");
  g_autoptr (GError) error = NULL;
  g_autoptr (VelTensorFile) file = vel_safetensors_open (path, NULL, &error);
  const VelTensorEntry *entry;

  g_assert_no_error (error);
  g_assert_cmpstr (vel_tensor_file_get_metadata (file, "title"), ==, "漆 \"quoted\"\nsecond line");
  entry = vel_tensor_file_find (file, "漆.weight");
  g_assert_cmpint (entry->type, ==, VEL_F32);
  for (int i = 0; i < 6; i++)
    g_assert_cmpfloat (((const float *) entry->data)[i], ==, i / 2.f);
  for (const char *const *name = (const char *[]) { "F32", "F16", "BF16", "F64", "I32", "I64", "U8", NULL }; *name; name++) {
    entry = vel_tensor_file_find (file, *name);
    g_assert_nonnull (entry);
    g_assert_cmpstr (entry->dtype, ==, *name);
    g_assert_true (entry->known);
    g_assert_true (vel_shape_equal (entry->shape, VEL_SHAPE (3)));
    g_assert_cmpuint (entry->bytes, ==, 3 * vel_type_size (entry->type));
  }
  for (const char *const *name = (const char *[]) { "BOOL", "I8", "I16", NULL }; *name; name++) {
    entry = vel_tensor_file_find (file, *name);
    g_assert_nonnull (entry);
    g_assert_cmpstr (entry->dtype, ==, *name);
    g_assert_false (entry->known);
  }
  entry = vel_tensor_file_find (file, "five.axes");
  g_assert_false (entry->known);
  g_assert_cmpuint (entry->bytes, ==, 4);
}

static void
test_cancelled (void)
{
  g_autofree char *path = golden_path ("types.safetensors");
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_cancellable_cancel (cancellable);
  g_assert_null (vel_safetensors_open (path, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
test_unwritable (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (vel_safetensors_write ("/proc/nothing/here.safetensors", NULL, 0, NULL, &error));
  g_assert_error (error, VEL_ERROR, VEL_ERROR_STORAGE);
}

int
main (int argc, char **argv)
{
  scratch_init (&argc, &argv);
  for (gsize i = 0; i < G_N_ELEMENTS (lies); i++) {
    g_autofree char *path = g_strconcat ("/formats/safetensors/lie/", lies[i].name, NULL);

    g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_lie);
  }
  g_test_add_func ("/formats/safetensors/length", test_length);
  g_test_add_func ("/formats/safetensors/truncated", test_truncated);
  g_test_add_func ("/formats/safetensors/no-file", test_no_file);
  g_test_add_func ("/formats/safetensors/others", test_others);
  g_test_add_func ("/formats/safetensors/brackets", test_brackets);
  g_test_add_func ("/formats/safetensors/many", test_many);
  g_test_add_func ("/formats/safetensors/round-trip", test_round_trip);
  g_test_add_func ("/formats/safetensors/reference", test_reference);
  g_test_add_func ("/formats/safetensors/cancelled", test_cancelled);
  g_test_add_func ("/formats/safetensors/unwritable", test_unwritable);
  return g_test_run ();
}
