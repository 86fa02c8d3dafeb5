/* Models that can not be used: one clear sentence each.  SPDX-License-Identifier: Apache-2.0 */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/formats/safetensors.h"
#include "engine/pipeline/generate.h"
#include "engine/pipeline/request.h"
#include "tests/support/tiny-model.h"

static char *folder;
static VelEngine *engine;

/* The one-block model with one change: `edit` may rename (name), reshape or rewrite (data) a tensor, or leave it out by returning FALSE. */
typedef gboolean (*Edit) (VelTensorOut *tensor);

static char *
edited_model (const char *name, Edit edit)
{
  g_autofree char *place = g_build_filename (folder, name, NULL);
  char *path = tiny_model_write ("one-block", place);
  g_autoptr (VelTensorFile) file = vel_safetensors_open (path, NULL, NULL);
  g_autoptr (GArray) tensors = g_array_new (FALSE, FALSE, sizeof (VelTensorOut));
  g_autoptr (GPtrArray) copies = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;

  for (gsize i = 0; i < vel_tensor_file_get_count (file); i++) {
    const VelTensorEntry *entry = vel_tensor_file_get (file, i);
    VelTensorOut out = { entry->name, entry->type, entry->shape, g_memdup2 (entry->data, entry->bytes) };

    g_ptr_array_add (copies, (gpointer) out.data);
    if (edit (&out))
      g_array_append_val (tensors, out);
  }
  vel_safetensors_write (path, (const VelTensorOut *) (gpointer) tensors->data, tensors->len, NULL, &error);
  g_assert_no_error (error);
  return path;
}

static GError *
failure_of (const char *path)
{
  g_autoptr (VelValues) request = vel_request_new ();
  g_autoptr (VelResult) result = NULL;
  GError *error = NULL;

  vel_values_set (request, "model", path, NULL);
  vel_values_set (request, "steps", "1", NULL);
  vel_values_set (request, "width", "64", NULL);
  vel_values_set (request, "height", "64", NULL);
  result = vel_engine_generate (engine, request, NULL, NULL, NULL, FALSE, NULL, &error);
  g_assert_null (result);
  g_test_message ("%s", error->message);
  return error;
}

static gboolean
without_time_embed (VelTensorOut *tensor)
{
  return !g_str_equal (tensor->name, "model.diffusion_model.time_embed.2.weight");
}

static gboolean
with_nan (VelTensorOut *tensor)
{
  if (g_str_equal (tensor->name, "model.diffusion_model.out.2.weight"))
    ((guint32 *) tensor->data)[5] = 0x7fc00000;
  return TRUE;
}

static gboolean
misshapen (VelTensorOut *tensor)
{
  if (g_str_equal (tensor->name, "model.diffusion_model.middle_block.0.in_layers.2.bias"))
    tensor->shape = VEL_SHAPE (tensor->shape.size[0] / 2, 2);
  return TRUE;
}

static gboolean
without_text (VelTensorOut *tensor)
{
  return !g_str_has_prefix (tensor->name, "cond_stage_model.");
}

static gboolean
without_unet (VelTensorOut *tensor)
{
  return !g_str_has_prefix (tensor->name, "model.diffusion_model.");
}

static gboolean
without_last_output (VelTensorOut *tensor)
{
  return !g_str_has_prefix (tensor->name, "model.diffusion_model.output_blocks.5.");
}

static const struct {
  const char *name;
  Edit edit;
  int code;
  const char *says;
} cases[] = {
  { "missing", without_time_embed, VEL_ERROR_WEIGHT, "time_embed.2.weight" },
  { "nan", with_nan, VEL_ERROR_NUMBERS, "model.diffusion_model.out.2.weight" },
  { "misshapen", misshapen, VEL_ERROR_WEIGHT, "middle_block.0.in_layers.2.bias" },
  { "no-text", without_text, VEL_ERROR_FAMILY, "no text encoder" },
  { "no-unet", without_unet, VEL_ERROR_FAMILY, "no UNet" },
  { "cut-off", without_last_output, VEL_ERROR_FAMILY, "do not fit together" },
};

static void
test_edited (gconstpointer data)
{
  gsize i = GPOINTER_TO_SIZE (data);
  g_autofree char *path = edited_model (cases[i].name, cases[i].edit);
  g_autoptr (GError) error = failure_of (path);

  g_assert_error (error, VEL_ERROR, cases[i].code);
  g_assert_nonnull (strstr (error->message, cases[i].says));
}

/* Tensors that no network asks for do not stop anything, and are named. */
static void
test_extra (void)
{
  g_autofree char *place = g_build_filename (folder, "extra", NULL);
  g_autofree char *path = tiny_model_write ("one-block", place);
  g_autoptr (VelTensorFile) file = vel_safetensors_open (path, NULL, NULL);
  gsize count = vel_tensor_file_get_count (file);
  g_autofree VelTensorOut *tensors = g_new0 (VelTensorOut, count + 1);
  g_autofree char *extended = g_build_filename (folder, "extra", "extended.safetensors", NULL);
  g_autoptr (VelValues) request = vel_request_new ();
  g_autoptr (VelResult) result = NULL;
  g_autoptr (GError) error = NULL;
  float value = 1;

  for (gsize i = 0; i < count; i++) {
    const VelTensorEntry *entry = vel_tensor_file_get (file, i);

    tensors[i] = (VelTensorOut) { entry->name, entry->type, entry->shape, entry->data };
  }
  tensors[count] = (VelTensorOut) { "model.diffusion_model.stranger.weight", VEL_F32, VEL_SHAPE (1), &value };
  g_assert_true (vel_safetensors_write (extended, tensors, count + 1, NULL, NULL));
  vel_values_set (request, "model", extended, NULL);
  vel_values_set (request, "steps", "1", NULL);
  vel_values_set (request, "width", "64", NULL);
  vel_values_set (request, "height", "64", NULL);
  result = vel_engine_generate (engine, request, NULL, NULL, NULL, FALSE, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_strv_length (result->notes), ==, 1);
  g_assert_nonnull (strstr (result->notes[0], "stranger"));
}

/* Without a vocabulary the sentence says what to do. */
static void
test_no_vocabulary (void)
{
  g_autofree char *place = g_build_filename (folder, "mute", NULL);
  g_autofree char *path = tiny_model_write ("one-block", place);
  g_autofree char *vocabulary = g_build_filename (place, "vocab.json", NULL);
  g_autofree char *merges = g_build_filename (place, "merges.txt", NULL);
  g_autoptr (GError) error = NULL;

  g_remove (vocabulary);
  g_remove (merges);
  error = failure_of (path);
  g_assert_error (error, VEL_ERROR, VEL_ERROR_VOCABULARY);
  g_assert_nonnull (strstr (error->message, "--tokenizer"));
}

static void
on_progress (const VelProgress *progress, gpointer data)
{
  if (progress->stage == VEL_STAGE_LOADING && progress->fraction > 0.2)
    g_cancellable_cancel (data);
}

/* Loading tells how far it is and stops at the next tensor. */
static void
test_cancelled_loading (void)
{
  g_autofree char *place = g_build_filename (folder, "cancelled", NULL);
  g_autofree char *path = tiny_model_write ("four-levels", place);
  g_autoptr (VelValues) request = vel_request_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (VelResult) result = NULL;
  g_autoptr (GError) error = NULL;

  vel_values_set (request, "model", path, NULL);
  result = vel_engine_generate (engine, request, on_progress, cancellable, NULL, TRUE, cancellable, &error);
  g_assert_null (result);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
on_loading (const VelProgress *progress, gpointer data)
{
  if (progress->stage == VEL_STAGE_LOADING && progress->fraction > 0.2)
    g_assert_cmpint (truncate (data, 4096), ==, 0);
}

/* The file shrinks under the loader. */
static void
test_cut_while_loading (void)
{
  g_autofree char *place = g_build_filename (folder, "cut", NULL);
  g_autofree char *path = tiny_model_write ("four-levels", place);
  g_autoptr (VelValues) request = vel_request_new ();
  g_autoptr (VelResult) result = NULL;
  g_autoptr (GError) error = NULL;

  vel_values_set (request, "model", path, NULL);
  result = vel_engine_generate (engine, request, on_loading, path, NULL, FALSE, NULL, &error);
  g_assert_null (result);
  g_assert_error (error, VEL_ERROR, VEL_ERROR_FORMAT);
  g_assert_nonnull (strstr (error->message, "while it was read"));
}

static void
test_requests_that_do_not_fit (void)
{
  static const char *const wrong[][3] = {
    { "init", "/nowhere.png", "nowhere" },
    { "vae", "/nowhere.safetensors", "nowhere" },
  };
  g_autofree char *place = g_build_filename (folder, "requests", NULL);
  g_autofree char *path = tiny_model_write ("one-block", place);

  for (gsize i = 0; i < G_N_ELEMENTS (wrong); i++) {
    g_autoptr (VelValues) request = vel_request_new ();
    g_autoptr (VelResult) result = NULL;
    g_autoptr (GError) error = NULL;

    vel_values_set (request, "model", path, NULL);
    vel_values_set (request, "steps", "1", NULL);
    g_assert_true (vel_values_set (request, wrong[i][0], wrong[i][1], NULL));
    result = vel_engine_generate (engine, request, NULL, NULL, NULL, FALSE, NULL, &error);
    g_assert_null (result);
    g_assert_nonnull (strstr (error->message, wrong[i][2]));
  }
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("velatura-loading-XXXXXX", NULL);
  g_setenv ("XDG_DATA_HOME", folder, TRUE); /* no vocabulary of the person who runs this */
  engine = vel_engine_new ("cpu", &(VelDeviceOptions) { .threads = 2 }, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_strconcat ("/pipeline/loading/", cases[i].name, NULL);

    g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_edited);
  }
  g_test_add_func ("/pipeline/loading/extra", test_extra);
  g_test_add_func ("/pipeline/loading/no-vocabulary", test_no_vocabulary);
  g_test_add_func ("/pipeline/loading/cancelled", test_cancelled_loading);
  g_test_add_func ("/pipeline/loading/cut", test_cut_while_loading);
  g_test_add_func ("/pipeline/requests-that-do-not-fit", test_requests_that_do_not_fit);
  status = g_test_run ();
  vel_engine_free (engine);
  tiny_remove_tree (folder);
  g_free (folder);
  return status;
}
