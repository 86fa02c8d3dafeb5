/* The GGUF reader: what its author's package wrote, and files that lie in every number.  SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* memfd_create */
#include "engine/formats/gguf.h"

#include "engine/error.h"
#include "engine/formats/gguf-blocks.h"
#include "engine/formats/safetensors.h"
#include "engine/formats/weights.h"
#include "tests/engine/formats/checkpoints.h"
#include "tests/engine/formats/scratch.h"

#include <math.h>
#include <string.h>

static VelTensorFile *
open_golden (const char *name)
{
  g_autofree char *path = golden_path (name);
  g_autoptr (GError) error = NULL;
  VelTensorFile *file = vel_tensor_file_open (path, NULL, &error);

  g_assert_no_error (error);
  return file;
}

/* Every type that is read, bit for bit as gguf.dequantize has it. */
static void
test_types (void)
{
  g_autoptr (VelTensorFile) file = open_golden ("types.gguf"), want = open_golden ("types-gguf.safetensors");
  const VelTensorEntry *entry;

  g_assert_cmpstr (vel_tensor_file_get_container (file), ==, "gguf");
  g_assert_cmpuint (vel_tensor_file_get_count (file), ==, 16);
  for (const char *const *name = (const char *[]) { "F32", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", NULL }; *name; name++) {
    const VelTensorEntry *expected = vel_tensor_file_find (want, g_str_equal (*name, "F32") ? "values" : *name);
    g_autofree guint8 *values = NULL;

    entry = vel_tensor_file_find (file, *name);
    g_assert_cmpstr (entry->dtype, ==, *name);
    g_assert_true (entry->known);
    g_assert_true (vel_shape_equal (entry->shape, strchr (*name, 'K') ? VEL_SHAPE (3, 256) : VEL_SHAPE (2, 3, 64)));
    values = g_malloc (entry->bytes);
    vel_tensor_entry_read (entry, values);
    if (entry->type == VEL_BF16) {
      for (guint i = 0; i < 2 * 3 * 64; i++)
        g_assert_cmpuint (((guint16 *) (gpointer) values)[i], ==, ((const guint32 *) expected->data)[i] >> 16);
      continue;
    }
    g_assert_cmpint (entry->type, ==, VEL_F32);
    g_assert_cmpmem (values, entry->bytes, expected->data, expected->bytes);
  }
  entry = vel_tensor_file_find (file, "I32");
  g_assert_true (vel_shape_equal (entry->shape, VEL_SHAPE (3, 2)));
  g_assert_cmpint (((const gint32 *) entry->data)[5], ==, 5);
  g_assert_cmpint (vel_tensor_file_find (file, "F16")->type, ==, VEL_F16);
  g_assert_true (vel_tensor_entry_is_plain (vel_tensor_file_find (file, "F64")));
  g_assert_false (vel_tensor_file_find (file, "IQ4_XS")->known);
}

static void
test_metadata (void)
{
  static const char *const texts[][2] = {
    { "general.architecture", "sd1" }, { "general.name", "漆" }, { "kind.uint8", "200" }, { "kind.int8", "-3" },
    { "kind.uint16", "60000" }, { "kind.int16", "-300" }, { "kind.uint32", "4000000000" }, { "kind.int32", "-70000" },
    { "kind.float32", "0.100000001" }, { "kind.bool", "true" }, { "kind.uint64", "9223372036854775808" },
    { "kind.int64", "-1099511627776" }, { "kind.float64", "0.10000000000000001" }, { "list.numbers", NULL }, { "list.texts", NULL },
  };
  g_autoptr (VelTensorFile) file = open_golden ("types.gguf");

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    g_assert_cmpstr (vel_tensor_file_get_metadata (file, texts[i][0]), ==, texts[i][1]);
}

/* What is written is what the package writes. */
static void
test_encode (void)
{
  g_autoptr (VelTensorFile) want = open_golden ("types-gguf.safetensors");
  const VelTensorEntry *values = vel_tensor_file_find (want, "values"), *stored = vel_tensor_file_find (want, "stored.Q8_0");
  g_autofree guint8 *out = g_malloc (stored->bytes);
  float odd[VEL_BLOCK] = { NAN, 1 }, back[VEL_BLOCK];

  g_assert_cmpuint (stored->bytes, ==, 2 * 3 * 64 / VEL_BLOCK * VEL_Q8_0_BYTES);
  vel_blocks_encode_q8_0 (values->data, 2 * 3 * 64, out);
  g_assert_cmpmem (out, stored->bytes, stored->data, stored->bytes);
  vel_blocks_encode_q8_0 (odd, VEL_BLOCK, out);
  vel_blocks_decode_q8_0 (out, VEL_BLOCK, back);
  g_assert_cmpfloat (back[0], ==, 0);
  g_assert_cmpfloat_with_epsilon (back[1], 1, 1e-3);
}

/* Through the front that networks use: decoded, and once more when the pages were let go. */
static void
test_weights (void)
{
  g_autofree char *path = golden_path ("types.gguf");
  g_autoptr (GError) error = NULL;
  g_autoptr (VelWeights) weights = vel_weights_open (path, NULL, &error);
  g_autoptr (VelTensorFile) want = open_golden ("types-gguf.safetensors");
  const VelTensorEntry *expected = vel_tensor_file_find (want, "Q5_1");

  g_assert_no_error (error);
  for (guint i = 0; i < 2; i++) {
    const VelTensorEntry *entry = vel_weights_get (weights, "Q5_1", VEL_SHAPE (2, 3, 64), &error);

    g_assert_no_error (error);
    g_assert_cmpint (entry->type, ==, VEL_F32);
    g_assert_null (entry->decode);
    g_assert_cmpmem (entry->data, entry->bytes, expected->data, expected->bytes);
    g_assert_true (vel_weights_release (weights, entry, &error));
  }
  g_assert_cmpuint (vel_weights_get_stored_bytes (weights), <, 11456); /* the file's */
  g_assert_cmpuint (vel_weights_get_bytes (weights), >, 7 * 2 * 3 * 64 * 4);
  g_assert_null (vel_weights_get (weights, "IQ4_XS", VEL_SHAPE (2, 256), &error));
  g_assert_error (error, VEL_ERROR, VEL_ERROR_WEIGHT);
  g_assert_nonnull (strstr (error->message, "IQ4_XS"));
}

/* ---- Files that lie */

/* A file of a text, a list, a number and two tensors, F32 [2, 4] and Q8_0 [32]; `numbers`: where its numbers lie, and how long they are. */
static GByteArray *
build (GArray *numbers)
{
  GByteArray *file = g_byte_array_new ();

#define NUMBER(value, length) \
  (g_array_append_vals (numbers, &(guint[]) { file->len, length }, 1), put_number (file, value, length))

  PUT (file, "GGUF");
  NUMBER (3, 4), NUMBER (2, 8), NUMBER (3, 8);
  NUMBER (4, 8), PUT (file, "text"), NUMBER (8, 4), NUMBER (3, 8), PUT (file, "abc");
  NUMBER (4, 8), PUT (file, "list"), NUMBER (9, 4), NUMBER (8, 4), NUMBER (2, 8), NUMBER (1, 8), PUT (file, "x"), NUMBER (0, 8);
  NUMBER (17, 8), PUT (file, "general.alignment"), NUMBER (4, 4), NUMBER (64, 4);
  NUMBER (1, 8), PUT (file, "a"), NUMBER (2, 4), NUMBER (4, 8), NUMBER (2, 8), NUMBER (0, 4), NUMBER (0, 8);
  NUMBER (1, 8), PUT (file, "b"), NUMBER (1, 4), NUMBER (32, 8), NUMBER (8, 4), NUMBER (64, 8);
#undef NUMBER
  g_byte_array_set_size (file, (file->len + 63) / 64 * 64);
  for (guint i = 0; i < 64 + 34; i++)
    put (file, &(guint8) { (guint8) i }, 1);
  return file;
}

/* Opens, and reads everything if it opens. Returns: (transfer full) (nullable): the message */
static char *
try_open (const GByteArray *bytes)
{
  int fd;
  g_autofree char *path = memory_file (bytes->data, bytes->len, &fd);
  g_autoptr (GError) error = NULL;
  g_autoptr (VelTensorFile) file = vel_tensor_file_open (path, NULL, &error);

  close (fd);
  g_assert_true (!file == !!error);
  if (error) {
    g_assert_true (g_utf8_validate (error->message, -1, NULL));
    g_assert_null (strchr (error->message, '\n'));
    return g_strdup (error->message);
  }
  for (gsize i = 0; i < vel_tensor_file_get_count (file); i++) {
    const VelTensorEntry *entry = vel_tensor_file_get (file, i);
    g_autofree guint8 *out = g_malloc (entry->bytes + 1);

    g_assert_cmpuint (entry->bytes, <=, bytes->len * 8);
    vel_tensor_entry_read (entry, out);
  }
  return NULL;
}

/* Every number at the edges of what it can be, one at a time and two at a time: an error, or a file that can be read whole. */
static void
test_edges (void)
{
  static const guint64 edges[] = {
    0, 1, 2, 3, 5, 7, 8, 31, 32, 33, 63, 64, 65, 255, 256, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
    G_GUINT64_CONSTANT (1) << 58, G_GUINT64_CONSTANT (1) << 59, G_GUINT64_CONSTANT (1) << 60, G_GUINT64_CONSTANT (1) << 61,
    G_GUINT64_CONSTANT (1) << 62, (G_GUINT64_CONSTANT (1) << 63) - 1, G_GUINT64_CONSTANT (1) << 63, G_MAXUINT64 - 63, G_MAXUINT64 - 31,
    G_MAXUINT64 - 1, G_MAXUINT64,
  };
  g_autoptr (GArray) numbers = g_array_new (FALSE, FALSE, 2 * sizeof (guint));
  g_autoptr (GByteArray) good = build (numbers);
  g_autofree char *problem = try_open (good);
  guint refused = 0, opened = 0;

  g_assert_null (problem);
  for (guint n = 0; n < numbers->len; n++)
    for (gsize i = 0; i < G_N_ELEMENTS (edges); i++)
      for (guint m = n; m < numbers->len; m += 2 + (n * 7 + i) % 6) {
        const guint *one = &g_array_index (numbers, guint, 2 * n), *two = &g_array_index (numbers, guint, 2 * m);
        g_autoptr (GByteArray) changed = g_byte_array_append (g_byte_array_new (), good->data, good->len);
        guint64 first = GUINT64_TO_LE (edges[i]), second = GUINT64_TO_LE (edges[(i * 13 + m) % G_N_ELEMENTS (edges)]);
        g_autofree char *message = NULL;

        memcpy (changed->data + two[0], &second, two[1]);
        memcpy (changed->data + one[0], &first, one[1]);
        message = try_open (changed);
        refused += !!message;
        opened += !message;
      }
  g_test_message ("%u refused, %u opened", refused, opened);
  g_assert_cmpuint (refused, >, 2000);
}

static void
test_truncated (void)
{
  g_autoptr (GArray) numbers = g_array_new (FALSE, FALSE, 2 * sizeof (guint));
  g_autoptr (GByteArray) good = build (numbers);

  while (good->len-- > 0) {
    g_autofree char *message = try_open (good);

    g_assert_nonnull (message);
  }
}

/* A header of the test's own: counts, then what is given, then bytes. */
static void
refuse (guint64 n_tensors, guint64 n_values, const char *rest, gsize length, guint bytes, const char *expected)
{
  g_autoptr (GByteArray) file = g_byte_array_new ();
  g_autofree char *message = NULL;

  PUT (file, "GGUF\3\0\0\0");
  put_number (file, n_tensors, 8);
  put_number (file, n_values, 8);
  put (file, rest, length);
  g_byte_array_set_size (file, (file->len + 31) / 32 * 32);
  for (guint i = 0; i < bytes; i++)
    PUT (file, "\0");
  message = try_open (file);
  if (!message || !strstr (message, expected))
    g_error ("“%s” was expected in: %s", expected, message);
}

#define REFUSE(n_tensors, n_values, rest, bytes, expected) refuse (n_tensors, n_values, rest, sizeof (rest) - 1, bytes, expected)
#define LEN(n) n "\0\0\0\0\0\0\0"
#define A LEN ("\1") "a"
#define AXIS(n) "\1\0\0\0" LEN (n)
#define KIND(n) n "\0\0\0"
#define ALIGNMENT LEN ("\x11") "general.alignment"

static void
test_lies (void)
{
  REFUSE (G_MAXUINT64, 0, "", 0, "ends within its header");
  REFUSE (0, G_MAXUINT64, "", 0, "more than 10000 metadata keys");
  REFUSE (0, 2, A KIND ("\0") "x" A KIND ("\0") "x", 0, "metadata “a” is given twice");
  REFUSE (0, 1, A KIND ("\xd") "x", 0, "unknown type 13");
  REFUSE (0, 1, A KIND ("\x9") KIND ("\x9") LEN ("\1"), 0, "unknown type 9");
  REFUSE (0, 1, A KIND ("\x9") KIND ("\x4") "\0\0\0\0\0\0\0\x40", 0, "ends within its header");
  REFUSE (0, 1, A KIND ("\x9") KIND ("\x8") "\xff\xff\xff\xff\xff\xff\xff\xff", 0, "ends within its header");
  REFUSE (0, 1, "\0\0\0\0\0\0\0\x10", 0, "ends within its header");
  REFUSE (0, 1, LEN ("\0") KIND ("\0") "x", 0, "no text");
  REFUSE (0, 1, LEN ("\2") "\xff\xfe" KIND ("\0") "x", 0, "no text");
  REFUSE (0, 1, LEN ("\2") "a\0" KIND ("\0") "x", 0, "no text");
  REFUSE (0, 1, ALIGNMENT KIND ("\xa") "\40\0\0\0\0\0\0\0", 0, "unknown type 10");
  REFUSE (0, 1, ALIGNMENT KIND ("\4") "\0\0\0\0", 0, "no power of two");
  REFUSE (0, 1, ALIGNMENT KIND ("\4") "\3\0\0\0", 0, "no power of two");
  REFUSE (0, 1, ALIGNMENT KIND ("\4") "\0\0\0\x80", 0, "no power of two");
  REFUSE (1, 0, A KIND ("\5") "", 0, "has 5 axes");
  REFUSE (1, 0, A "\xff\xff\xff\xff", 0, "has 4294967295 axes");
  REFUSE (1, 0, A AXIS ("\0") KIND ("\x2a") LEN ("\0"), 0, "unknown type “42”");
  REFUSE (1, 0, A AXIS ("\x21") KIND ("\x8") LEN ("\0"), 64, "no whole blocks of Q8_0");
  REFUSE (1, 0, A KIND ("\0") KIND ("\x8") LEN ("\0"), 64, "no whole blocks of Q8_0");
  REFUSE (1, 0, A "\1\0\0\0" "\0\0\0\0\0\0\0\x80" KIND ("\0") LEN ("\0"), 0, "more elements");
  REFUSE (1, 0, A "\2\0\0\0" "\0\0\0\0\1\0\0\0" "\0\0\0\0\1\0\0\0" KIND ("\0") LEN ("\0"), 0, "more elements");
  REFUSE (1, 0, A "\1\0\0\0" "\0\0\0\0\0\0\0\x40" KIND ("\0") LEN ("\0"), 0, "more elements");
  REFUSE (1, 0, A AXIS ("\x9") KIND ("\0") LEN ("\0"), 32, "lies at bytes 0 to 36 of 32");
  REFUSE (1, 0, A AXIS ("\1") KIND ("\0") "\xe0\xff\xff\xff\xff\xff\xff\xff", 32, "lies at bytes");
  REFUSE (1, 0, A AXIS ("\1") KIND ("\0") LEN ("\1"), 32, "belong to no tensor");
  REFUSE (1, 0, A AXIS ("\1") KIND ("\0") LEN ("\x20"), 64, "belong to no tensor");
  REFUSE (1, 0, A AXIS ("\1") KIND ("\0") LEN ("\0"), 36, "bytes at its end");
  REFUSE (2, 0, A AXIS ("\1") KIND ("\0") LEN ("\0") LEN ("\1") "b" AXIS ("\1") KIND ("\0") LEN ("\0"), 32, "overlaps another");
  REFUSE (2, 0, A AXIS ("\1") KIND ("\0") LEN ("\0") A AXIS ("\1") KIND ("\0") LEN ("\x20"), 64, "“a” is given twice");
}

#define SHAPE(list) LEN ("\x17") "comfy.gguf.orig_shape.a" KIND ("\x9") list
#define TENSOR A "\2\0\0\0" LEN ("\x4") LEN ("\x2") KIND ("\0") LEN ("\0") /* [2, 4] */

/* A shape that was changed to fit into blocks is the old one again. */
static void
test_original_shape (void)
{
  static const char rest[] = SHAPE (KIND ("\x5") LEN ("\3") "\2\0\0\0" "\1\0\0\0" "\4\0\0\0") TENSOR;
  g_autoptr (GByteArray) file = g_byte_array_new ();
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (VelTensorFile) opened = NULL;

  PUT (file, "GGUF\3\0\0\0");
  put_number (file, 1, 8), put_number (file, 1, 8);
  put (file, rest, sizeof rest - 1);
  put_number (file, 0, (32 - file->len % 32) % 32 + 32);
  path = scratch_file ("shape.gguf", file->data, file->len);
  opened = vel_tensor_file_open (path, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (vel_shape_equal (vel_tensor_file_get (opened, 0)->shape, VEL_SHAPE (2, 1, 4)));

  REFUSE (1, 1, SHAPE (KIND ("\x5") LEN ("\2") "\2\0\0\0" "\5\0\0\0") TENSOR, 32, "another number of elements");
  REFUSE (1, 1, SHAPE (KIND ("\x5") LEN ("\2") "\2\0\0\0" "\xff\xff\xff\xff") TENSOR, 32, "is no shape");
  REFUSE (1, 1, SHAPE (KIND ("\x5") LEN ("\x9")) TENSOR, 32, "is no shape");
  REFUSE (1, 1, SHAPE (KIND ("\x8") LEN ("\1")) TENSOR, 32, "is no shape");
  REFUSE (1, 1, SHAPE (KIND ("\x5") "\0\0\0\0\0\0\0\x10") TENSOR, 32, "is no shape");
  REFUSE (1, 2, SHAPE (KIND ("\x5") LEN ("\1") "\x8\0\0\0") SHAPE (KIND ("\x5") LEN ("\1") "\x8\0\0\0") TENSOR, 32, "given twice");
}

static void
test_versions (void)
{
  static const struct {
    guint32 version;
    const char *expected;
  } cases[] = { { 1, "of version 1;" }, { 4, "of version 4;" }, { 0x03000000, "of version 50331648;" }, { 0, "of version 0;" } };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GByteArray) file = g_byte_array_new ();
    g_autofree char *message = NULL;

    PUT (file, "GGUF");
    put_number (file, cases[i].version, 4);
    put_number (file, 0, 16);
    message = try_open (file);
    g_assert_nonnull (strstr (message, cases[i].expected));
  }
}

int
main (int argc, char **argv)
{
  scratch_init (&argc, &argv);
  g_test_add_func ("/formats/gguf/types", test_types);
  g_test_add_func ("/formats/gguf/metadata", test_metadata);
  g_test_add_func ("/formats/gguf/encode", test_encode);
  g_test_add_func ("/formats/gguf/weights", test_weights);
  g_test_add_func ("/formats/gguf/edges", test_edges);
  g_test_add_func ("/formats/gguf/truncated", test_truncated);
  g_test_add_func ("/formats/gguf/lies", test_lies);
  g_test_add_func ("/formats/gguf/original-shape", test_original_shape);
  g_test_add_func ("/formats/gguf/versions", test_versions);
  return g_test_run ();
}
