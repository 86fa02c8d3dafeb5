/* Networks that enlarge pictures against PyTorch, in every layout of names and container; files that are none of them.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/formats/safetensors.h"
#include "engine/models/upscaler.h"
#include "tests/support/tiny-model.h"

static char *folder;

typedef struct {
  const char *file, *kind;
  unsigned scale, blocks;
  gint64 features;
  unsigned multiple;
} Case;

static const Case cases[] = {
  { "first-x4.pth", "ESRGAN", 4, 2, 6, 1 },
  { "first-x1.pth", "ESRGAN", 1, 2, 6, 1 },
  { "first-x2.pth", "ESRGAN", 2, 1, 6, 1 },
  { "first-x8.safetensors", "ESRGAN", 8, 1, 6, 1 },
  { "second-x4.pth", "ESRGAN", 4, 3, 6, 1 },
  { "plus-x4.pth", "ESRGAN+", 4, 2, 6, 1 },
  { "real-x4.pth", "ESRGAN", 4, 1, 6, 1 },
  { "real-x2.pth", "ESRGAN", 2, 1, 6, 2 },
  { "real-x1.safetensors", "ESRGAN", 1, 1, 6, 4 },
  { "compact-x4.pth", "Compact", 4, 3, 8, 1 },
  { "compact-x2.safetensors", "Compact", 2, 1, 8, 1 },
  { "compact-x1.pth", "Compact", 1, 2, 5, 1 },
};

static VelWeights *
open_file (const char *name)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "golden", "upscalers", name, NULL);
  g_autoptr (GError) error = NULL;
  VelWeights *weights = vel_weights_open (path, NULL, &error);

  g_assert_no_error (error);
  return weights;
}

static VelTensor *
upload (VelContext *ctx, const VelTensorEntry *entry)
{
  VelTensor *tensor = vel_context_tensor (ctx, VEL_F32, entry->shape);

  vel_tensor_upload (tensor, entry->data);
  return vel_op_channels_last (ctx, tensor);
}

static void
expect_close (const float *found, const VelTensorEntry *entry, const char *name)
{
  const float *wanted = entry->data;
  double square = 0, reference = 0, largest = 0;

  for (gint64 i = 0; i < vel_shape_count (entry->shape); i++) {
    double difference = fabs ((double) wanted[i] - found[i]);

    square += difference * difference;
    reference += (double) wanted[i] * wanted[i];
    largest = MAX (largest, difference);
  }
  g_test_message ("%s: relative L2 %.2e (largest difference %.2e)", name, sqrt (square / reference), largest);
  g_assert_cmpfloat (sqrt (square / reference), <, 1e-5);
}

static void
run_on (const Case *test, VelDevice *device)
{
  g_autofree char *stem = g_strndup (test->file, strcspn (test->file, ".")), *leaf = g_strconcat (stem, ".safetensors", NULL);
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "golden", "upscalers", "golden", leaf, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (VelTensorFile) golden = vel_safetensors_open (path, NULL, &error);
  g_autoptr (VelWeights) weights = open_file (test->file);
  g_autoptr (VelContext) ctx = vel_context_new (device, NULL);
  VelLoader loader = { .weights = weights, .device = device, .compute = VEL_F32 };
  g_autoptr (VelUpscaler) upscaler = vel_upscaler_load (&loader);
  const VelTensorEntry *wanted;
  g_autofree float *found = NULL;
  VelTensor *made;

  g_assert_no_error (loader.error);
  g_assert_no_error (error);
  wanted = vel_tensor_file_find (golden, "y");
  found = g_malloc (wanted->bytes);
  made = vel_op_channels_first (ctx, vel_upscaler_forward (ctx, upscaler, upload (ctx, vel_tensor_file_find (golden, "x"))));
  g_assert_true (vel_context_check (ctx, &error));
  g_assert_true (vel_shape_equal (made->shape, wanted->shape));
  vel_tensor_download (made, found);
  expect_close (found, wanted, device->name);
}

static void
test_network (gconstpointer data)
{
  const Case *test = data;
  g_autoptr (VelWeights) weights = open_file (test->file);
  g_autoptr (VelDevice) plain = vel_device_new_reference (), fast = vel_device_new_cpu (2, 0, NULL);
  VelUpscalerFacts facts;

  g_assert_true (vel_upscaler_look (weights, &facts, NULL));
  g_assert_cmpstr (facts.kind, ==, test->kind);
  g_assert_cmpuint (facts.scale, ==, test->scale);
  g_assert_cmpuint (facts.blocks, ==, test->blocks);
  g_assert_cmpint (facts.features, ==, test->features);
  g_assert_cmpuint (facts.multiple, ==, test->multiple);
  run_on (test, plain);
  run_on (test, fast);
}

/* One tensor of a file in another shape, under another name, or left away (NULL). Returns: (transfer full) what loading says */
static char *
load_changed (const char *file, const char *name, const char *as, VelShape shape)
{
  g_autoptr (VelWeights) weights = open_file (file);
  const char *const *names = vel_weights_get_names (weights);
  g_autoptr (GString) json = g_string_new ("{"), data = g_string_new (NULL);
  g_autofree char *path = g_build_filename (folder, "changed.safetensors", NULL);
  g_autoptr (VelDevice) device = vel_device_new_reference ();
  g_autoptr (GError) error = NULL;
  g_autoptr (VelWeights) changed = NULL;
  VelLoader loader = { .device = device, .compute = VEL_F32 };
  guint64 length;

  for (gsize i = 0; names[i]; i++) {
    gboolean is = g_str_equal (names[i], name);
    const VelTensorEntry *entry = vel_weights_load (weights, names[i], NULL);
    VelShape sizes = is ? shape : entry->shape;
    gsize bytes = (gsize) vel_shape_count (sizes) * vel_type_size (entry->type), before = data->len;

    if (is && !as)
      continue;
    g_string_set_size (data, before + bytes);
    memset (data->str + before, 0, bytes);
    g_string_append_printf (json, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", json->len > 1 ? "," : "", is ? as : names[i], entry->dtype);
    for (unsigned k = 0; k < sizes.n; k++)
      g_string_append_printf (json, "%s%" G_GINT64_FORMAT, k ? "," : "", sizes.size[k]);
    g_string_append_printf (json, "],\"data_offsets\":[%zu,%zu]}", before, data->len);
  }
  g_string_append_c (json, '}');
  length = GUINT64_TO_LE (json->len);
  g_string_prepend_len (json, (const char *) &length, sizeof length);
  g_string_append_len (json, data->str, (gssize) data->len);
  g_assert_true (g_file_set_contents (path, json->str, (gssize) json->len, NULL));
  changed = vel_weights_open (path, NULL, &error);
  g_assert_no_error (error);
  loader.weights = changed;
  g_assert_null (vel_upscaler_load (&loader));
  g_assert_nonnull (loader.error);
  {
    g_autoptr (GError) failure = loader.error;

    return g_strdup (failure->message);
  }
}

static void
expect_refused (const char *file, const char *name, const char *as, VelShape shape, const char *said)
{
  g_autofree char *message = load_changed (file, name, as, shape);

  g_test_message ("%s", message);
  g_assert_nonnull (strstr (message, said));
  g_assert_null (strchr (message, '\n'));
}

static void
test_refused (void)
{
  const char *first = "first-x8.safetensors", *real = "real-x1.safetensors", *compact = "compact-x2.safetensors";

  expect_refused (first, "model.1.sub.0.RDB2.conv3.0.weight", "model.1.sub.0.RDB2.conv3.0.weight", VEL_SHAPE (3, 11, 3, 3),
                  "[3, 11, 3, 3]");
  expect_refused (first, "model.1.sub.0.RDB3.conv5.0.bias", NULL, VEL_SHAPE (0), "is missing");
  expect_refused (first, "model.0.weight", "model.0.weight", VEL_SHAPE (6, 4, 3, 3), "takes 4 channels");
  expect_refused (first, "model.0.weight", "model.0.weight", VEL_SHAPE (0, 3, 3, 3), "takes 3 channels");
  expect_refused (first, "model.1.sub.0.RDB1.conv1.0.weight", "model.1.sub.0.RDB1.conv1.0.weight", VEL_SHAPE (6), "");
  expect_refused (first, "model.1.sub.0.RDB1.conv1.0.weight", NULL, VEL_SHAPE (0), "no upscaler that is known");
  expect_refused (first, "model.13.weight", "model.901.weight", VEL_SHAPE (3, 6, 3, 3), "doubles the size 299 times");
  expect_refused (real, "conv_up1.weight", NULL, VEL_SHAPE (0), "doubles the size 0 times");
  expect_refused (real, "conv_last.weight", "conv_last.weight", VEL_SHAPE (1, 6, 3, 3), "gives 1");
  expect_refused (compact, "body.4.weight", "body.4.weight", VEL_SHAPE (13, 8, 3, 3), "gives 13 channels");
  expect_refused (compact, "body.3.weight", "body.3.weight", VEL_SHAPE (1), "[1]");
  expect_refused (compact, "body.4.weight", NULL, VEL_SHAPE (0), "");
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("velatura-upscalers-XXXXXX", NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_strconcat ("/upscalers/", cases[i].file, NULL);

    g_test_add_data_func (path, &cases[i], test_network);
  }
  g_test_add_func ("/upscalers/refused", test_refused);
  status = g_test_run ();
  tiny_remove_tree (folder);
  g_free (folder);
  return status;
}
