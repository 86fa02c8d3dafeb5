/* Checkpoints of PyTorch: all that it writes comes back bit for bit; what it does not write is refused.
 * SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* memfd_create */
#include "engine/formats/tensor-file.h"

#include "engine/error.h"
#include "engine/formats/weights.h"
#include "tests/engine/formats/checkpoints.h"
#include "tests/engine/formats/scratch.h"

#include <string.h>

static VelTensorFile *
open_golden (const char *name)
{
  g_autofree char *relative = g_strconcat ("checkpoints/", name, NULL), *path = golden_path (relative);
  g_autoptr (GError) error = NULL;
  VelTensorFile *file = vel_tensor_file_open (path, NULL, &error);

  g_assert_no_error (error);
  return file;
}

/* The bytes that another program wrote contiguously are those that are gathered here. */
static void
compare (const VelTensorEntry *want, const VelTensorEntry *got)
{
  VelTensorEntry raw = *got;
  g_autofree guint8 *bytes = NULL;

  g_assert_nonnull (got);
  if (g_str_equal (got->dtype, "C128")) /* safetensors does not have it: pairs of F64 there */
    g_assert_cmpstr (want->name, ==, "type.C128");
  else {
    g_assert_cmpstr (got->dtype, ==, want->dtype);
    g_assert_cmpmem (got->axes, got->n_axes * sizeof (gint64), want->axes, want->n_axes * sizeof (gint64));
    g_assert_cmpint (got->known, ==, want->known);
  }
  g_assert_cmpuint (got->bytes, ==, want->bytes);
  raw.decode = NULL; /* as it lies there, for types that are decoded */
  raw.bytes = want->span;
  bytes = g_malloc (want->span + 1);
  bytes[want->span] = 0x5a;
  vel_tensor_entry_read (&raw, bytes);
  g_assert_cmpmem (bytes, want->span, want->data, want->span);
  g_assert_cmpuint (bytes[want->span], ==, 0x5a);
}

static void
test_round_trip (gconstpointer name)
{
  g_autoptr (VelTensorFile) want = open_golden ("expected.safetensors"), got = open_golden (name);

  g_assert_cmpstr (vel_tensor_file_get_container (got), ==, g_str_has_prefix (name, "zip") ? "torch-zip" : "torch-legacy");
  g_assert_cmpuint (vel_tensor_file_get_count (want), ==, 34);
  g_assert_cmpuint (vel_tensor_file_get_count (got), ==, 34);
  for (gsize i = 0; i < 34; i++) {
    const VelTensorEntry *entry = vel_tensor_file_get (want, i);

    g_test_message ("%s", entry->name);
    compare (entry, vel_tensor_file_find (got, entry->name));
  }
}

/* Zero-copy where the bytes are in order; a view's own bytes only where they are not. */
static void
test_views (void)
{
  g_autoptr (VelTensorFile) file = open_golden ("zip-2.pt");
  const VelTensorEntry *whole = vel_tensor_file_find (file, "view.whole"), *row = vel_tensor_file_find (file, "view.row");
  const VelTensorEntry *transposed = vel_tensor_file_find (file, "view.transposed");

  g_assert_true (vel_tensor_entry_is_plain (whole));
  g_assert_true (vel_tensor_entry_is_plain (row));
  g_assert_true (row->data == (const guint8 *) whole->data + 2 * 6 * 3 * 4);
  g_assert_true (transposed->data == whole->data);
  g_assert_false (vel_tensor_entry_is_plain (transposed));
  g_assert_cmpuint (vel_tensor_file_find (file, "view.expanded")->span, ==, 3 * 4);
  g_assert_cmpuint (vel_tensor_file_find (file, "view.expanded")->bytes, ==, 15 * 4);
}

/* Through the front that networks use: a view is handed out in a row. */
static void
test_weights (void)
{
  g_autofree char *path = golden_path ("checkpoints/zip-2.pt");
  g_autoptr (GError) error = NULL;
  g_autoptr (VelWeights) weights = vel_weights_open (path, NULL, &error);
  g_autoptr (VelTensorFile) want = open_golden ("expected.safetensors");
  const VelTensorEntry *entry;

  g_assert_no_error (error);
  g_assert_cmpstr (vel_weights_get_container (weights), ==, "torch-zip");
  entry = vel_weights_get (weights, "view.transposed", VEL_SHAPE (3, 4, 6), &error);
  g_assert_no_error (error);
  g_assert_cmpmem (entry->data, entry->bytes, vel_tensor_file_find (want, "view.transposed")->data, 72 * 4);
  g_assert_null (entry->strides);
  g_assert_true (vel_weights_release (weights, entry, &error));
}

static void
test_trainer (void)
{
  g_autoptr (VelTensorFile) file = open_golden ("lightning.ckpt");

  g_assert_cmpuint (vel_tensor_file_get_count (file), ==, 2);
  g_assert_cmpint (vel_tensor_file_find (file, "model.diffusion_model.out.2.weight")->type, ==, VEL_F16);
  g_assert_cmpstr (vel_tensor_file_get_metadata (file, "global_step"), ==, "470000");
  g_assert_cmpstr (vel_tensor_file_get_metadata (file, "pytorch-lightning_version"), ==, "1.4.2");
  g_assert_cmpstr (vel_tensor_file_get_metadata (file, "lr"), ==, "0.5");
  g_assert_cmpstr (vel_tensor_file_get_metadata (file, "done"), ==, "true");
}

static void
test_shapes (void)
{
  g_autoptr (VelTensorFile) nested = open_golden ("nested.pt"), alone = open_golden ("alone.pt");
  g_autoptr (VelTensorFile) a1111 = open_golden ("inversion-a1111.pt"), original = open_golden ("inversion-original.pt");
  g_autoptr (VelTensorFile) diffusers = open_golden ("inversion-diffusers.bin");
  const VelTensorEntry *vector = vel_tensor_file_find (a1111, "string_to_param.*"), *other;

  g_assert_cmpuint (vel_tensor_file_get_count (nested), ==, 3); /* the one under a number has no name */
  g_assert_nonnull (vel_tensor_file_find (nested, "list.0"));
  g_assert_nonnull (vel_tensor_file_find (nested, "list.1.in"));
  g_assert_nonnull (vel_tensor_file_find (nested, "tuple.0"));
  g_assert_cmpstr (vel_tensor_file_get_metadata (nested, "text"), ==, "漆");
  g_assert_nonnull (vel_tensor_file_find (alone, "tensor"));
  g_assert_cmpstr (vel_tensor_file_get_metadata (a1111, "name"), ==, "漆");
  other = vel_tensor_file_find (original, "string_to_param.*");
  g_assert_nonnull (other);
  g_assert_cmpmem (vector->data, vector->bytes, other->data, other->bytes);
  g_assert_true (vel_shape_equal (vector->shape, VEL_SHAPE (2, 8)));
  g_assert_nonnull (vel_tensor_file_find (diffusers, "<cat>"));
}

/* ---- Files that lie */

static void
refuse (const GByteArray *bytes, const char *expected)
{
  int fd;
  g_autofree char *path = memory_file (bytes->data, bytes->len, &fd);
  g_autoptr (GError) error = NULL;
  g_autoptr (VelTensorFile) file = vel_tensor_file_open (path, NULL, &error);

  close (fd);
  g_assert_null (file);
  g_assert_error (error, VEL_ERROR, VEL_ERROR_FORMAT);
  if (!strstr (error->message, expected))
    g_error ("“%s” was expected in: %s", expected, error->message);
  g_assert_nonnull (strstr (error->message, path));
  g_assert_null (strchr (error->message, '\n'));
}

/* {"x": tensor} over storage "0": offset, shape and strides as instructions. */
static GByteArray *
tensor_pickle (const char *count, gsize count_length, const char *layout, gsize layout_length)
{
  GByteArray *pickle = g_byte_array_new ();

  PUT (pickle, "\x80\2}X\1\0\0\0xctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0" "0X\3\0\0\0cpu");
  put (pickle, count, count_length);
  PUT (pickle, "tQ");
  put (pickle, layout, layout_length);
  PUT (pickle, "\x89}tRs.");
  return pickle;
}

#define CASE(name, count, layout, expected) { name, count, sizeof count - 1, layout, sizeof layout - 1, expected }
#define MOST "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f" /* 2^63 - 1 */
#define HALF "\x8a\x08\0\0\0\0\0\0\0\x40"               /* 2^62 */
#define MINUS "J\xff\xff\xff\xff"

/* Storage "0" has room for four floats. */
static const struct {
  const char *name, *count;
  gsize count_length;
  const char *layout;
  gsize layout_length;
  const char *expected; /* of the message; after a “=”, the bytes that are read */
} layouts[] = {
  CASE ("right", "K\4", "K\0K\4\x85K\1\x85", "=0123456789abcdef"),
  CASE ("scalar-at-end", "K\4", "K\3))", "=cdef"),
  CASE ("nothing-at-end", "K\4", "K\4K\0\x85K\1\x85", "="),
  CASE ("nothing-of-a-lot", "K\4", "K\0" MOST "K\0\x86" MOST "K\1\x86", "="),
  CASE ("stride-unused", "K\4", "K\0K\1\x85" MOST "\x85", "=0123"),
  CASE ("count-less", "K\3", "K\0K\3\x85K\1\x85", "another size"),
  CASE ("count-more", "K\5", "K\0K\4\x85K\1\x85", "another size"),
  CASE ("count-most", MOST, "K\0K\4\x85K\1\x85", "another size"),
  CASE ("count-wraps", "\x8a\x08\4\0\0\0\0\0\0\x40", "K\0K\4\x85K\1\x85", "another size"),
  CASE ("count-negative", MINUS, "K\0K\4\x85K\1\x85", "no storage"),
  CASE ("count-text", "X\1\0\0\0" "4", "K\0K\4\x85K\1\x85", "no storage"),
  CASE ("one-beyond", "K\4", "K\1K\4\x85K\1\x85", "outside of its storage"),
  CASE ("shape-beyond", "K\4", "K\0K\5\x85K\1\x85", "outside of its storage"),
  CASE ("stride-beyond", "K\4", "K\0K\2\x85K\4\x85", "outside of its storage"),
  CASE ("stride-wraps", "K\4", "K\0K\3\x85" MOST "\x85", "more elements"),
  CASE ("strides-wrap", "K\4", "K\0K\2K\2\x86" MOST MOST "\x86", "more elements"),
  CASE ("shape-wraps", "K\4", "K\0" HALF "K\4\x86K\0K\0\x86", "more elements"),
  CASE ("shape-signed", "K\4", "K\0" HALF "K\2\x86K\0K\0\x86", "more elements"),
  CASE ("bytes-wrap", "K\4", "K\0" HALF "\x85K\0\x85", "more elements"),
  CASE ("offset-most", "K\4", MOST "K\1\x85K\1\x85", "more elements"),
  CASE ("offset-wraps", "K\4", HALF "K\1\x85K\1\x85", "more elements"),
  CASE ("offset-negative", "K\4", MINUS "K\1\x85K\1\x85", "outside of its storage"),
  CASE ("offset-negative-nothing", "K\4", MINUS "K\0\x85K\1\x85", "outside of its storage"),
  CASE ("shape-negative", "K\4", "K\0" MINUS "\x85K\1\x85", "do not go together"),
  CASE ("stride-negative", "K\4", "K\3K\2\x85" MINUS "\x85", "do not go together"),
  CASE ("strides-missing", "K\4", "K\0K\4\x85)", "do not go together"),
  CASE ("expanded", "K\4", "K\0J\1\0\4\0\x85K\0\x85", "larger than the file"),
  CASE ("shape-number", "K\4", "K\0K\4K\1\x85", "never called"),
  CASE ("shape-list", "K\4", "K\0]K\4aK\1\x85", "never called"),
  CASE ("shape-of-texts", "K\4", "K\0X\1\0\0\0" "4\x85K\1\x85", "do not go together"),
  CASE ("offset-text", "K\4", "X\1\0\0\0" "0K\4\x85K\1\x85", "never called"),
};

static void
test_layout (gconstpointer data)
{
  gsize i = GPOINTER_TO_SIZE (data);
  g_autoptr (GByteArray) pickle = tensor_pickle (layouts[i].count, layouts[i].count_length, layouts[i].layout, layouts[i].layout_length);
  g_autoptr (GByteArray) zip = zip_around (pickle), legacy = legacy_around (pickle);

  for (GByteArray **bytes = (GByteArray *[]) { zip, legacy, NULL }; *bytes; bytes++) {
    g_autofree char *path = scratch_file ("maybe.pt", (*bytes)->data, (*bytes)->len);
    g_autoptr (GError) error = NULL;
    g_autoptr (VelTensorFile) file = vel_tensor_file_open (path, NULL, &error);

    if (*layouts[i].expected == '=') {
      const VelTensorEntry *entry = file ? vel_tensor_file_find (file, "x") : NULL;
      g_autofree guint8 *out = entry ? g_malloc (entry->bytes + 1) : NULL;

      g_assert_no_error (error);
      vel_tensor_entry_read (entry, out);
      g_assert_cmpmem (out, entry->bytes, layouts[i].expected + 1, strlen (layouts[i].expected + 1));
    } else
      refuse (*bytes, layouts[i].expected);
  }
}

static const guint8 four_floats[] = "0123456789abcdef";

/* A good pickle for storage "0", in `members[0]`. */
static GByteArray *
good_pickle (void)
{
  return tensor_pickle ("K\4", 2, "K\0K\4\x85K\1\x85", 8);
}

/* A view of 8-bit floats takes four times the room once it is decoded; it is the file's size that counts. */
static void
test_large_view (void)
{
  static const char text[] = "\x80\2}X\1\0\0\0xctorch._utils\n_rebuild_tensor_v3\n((X\7\0\0\0storagectorch.storage\nUntypedStorage\nX\1\0\0\0"
                             "0X\3\0\0\0cpuJ\xe0\x93\4\0tQK\0(M\x58\2M\xf4\1t(K\1M\x58\2t\x89}ctorch\nfloat8_e4m3fn\ntRs.";
  g_autofree guint8 *data = g_malloc (300000);
  g_autofree float *out = g_new (float, 300000);
  const ZipMember members[] = { { "a/data.pkl", text, sizeof text - 1 }, { "a/data/0", data, 300000 } };
  g_autoptr (GByteArray) zip = NULL;
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (VelTensorFile) file = NULL;

  for (guint i = 0; i < 300000; i++)
    data[i] = 0x38 + i / 600 % 8; /* 1, 1.125 …, by row of the storage */
  zip = zip_new (members, 2, 0);
  path = scratch_file ("large.pt", zip->data, zip->len);
  file = vel_tensor_file_open (path, NULL, &error);
  g_assert_no_error (error);
  vel_tensor_entry_read (vel_tensor_file_find (file, "x"), out); /* [600, 500], the storage is [500, 600] */
  for (guint i = 0; i < 300000; i++)
    g_assert_cmpfloat (out[i], ==, 1 + i % 500 % 8 / 8.f);
}

/* Tensors may share a storage, but not so many that a small file would be a large model. */
static void
test_sharing (void)
{
  g_autofree guint8 *data = g_malloc0 (1 << 20);

  for (guint n = 10; n <= 100; n *= 10) {
    g_autoptr (GByteArray) pickle = g_byte_array_new (), zip = NULL;

    PUT (pickle, "\x80\2](ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0" "0X\3\0\0\0cpu"
                 "J\0\0\4\0tQK\0J\0\0\4\0\x85K\1\x85\x89}tRq\0");
    for (guint i = 1; i < n; i++)
      PUT (pickle, "h\0");
    PUT (pickle, "e.");
    zip = zip_new ((ZipMember[]) { { "a/data.pkl", pickle->data, pickle->len }, { "a/data/0", data, 1 << 20 } }, 2, 0);
    if (n == 100)
      refuse (zip, "have the same bytes");
    else {
      g_autofree char *path = scratch_file ("shared.pt", zip->data, zip->len);
      g_autoptr (VelTensorFile) file = vel_tensor_file_open (path, NULL, NULL);

      g_assert_cmpuint (vel_tensor_file_get_count (file), ==, n);
    }
  }
}

/* What the members of an archive can be that PyTorch never writes. */
static void
test_archives (void)
{
  g_autoptr (GByteArray) pickle = good_pickle ();
  const ZipMember good[] = { { "a/data.pkl", pickle->data, pickle->len }, { "a/data/0", four_floats, 16 }, { "a/byteorder", "little", 6 } };
  struct {
    guint index;
    ZipMember member;
    const char *expected;
  } lies[] = {
    { 1, { "a/data/0", four_floats, 16, .flags = 1 }, "“a/data/0” in it: it is encrypted" },
    { 1, { "a/data/0", four_floats, 16, .flags = 0x2000 }, "it is encrypted" },
    { 1, { "a/data/0", four_floats, 16, .method = 8 }, "it is compressed" },
    { 0, { "a/data.pkl", pickle->data, pickle->len, .method = 99 }, "it is compressed" },
    { 1, { "a/data/0", four_floats, 16, .stored_more = 1 }, "overlaps another" },
    { 1, { "a/data/0", four_floats, 16, .stored_more = 1 << 20 }, "beyond the end" },
    { 1, { "a/data/0", four_floats, 16, .stored_more = -17 }, "its sizes are missing" },
    { 1, { "a/data/0", four_floats, 16, .stored_more = -4 }, "another size" },
    { 1, { "a/data/0", four_floats, 16, .header_more = 1 }, "not where the directory says" },
    { 1, { "a/data/0", four_floats, 16, .header_more = 1 << 30 }, "not where the directory says" },
    { 1, { "a/data/1", four_floats, 16 }, "its storage is not in the file" },
    { 1, { "b/data/0", four_floats, 16 }, "its storage is not in the file" },
    { 1, { "a/data/0", four_floats, 15 }, "another size" },
    { 0, { "a/data", pickle->data, pickle->len }, "there is no data.pkl" },
    { 0, { "a/xdata.pkl", pickle->data, pickle->len }, "there is no data.pkl" },
    { 2, { "b/data.pkl", pickle->data, pickle->len }, "more than one data.pkl" },
    { 2, { "a/data/0", four_floats, 16 }, "there are two of this name" },
    { 2, { "a/byteorder", "big", 3 }, "another order of bytes" },
    { 0, { "a/data.pkl", "", 0 }, "ends too early" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (lies); i++) {
    ZipMember members[G_N_ELEMENTS (good)];
    g_autoptr (GByteArray) zip = NULL;

    memcpy (members, good, sizeof good);
    members[lies[i].index] = lies[i].member;
    zip = zip_new (members, G_N_ELEMENTS (members), 0);
    refuse (zip, lies[i].expected);
  }
}

/* A whole archive's bytes, one after the other missing, and each of the two ends changed. */
static void
test_truncated (void)
{
  g_autoptr (GByteArray) pickle = good_pickle (), zip = zip_around (pickle), legacy = legacy_around (pickle);
  g_autoptr (GByteArray) more = zip_new (&(ZipMember) { "a/data.pkl", pickle->data, pickle->len }, 1, 1);
  g_autoptr (GByteArray) fewer = zip_new ((ZipMember[]) { { "a/data.pkl", pickle->data, pickle->len }, { "a/data/0", "", 0 } }, 2, -1);

  refuse (more, "its directory is damaged");
  refuse (fewer, "its directory is damaged");
  for (GByteArray **bytes = (GByteArray *[]) { zip, legacy, NULL }; *bytes; bytes++) {
    guint whole = (*bytes)->len;

    for (guint n = 0; n < whole; n++) {
      (*bytes)->len = n;
      refuse (*bytes, "");
    }
    (*bytes)->len = whole;
    g_byte_array_append (*bytes, (const guint8 *) "x", 1);
    refuse (*bytes, bytes[1] ? "its end is missing" : "bytes at its end belong to no storage");
  }
}

/* The fields of the directory and of its end, each at the edges of what it can hold: never more than an error. */
static void
test_directory (void)
{
  static const guint64 edges[] = { 0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff };
  g_autoptr (GByteArray) pickle = good_pickle (), zip = zip_around (pickle);
  guint end = zip->len - 22, start = zip->data[end + 16] | zip->data[end + 17] << 8, refused = 0;

  for (guint at = start; at + 4 <= zip->len; at++)
    for (gsize i = 0; i < G_N_ELEMENTS (edges); i++) {
      g_autofree guint8 *bytes = g_memdup2 (zip->data, zip->len);
      guint64 edge = GUINT64_TO_LE (edges[i]);
      g_autofree char *path = NULL;
      g_autoptr (GError) error = NULL;
      g_autoptr (VelTensorFile) file = NULL;
      int fd;

      memcpy (bytes + at, &edge, 4);
      path = memory_file (bytes, zip->len, &fd);
      file = vel_tensor_file_open (path, NULL, &error);
      close (fd);
      g_assert_true (!file == !!error);
      refused += !file;
    }
  g_assert_cmpuint (refused, >, 500);
}

/* Sizes in extra fields, as archives over 4 GB have them. */
static void
test_zip64 (void)
{
  g_autoptr (GByteArray) pickle = good_pickle (), zip = zip_around (pickle), wide = g_byte_array_new ();
  guint end = zip->len - 22, start = zip->data[end + 16] | zip->data[end + 17] << 8, count = zip->data[end + 10], at = start;
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (VelTensorFile) file = NULL;

  put (wide, zip->data, start);
  for (guint i = 0; i < count; i++) {
    guint length = zip->data[at + 28];

    put (wide, zip->data + at, 20);
    PUT (wide, "\xff\xff\xff\xff\xff\xff\xff\xff");
    put_number (wide, length, 2);
    put_number (wide, 4 + 4 + 24, 2);
    put_number (wide, 0, 10);
    PUT (wide, "\xff\xff\xff\xff");
    put (wide, zip->data + at + 46, length);
    PUT (wide, "XX\0\0\1\0\x18\0"); /* another field before it */
    put (wide, zip->data + at + 24, 4), put_number (wide, 0, 4);
    put (wide, zip->data + at + 20, 4), put_number (wide, 0, 4);
    put (wide, zip->data + at + 42, 4), put_number (wide, 0, 4);
    at += 46 + length;
  }
  end = wide->len;
  PUT (wide, "PK\6\6");
  put_number (wide, 44, 8), put_number (wide, 0, 12), put_number (wide, count, 8), put_number (wide, count, 8);
  put_number (wide, end - start, 8), put_number (wide, start, 8);
  PUT (wide, "PK\6\7\0\0\0\0");
  put_number (wide, end, 8), put_number (wide, 1, 4);
  PUT (wide, "PK\5\6\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0");
  path = scratch_file ("wide.pt", wide->data, wide->len);
  file = vel_tensor_file_open (path, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (vel_tensor_file_find (file, "x")->data, 16, four_floats, 16);
  memset (wide->data + end + 48, 0xff, 8); /* the directory is said to begin at the end of the world */
  refuse (wide, "its directory is not where it says");
}

static void
refuse_stream (const char *bytes, gsize length, const char *expected)
{
  g_autoptr (GByteArray) stream = g_byte_array_new ();

  put (stream, bytes, length);
  refuse (stream, expected);
}

#define REFUSE(bytes, expected) refuse_stream (bytes, sizeof (bytes) - 1, expected)
#define NAMED "\x80\2(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0" "0X\3\0\0\0cpu"
#define START LEGACY_MAGIC LEGACY_VERSION LEGACY_FACTS
#define ONE "\x80\2]X\1\0\0\0" "0a."

static void
test_streams (void)
{
  guint8 tar[512] = { 0 };
  g_autoptr (GByteArray) archive = g_byte_array_new ();

  REFUSE (LEGACY_MAGIC "\x80\2M\xea\3." LEGACY_FACTS, "another version than 1001");
  REFUSE (LEGACY_MAGIC LEGACY_VERSION "\x80\2}X\x0d\0\0\0little_endian\x89s.", "another order of bytes");
  REFUSE (LEGACY_MAGIC LEGACY_VERSION "\x80\2}.", "another order of bytes");
  REFUSE (LEGACY_MAGIC LEGACY_VERSION "\x80\2K\1.", "another order of bytes");
  REFUSE (START "\x80\2}.\x80\2K\1.", "list of storages");
  REFUSE (START "\x80\2}." ONE, "list of storages");
  REFUSE (START "\x80\2}.\x80\2]K\0a.", "list of storages");
  REFUSE (START NAMED "K\0tQ." "\x80\2](X\1\0\0\0" "0X\1\0\0\0" "0e." "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "list of storages");
  REFUSE (START NAMED "K\1tQ." ONE "\2\0\0\0\0\0\0\0" "0123", "another size");
  REFUSE (START NAMED "K\1tQ." ONE "\1\0\0\0\0\0\0\0" "012", "not downloaded whole");
  REFUSE (START NAMED "K\1tQ." ONE "\1\0\0\0", "not downloaded whole");
  REFUSE (START NAMED "K\1tQ." ONE "\1\0\0\0\0\0\0\0" "01234", "bytes at its end");
  REFUSE (START NAMED "K\1tQ0(X\7\0\0\0storagectorch\nHalfStorage\nX\1\0\0\0" "0X\3\0\0\0cpuK\1tQ." ONE, "names a storage twice");
  REFUSE (START NAMED "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7ftQ." ONE "\xff\xff\xff\xff\xff\xff\xff\x7f" "0", "another size");
  REFUSE (START NAMED "K\1(X\1\0\0\0vK\0K\1ttQ." ONE, "before 0.4");
  REFUSE ("\x80\2K\1.\0\0\0", "it is a Python pickle, but no checkpoint");
  memcpy (tar + 257, "ustar", 5);
  put (archive, tar, sizeof tar);
  refuse (archive, "it is a tar archive");
}

int
main (int argc, char **argv)
{
  static const char *const variants[] = { "zip-2.pt", "zip-3.pt", "zip-4.pt", "zip-5.pt", "legacy-2.pt", "legacy-3.pt", "legacy-4.pt",
                                          "legacy-5.pt" };

  scratch_init (&argc, &argv);
  for (gsize i = 0; i < G_N_ELEMENTS (variants); i++) {
    g_autofree char *path = g_strconcat ("/formats/torch/round-trip/", variants[i], NULL);

    g_test_add_data_func (path, variants[i], test_round_trip);
  }
  for (gsize i = 0; i < G_N_ELEMENTS (layouts); i++) {
    g_autofree char *path = g_strconcat ("/formats/torch/layout/", layouts[i].name, NULL);

    g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_layout);
  }
  g_test_add_func ("/formats/torch/views", test_views);
  g_test_add_func ("/formats/torch/weights", test_weights);
  g_test_add_func ("/formats/torch/trainer", test_trainer);
  g_test_add_func ("/formats/torch/shapes", test_shapes);
  g_test_add_func ("/formats/torch/large-view", test_large_view);
  g_test_add_func ("/formats/torch/sharing", test_sharing);
  g_test_add_func ("/formats/torch/archives", test_archives);
  g_test_add_func ("/formats/torch/truncated", test_truncated);
  g_test_add_func ("/formats/torch/directory", test_directory);
  g_test_add_func ("/formats/torch/zip64", test_zip64);
  g_test_add_func ("/formats/torch/streams", test_streams);
  return g_test_run ();
}
