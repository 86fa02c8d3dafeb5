/* LoRA files that are broken, made to be slow, or changed while they are in use: one sentence each, and nothing of them stays behind.
 * SPDX-License-Identifier: Apache-2.0 */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "engine/error.h"
#include "engine/formats/safetensors.h"
#include "engine/pipeline/generate.h"
#include "engine/pipeline/request.h"
#include "tests/support/tensor-list.h"
#include "tests/support/tiny-model.h"

#define QUERIES "lora_unet_middle_block_1_transformer_blocks_0_attn1_to_q"
#define WIDTH 64 /* of that layer */
#define MANY 70  /* files, more than kernels merge at once */

static char *folder, *model;
static VelEngine *engine;

static float *
add_tensor (GArray *tensors, char *name, VelShape shape, guint seed, double scale)
{
  float *values = tensor_list_add (tensors, name, shape);

  tensor_list_fill (values, vel_shape_count (shape), seed, scale);
  return values;
}

static void
add_layer (GArray *tensors, const char *layer, gint64 rank, guint seed)
{
  add_tensor (tensors, g_strconcat (layer, ".lora_down.weight", NULL), VEL_SHAPE (rank, WIDTH), 2 * seed, 0.2);
  add_tensor (tensors, g_strconcat (layer, ".lora_up.weight", NULL), VEL_SHAPE (WIDTH, rank), 2 * seed + 1, 0.5);
}

/* Returns: (transfer full) the path */
static char *
write_tensors (const char *name, GArray *tensors)
{
  char *path = g_build_filename (folder, name, NULL);

  tensor_list_write (tensors, path);
  return path;
}

/* A safetensors file of a header as it is and some zeros. */
static char *
write_header (const char *name, const char *header)
{
  char *path = g_build_filename (folder, name, NULL);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  guint64 length = GUINT64_TO_LE (strlen (header));
  static const guint8 zeros[4096];

  g_byte_array_append (bytes, (const guint8 *) &length, sizeof length);
  g_byte_array_append (bytes, (const guint8 *) header, (guint) strlen (header));
  g_byte_array_append (bytes, zeros, sizeof zeros);
  g_assert_true (g_file_set_contents (path, (const char *) bytes->data, bytes->len, NULL));
  return path;
}

typedef struct {
  const char *truncate;      /* file that loses its end once the text is encoded */
  GCancellable *cancellable; /* cancelled then */
} Interruption;

static void
on_progress (const VelProgress *progress, gpointer data)
{
  Interruption *interruption = data;

  if (progress->stage != VEL_STAGE_TEXT)
    return;
  if (interruption->truncate)
    g_assert_cmpint (truncate (interruption->truncate, 4096), ==, 0);
  if (interruption->cancellable)
    g_cancellable_cancel (interruption->cancellable);
}

/* loras: (nullable) lines of the option. Returns: (transfer full); NULL with error set */
static VelResult *
paint (const char *loras, Interruption *interruption, GError **error)
{
  static const char *const options[] = { "prompt", "a cliff", "seed", "7", "steps", "1", "width", "64", "height", "64" };
  g_autoptr (VelValues) request = vel_request_new ();
  VelResult *result;

  vel_values_set (request, "model", model, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (options); i += 2)
    vel_values_set (request, options[i], options[i + 1], NULL);
  if (loras)
    g_assert_true (vel_values_set (request, "lora", loras, NULL));
  result = vel_engine_generate (engine, request, interruption ? on_progress : NULL, interruption, NULL, FALSE,
                                interruption ? interruption->cancellable : NULL, error);
  for (guint i = 0; result && result->notes[i]; i++) {
    g_test_message ("%s", result->notes[i]);
    g_assert_true (g_utf8_validate (result->notes[i], -1, NULL));
    g_assert_cmpuint (strlen (result->notes[i]), <, 1000);
  }
  return result;
}

/* Of one picture of 64 by 64: how far apart the most different bytes are. */
static int
difference (const VelResult *a, const VelResult *b)
{
  const guint8 *x = ((VelPicture *) a->pictures->pdata[0])->rgb, *y = ((VelPicture *) b->pictures->pdata[0])->rgb;
  int largest = 0;

  for (gsize i = 0; i < 64 * 64 * 3; i++)
    largest = MAX (largest, ABS (x[i] - y[i]));
  return largest;
}

/* A sentence that names the file. */
static void
assert_refused (const char *path, int code)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VelResult) result = paint (path, NULL, &error);
  g_autofree char *name = g_path_get_basename (path);

  g_assert_null (result);
  g_assert_error (error, VEL_ERROR, code);
  g_test_message ("%s", error->message);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  g_assert_nonnull (strstr (error->message, name));
  g_assert_null (strchr (error->message, '\n'));
  g_assert_cmpuint (strlen (error->message), <, 1000);
}

/* Ranks of nothing and of a thousand million, in a header that agrees with its file and in one that does not. */
static void
test_headers (void)
{
  g_autofree char *large =
      write_header ("large.safetensors", "{\"" QUERIES ".lora_down.weight\":{\"dtype\":\"F32\",\"shape\":[1000000000,64],"
                                         "\"data_offsets\":[0,4096]}}");
  g_autofree char *empty =
      write_header ("empty.safetensors", "{\"a.lora_down.weight\":{\"dtype\":\"F32\",\"shape\":[1024],\"data_offsets\":"
                                         "[0,4096]},\"" QUERIES ".lora_down.weight\":{\"dtype\":\"F32\",\"shape\":"
                                         "[0,64],\"data_offsets\":[4096,4096]},\"" QUERIES ".lora_up.weight\":"
                                         "{\"dtype\":\"F32\",\"shape\":[64,0],\"data_offsets\":[4096,4096]}}");
  g_autofree char *broken =
      write_header ("broken.safetensors", "{\"lora_unet_\xff\xfe.lora_down.weight\":{\"dtype\":\"F32\",\"shape\":[1024],"
                                          "\"data_offsets\":[0,4096]}}");

  assert_refused (large, VEL_ERROR_FORMAT);
  assert_refused (empty, VEL_ERROR_WEIGHT);
  assert_refused (broken, VEL_ERROR_FORMAT);
}

/* An error among layers that are sound leaves nothing of them behind. */
static void
test_half_broken (void)
{
  static const char *const layers[] = { "lora_unet_input_blocks_3_1_transformer_blocks_0_attn1_to_q",
                                        "lora_unet_input_blocks_5_1_transformer_blocks_0_attn1_to_v", QUERIES };
  g_autoptr (GArray) alone = tensor_list_new (), endless = tensor_list_new ();
  g_autoptr (VelResult) before = paint (NULL, NULL, NULL), after = NULL;
  g_autofree char *half = NULL, *infinite = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (layers); i++) {
    add_layer (alone, layers[i], 2, i);
    add_layer (endless, layers[i], 2, i);
  }
  add_tensor (alone, g_strdup ("lora_unet_output_blocks_0_1_transformer_blocks_0_attn1_to_q.lora_down.weight"), VEL_SHAPE (2, WIDTH), 1, 1);
  add_layer (endless, "lora_unet_output_blocks_0_1_transformer_blocks_0_attn1_to_q", 2, 9);
  ((float *) g_array_index (endless, VelTensorOut, endless->len - 1).data)[5] = NAN;
  half = write_tensors ("half.safetensors", alone);
  infinite = write_tensors ("infinite.safetensors", endless);
  assert_refused (half, VEL_ERROR_WEIGHT);
  assert_refused (infinite, VEL_ERROR_NUMBERS);
  after = paint (NULL, NULL, NULL);
  g_assert_cmpint (difference (before, after), ==, 0);
}

/* One layer under ten thousand names: the first is taken, and the others are left out. */
static void
test_aliases (void)
{
  const char *layer = "base_model_model_lora_unet_input_blocks_3_1_transformer_blocks_0_attn1_to_out_0";
  g_autoptr (GArray) many = tensor_list_new (), one = tensor_list_new ();
  g_autofree char *all = NULL, *first = NULL;
  g_autoptr (VelResult) plain = paint (NULL, NULL, NULL), with_all = NULL, with_first = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 10000; i++) {
    g_autofree char *name = g_strdup (layer);
    guint separator = 0;

    for (char *at = name; *at; at++)
      if (*at == '_' && !(i & (1u << separator++)))
        *at = '.';
    add_layer (many, name, 1, i); /* seed 0 is the name of dots alone, which sorts first */
    if (i == 0)
      add_layer (one, name, 1, 0);
  }
  all = write_tensors ("aliases.safetensors", many);
  first = write_tensors ("alias.safetensors", one);
  with_all = paint (all, NULL, &error);
  g_assert_no_error (error);
  with_first = paint (first, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (difference (with_all, with_first), ==, 0);
  g_assert_cmpint (difference (with_all, plain), >, 0);
}

/* A hundred thousand names that mean nothing, and one of ten thousand characters, cost no time and fill no message. */
static void
test_unknown (void)
{
  g_autoptr (GArray) tensors = tensor_list_new ();
  g_autofree char *path = NULL, *filling = g_strnfill (10000, 'x');
  g_autoptr (VelResult) result = NULL;
  g_autoptr (GError) error = NULL;
  gint64 start;

  add_layer (tensors, QUERIES, 2, 1);
  add_tensor (tensors, g_strconcat ("lora_unet_", filling, ".lora_down.weight", NULL), VEL_SHAPE (1), 1, 1);
  for (guint i = 0; i < 50000; i++) {
    add_tensor (tensors, g_strdup_printf ("lora_unet_nothing_%u.lora_down.weight", i), VEL_SHAPE (1), 1, 1);
    add_tensor (tensors, g_strdup_printf ("nothing_%u", i), VEL_SHAPE (1), 1, 1);
  }
  path = write_tensors ("unknown.safetensors", tensors);
  start = g_get_monotonic_time ();
  result = paint (path, NULL, &error);
  g_assert_no_error (error);
  g_test_message ("%.2f s", (double) (g_get_monotonic_time () - start) / 1e6);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 10 * G_USEC_PER_SEC); /* 0.3 s where nothing else runs */
}

/* What is missing once a file is in use is noticed, and is not there for the next picture. */
static void
test_truncated (void)
{
  g_autoptr (GArray) tensors = tensor_list_new ();
  g_autofree char *path = NULL;
  g_autoptr (VelResult) before = paint (NULL, NULL, NULL), cut = NULL, after = NULL;
  g_autoptr (GError) error = NULL, again = NULL;

  add_layer (tensors, QUERIES, 200, 1);
  path = write_tensors ("truncated.safetensors", tensors);
  cut = paint (path, &(Interruption){ .truncate = path }, &error);
  g_assert_null (cut);
  g_assert_error (error, VEL_ERROR, VEL_ERROR_FORMAT);
  g_test_message ("%s", error->message);
  assert_refused (path, VEL_ERROR_FORMAT);
  after = paint (NULL, NULL, NULL);
  g_assert_cmpint (difference (before, after), ==, 0);
}

/* Another file of the same name is read anew. */
static void
test_replaced (void)
{
  g_autoptr (GArray) first = tensor_list_new (), second = tensor_list_new ();
  g_autofree char *path = NULL, *same = NULL, *other = NULL;
  g_autoptr (VelResult) old = NULL, new = NULL, expected = NULL;

  add_layer (first, QUERIES, 2, 1);
  add_layer (second, QUERIES, 2, 2);
  path = write_tensors ("replaced.safetensors", first);
  other = write_tensors ("other.safetensors", second);
  old = paint (path, NULL, NULL);
  same = write_tensors ("replaced.safetensors", second);
  new = paint (path, NULL, NULL);
  expected = paint (other, NULL, NULL);
  g_assert_cmpint (difference (old, new), >, 0);
  g_assert_cmpint (difference (new, expected), ==, 0);
}

static void
test_cancelled (void)
{
  g_autoptr (GArray) tensors = tensor_list_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autofree char *path = NULL;
  g_autoptr (VelResult) before = paint (NULL, NULL, NULL), none = NULL, after = NULL, with = NULL, expected = NULL;
  g_autoptr (GError) error = NULL;

  add_layer (tensors, QUERIES, 2, 1);
  add_layer (tensors, "lora_te_text_model_encoder_layers_0_self_attn_q_proj", 2, 2);
  path = write_tensors ("cancelled.safetensors", tensors);
  none = paint (path, &(Interruption){ .cancellable = cancellable }, &error);
  g_assert_null (none);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  after = paint (NULL, NULL, NULL);
  g_assert_cmpint (difference (before, after), ==, 0);
  with = paint (path, NULL, NULL);
  g_assert_cmpint (difference (before, with), >, 0);
}

/* More files on one weight, and on one bias, than kernels merge at once: in any order the same, and what one file of them all makes. */
static void
test_many (void)
{
  const char *bias = "lora_unet_middle_block_1_proj_in.diff_b";
  g_autoptr (GArray) whole = tensor_list_new ();
  g_autoptr (GString) forwards = g_string_new (NULL), backwards = g_string_new (NULL);
  float *down = add_tensor (whole, g_strdup (QUERIES ".lora_down.weight"), VEL_SHAPE (MANY, WIDTH), 0, 0);
  float *up = add_tensor (whole, g_strdup (QUERIES ".lora_up.weight"), VEL_SHAPE (WIDTH, MANY), 0, 0);
  float *sum = add_tensor (whole, g_strdup (bias), VEL_SHAPE (WIDTH), 0, 0);
  g_autofree char *all = NULL;
  g_autoptr (VelResult) plain = paint (NULL, NULL, NULL), one = NULL, other = NULL, expected = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < MANY; i++) {
    g_autoptr (GArray) tensors = tensor_list_new ();
    g_autofree char *name = g_strdup_printf ("many-%u.safetensors", i), *path = NULL;
    float *values = add_tensor (tensors, g_strdup (bias), VEL_SHAPE (WIDTH), i + 500, 0.1);

    add_layer (tensors, QUERIES, 1, i);
    path = write_tensors (name, tensors);
    memcpy (down + i * WIDTH, g_array_index (tensors, VelTensorOut, 1).data, WIDTH * sizeof (float));
    for (guint k = 0; k < WIDTH; k++) {
      up[k * MANY + i] = 0.5f * ((const float *) g_array_index (tensors, VelTensorOut, 2).data)[k];
      sum[k] += 0.5f * values[k];
    }
    g_string_append_printf (forwards, "%s:0.5\n", path);
    g_string_prepend (backwards, ":0.5\n");
    g_string_prepend (backwards, path);
  }
  all = write_tensors ("all.safetensors", whole);
  one = paint (forwards->str, NULL, &error);
  g_assert_no_error (error);
  other = paint (backwards->str, NULL, &error);
  g_assert_no_error (error);
  expected = paint (all, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (difference (one, other), ==, 0);
  g_assert_cmpint (difference (one, expected), <=, 1);
  g_assert_cmpint (difference (one, plain), >, 5);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("velatura-hostile-XXXXXX", NULL);
  g_setenv ("XDG_DATA_HOME", folder, TRUE);
  engine = vel_engine_new ("cpu", &(VelDeviceOptions){ .threads = 2 }, &error);
  g_assert_no_error (error);
  model = tiny_model_write ("one-block", folder);
  g_test_add_func ("/lora/hostile/headers", test_headers);
  g_test_add_func ("/lora/hostile/half-broken", test_half_broken);
  g_test_add_func ("/lora/hostile/aliases", test_aliases);
  g_test_add_func ("/lora/hostile/unknown", test_unknown);
  g_test_add_func ("/lora/hostile/truncated", test_truncated);
  g_test_add_func ("/lora/hostile/replaced", test_replaced);
  g_test_add_func ("/lora/hostile/cancelled", test_cancelled);
  g_test_add_func ("/lora/many", test_many);
  status = g_test_run ();
  vel_engine_free (engine);
  tiny_remove_tree (folder);
  g_free (folder);
  g_free (model);
  return status;
}
