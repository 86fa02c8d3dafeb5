/* Conversions against PyTorch, numpy and gguf, through a file and back.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/convert.h"

#include "engine/error.h"
#include "engine/formats/gguf-blocks.h"
#include "engine/formats/safetensors.h"
#include "tests/engine/formats/scratch.h"

#include <string.h>

static const char *const kinds[] = { "fp32", "fp16", "bf16", "fp8", "q8_0" };

static VelWeights *
open_weights (const char *path)
{
  g_autoptr (GError) error = NULL;
  VelWeights *weights = vel_weights_open (path, NULL, &error);

  g_assert_no_error (error);
  return weights;
}

/* Each tensor's stored bytes and type. */
static void
compare (VelTensorFile *got, VelTensorFile *want, const char *kind)
{
  g_autofree char *prefix = g_strconcat (kind, "/", NULL);
  gsize compared = 0;

  for (gsize i = 0; i < vel_tensor_file_get_count (want); i++) {
    const VelTensorEntry *expected = vel_tensor_file_get (want, i), *entry;

    if (!g_str_has_prefix (expected->name, prefix))
      continue;
    entry = vel_tensor_file_find (got, expected->name + strlen (prefix));
    g_assert_nonnull (entry);
    if (!g_str_equal (entry->dtype, "Q8_0"))
      g_assert_cmpstr (entry->dtype, ==, expected->dtype);
    g_assert_cmpmem (entry->data, entry->span, expected->data, expected->span);
    compared++;
  }
  g_assert_cmpuint (compared, ==, g_str_equal (kind, "q8_0") ? 10 : 11);
}

static void
test_kind (gconstpointer data)
{
  gsize kind = GPOINTER_TO_SIZE (data);
  g_autofree char *from = golden_path ("convert.safetensors"), *expected = golden_path ("converted.safetensors");
  g_autofree char *to = scratch_path ("out");
  g_autoptr (VelWeights) weights = open_weights (from);
  g_autoptr (VelTensorFile) want = NULL, got = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (vel_convert (weights, &(VelConvert) { .type = kind, .output = to, .architecture = "sd1" }, NULL, &error));
  g_assert_no_error (error);
  want = vel_tensor_file_open (expected, NULL, NULL);
  got = vel_tensor_file_open (to, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (vel_tensor_file_get_count (got), ==, 11);
  g_assert_cmpstr (vel_tensor_file_get_container (got), ==, kind == VEL_CONVERT_Q8_0 ? "gguf" : "safetensors");
  g_assert_cmpstr (vel_tensor_file_get_metadata (got, "title"), ==, "漆");
  g_assert_cmpstr (vel_tensor_file_get_metadata (got, kind == VEL_CONVERT_Q8_0 ? "general.architecture" : "format"), ==,
                   kind == VEL_CONVERT_Q8_0 ? "sd1" : "pt");
  compare (got, want, kinds[kind]);
}

/* A file of one container becomes one of another, and says the same: a checkpoint's views, a GGUF's blocks, weights with scales. */
static void
test_containers (void)
{
  static const struct {
    const char *file, *tensor, *expected_file, *expected;
    guint64 count;
  } cases[] = {
    { "checkpoints/views.pt", "view.transposed", "checkpoints/expected.safetensors", "view.transposed", 9 },
    { "checkpoints/views.pt", "view.expanded", "checkpoints/expected.safetensors", "view.expanded", 9 },
    { "checkpoints/views.pt", "view.five", "checkpoints/expected.safetensors", "view.five", 9 },
    { "scaled-float8.safetensors", "a.weight", "scaled-float8.safetensors", "expected.a", 7 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *from = golden_path (cases[i].file), *expected = golden_path (cases[i].expected_file), *to = scratch_path ("out");
    g_autoptr (VelWeights) weights = open_weights (from);
    g_autoptr (VelTensorFile) want = vel_tensor_file_open (expected, NULL, NULL), got = NULL;
    g_autoptr (GError) error = NULL;
    const VelTensorEntry *a, *b;

    g_assert_true (vel_convert (weights, &(VelConvert) { .output = to, .replace = TRUE }, NULL, &error));
    got = vel_tensor_file_open (to, NULL, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (vel_tensor_file_get_count (got), ==, cases[i].count);
    a = vel_tensor_file_find (got, cases[i].tensor);
    b = vel_tensor_file_find (want, cases[i].expected);
    g_assert_cmpmem (a->data, a->bytes, b->data, b->bytes);
  }
}

static void
refuse (const char *from, VelConvertType type, const char *to, GQuark domain, int code, const char *expected)
{
  g_autoptr (VelWeights) weights = open_weights (from);
  g_autofree char *folder = g_path_get_dirname (to), *before = NULL, *after = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) dir = NULL;

  g_file_get_contents (to, &before, NULL, NULL);
  g_assert_false (vel_convert (weights, &(VelConvert) { .type = type, .output = to }, NULL, &error));
  g_assert_error (error, domain, code);
  if (!strstr (error->message, expected))
    g_error ("“%s” was expected in: %s", expected, error->message);
  g_file_get_contents (to, &after, NULL, NULL);
  g_assert_cmpstr (before, ==, after);
  dir = g_dir_open (folder, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));)
    g_assert_false (g_str_has_suffix (name, ".tmp")); /* nothing half done is left */
}

static void
test_refused (void)
{
  const float huge[2] = { 1, 70000 };
  const VelTensorOut out[] = { { "a.weight", VEL_F32, VEL_SHAPE (1, 2), huge }, { "b", VEL_U8, VEL_SHAPE (1), "x" } };
  g_autofree char *from = scratch_path ("in.safetensors"), *to = scratch_path ("out"), *taken = scratch_file ("taken", "mine", 4);
  g_autofree char *blocks = golden_path ("types.gguf"), *complex = golden_path ("checkpoints/zip-2.pt");
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (VelWeights) weights = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (vel_safetensors_write (from, out, 2, NULL, NULL));
  refuse (from, VEL_CONVERT_FP16, to, VEL_ERROR, VEL_ERROR_NUMBERS, "“a.weight” has numbers beyond 65504");
  refuse (from, VEL_CONVERT_Q8_0, to, VEL_ERROR, VEL_ERROR_FORMAT, "“b” can not be converted: it is stored as U8");
  refuse (from, VEL_CONVERT_BF16, taken, G_IO_ERROR, G_IO_ERROR_EXISTS, "exists already");
  refuse (from, VEL_CONVERT_BF16, "/proc/nothing/out", VEL_ERROR, VEL_ERROR_STORAGE, "can not be written");
  refuse (blocks, VEL_CONVERT_FP16, to, VEL_ERROR, VEL_ERROR_FORMAT, "“IQ4_XS” can not be converted: it is stored as IQ4_XS");
  refuse (complex, VEL_CONVERT_BF16, to, VEL_ERROR, VEL_ERROR_FORMAT, "“type.C128” can not be converted: it is stored as C128");
  g_cancellable_cancel (cancellable);
  weights = open_weights (from);
  g_assert_false (vel_convert (weights, &(VelConvert) { .type = VEL_CONVERT_BF16, .output = to }, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_false (g_file_test (to, G_FILE_TEST_EXISTS));
}

int
main (int argc, char **argv)
{
  scratch_init (&argc, &argv);
  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++) {
    g_autofree char *path = g_strconcat ("/formats/convert/", kinds[i], NULL);

    g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_kind);
  }
  g_test_add_func ("/formats/convert/containers", test_containers);
  g_test_add_func ("/formats/convert/refused", test_refused);
  return g_test_run ();
}
