/* The front of all model containers: names, shapes, folders, shards, a VAE of its own.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/safetensors.h"
#include "engine/formats/weights.h"

#include "engine/error.h"
#include "engine/formats/names.h"
#include "tests/engine/formats/scratch.h"

#include <string.h>

/* Writes tensors of one value each (its index) and the shape [1, 1]. Returns: (transfer full): the path */
static char *
write_tensors (const char *file, const char *const *names)
{
  g_autofree char *path = scratch_path (file), *folder = g_path_get_dirname (path);
  g_autoptr (GArray) tensors = g_array_new (FALSE, FALSE, sizeof (VelTensorOut));
  g_autofree float *values = g_new (float, g_strv_length ((char **) names) + 1);
  g_autoptr (GError) error = NULL;

  g_mkdir_with_parents (folder, 0700);
  for (guint i = 0; names[i]; i++) {
    values[i] = i;
    g_array_append_val (tensors, ((VelTensorOut) { names[i], VEL_F32, VEL_SHAPE (1, 1), &values[i] }));
  }
  vel_safetensors_write (path, (VelTensorOut *) tensors->data, tensors->len, NULL, &error);
  g_assert_no_error (error);
  return g_steal_pointer (&path);
}

static VelWeights *
open_good (const char *path)
{
  g_autoptr (GError) error = NULL;
  VelWeights *weights = vel_weights_open (path, NULL, &error);

  g_assert_no_error (error);
  return weights;
}

static void
refuse (const char *path, const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VelWeights) weights = vel_weights_open (path, NULL, &error);

  g_assert_null (weights);
  g_assert_error (error, VEL_ERROR, VEL_ERROR_FORMAT);
  if (!strstr (error->message, expected))
    g_error ("“%s” was expected in: %s", expected, error->message);
  g_assert_null (strchr (error->message, '\n'));
}

static void
refuse_tensor (VelWeights *weights, const char *name, VelShape shape, const char *expected)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (vel_weights_get (weights, name, shape, &error));
  g_assert_error (error, VEL_ERROR, VEL_ERROR_WEIGHT);
  if (!strstr (error->message, expected))
    g_error ("“%s” was expected in: %s", expected, error->message);
}

/* Text encoders under the names of stable-diffusion.cpp's converter: of SDXL, SD2, and SD1, where they are the original ones. */
static void
test_converted_names (void)
{
  g_autofree char *two = write_tensors ("two.safetensors", (const char *[]) { "cond_stage_model.transformer.text_model.a",
    "cond_stage_model.1.transformer.text_model.a", "cond_stage_model.1.transformer.text_model.text_projection", "first_stage_model.b", NULL });
  g_autofree char *one = write_tensors ("one.safetensors", (const char *[]) { "cond_stage_model.transformer.text_model.a", NULL });
  g_autofree char *projected = write_tensors ("projected.safetensors", (const char *[]) { "cond_stage_model.transformer.text_model.a",
    "cond_stage_model.transformer.text_model.text_projection", NULL });
  g_autoptr (VelWeights) sdxl = open_good (two), sd1 = open_good (one), sd2 = open_good (projected);
  static const char *const names[] = { "conditioner.embedders.0.transformer.text_model.a", "conditioner.embedders.1.model.text_projection",
                                       "conditioner.embedders.1.transformer.text_model.a", "first_stage_model.b" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    g_assert_cmpstr (vel_weights_get_names (sdxl)[i], ==, names[i]);
  g_assert_cmpfloat (*(const float *) vel_weights_find (sdxl, names[1])->data, ==, 2);
  g_assert_true (vel_weights_has (sd1, "cond_stage_model.transformer.text_model.a"));
  g_assert_true (vel_weights_has (sd2, "cond_stage_model.transformer.text_model.a"));
  g_assert_true (vel_weights_has (sd2, "cond_stage_model.model.text_projection"));
}

static void
test_single (void)
{
  const float matrix[6] = { 0, 1, 2, 3, 4, 5 }, four[4] = { 9, 9, 9, 9 };
  const guint8 bytes[2] = { 1, 2 };
  const VelTensorOut out[] = {
    { "model.diffusion_model.a.weight", VEL_F32, VEL_SHAPE (2, 3), matrix },
    { "model.diffusion_model.b.weight", VEL_F32, VEL_SHAPE (3, 2, 1, 1), matrix },
    { "model.diffusion_model.c.weight", VEL_U8, VEL_SHAPE (2), bytes },
    { "model_ema.decay", VEL_F32, VEL_SHAPE (4), four },
    { "cond_stage_model.transformer.embeddings.position_ids", VEL_F32, VEL_SHAPE (4), four },
    { "cond_stage_model.transformer.encoder.x", VEL_F32, VEL_SHAPE (4), four },
  };
  g_autofree char *path = scratch_path ("single.safetensors");
  g_autoptr (GHashTable) metadata = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (VelWeights) weights = NULL;
  g_autoptr (GError) error = NULL;
  const VelTensorEntry *entry;
  g_auto (GStrv) unused = NULL;

  g_hash_table_insert (metadata, "modelspec.prediction_type", "v");
  g_assert_true (vel_safetensors_write (path, out, G_N_ELEMENTS (out), metadata, &error));
  weights = open_good (path);
  g_assert_cmpstr (vel_weights_get_container (weights), ==, "safetensors");
  g_assert_cmpstr (vel_weights_get_path (weights), ==, path);
  g_assert_cmpstr (vel_weights_get_metadata (weights, "modelspec.prediction_type"), ==, "v");
  g_assert_null (vel_weights_get_config (weights, "scheduler/scheduler_config.json", "prediction_type"));
  g_assert_cmpuint (vel_weights_get_bytes (weights), ==, 4 * (6 + 6 + 4 + 4 + 4) + 2);

  entry = vel_weights_get (weights, "model.diffusion_model.a.weight", VEL_SHAPE (2, -1, 1, 1), &error);
  g_assert_no_error (error);
  g_assert_true (vel_shape_equal (entry->shape, VEL_SHAPE (2, 3, 1, 1)));
  g_assert_cmpmem (entry->data, entry->bytes, matrix, sizeof matrix);
  g_assert_true (vel_weights_release (weights, entry, NULL));
  g_assert_cmpmem (entry->data, entry->bytes, matrix, sizeof matrix);
  entry = vel_weights_get (weights, "model.diffusion_model.b.weight", VEL_SHAPE (-1, 2), &error);
  g_assert_no_error (error);
  g_assert_true (vel_shape_equal (entry->shape, VEL_SHAPE (3, 2)));
  g_assert_true (vel_shape_equal (vel_weights_find (weights, "model.diffusion_model.b.weight")->shape, VEL_SHAPE (3, 2, 1, 1)));

  refuse_tensor (weights, "model.diffusion_model.a.weight", VEL_SHAPE (-1, 4), "has the shape [2, 3]; [any, 4] was wanted");
  refuse_tensor (weights, "model.diffusion_model.a.weight", VEL_SHAPE (2, 3, 3, 3), "[2, 3, 3, 3] was wanted");
  refuse_tensor (weights, "model.diffusion_model.a.weight", VEL_SHAPE (6), "[6] was wanted");
  refuse_tensor (weights, "model.diffusion_model.c.weight", VEL_SHAPE (2), "is stored as U8");
  refuse_tensor (weights, "model.diffusion_model.d.weight", VEL_SHAPE (2), "“model.diffusion_model.d.weight” is missing from");

  unused = vel_weights_dup_unused (weights);
  g_assert_cmpuint (g_strv_length (unused), ==, 1);
  g_assert_cmpstr (unused[0], ==, "cond_stage_model.transformer.encoder.x");
  g_assert_true (vel_weights_has (weights, "cond_stage_model.transformer.text_model.encoder.x"));
}

/* A header whose length is odd puts floats on odd addresses; what is handed out is aligned all the same. */
static void
test_unaligned (void)
{
  static const char header[] = "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}} ";
  const float values[2] = { 1.5f, -2 };
  guint8 file[8 + sizeof header - 1 + 8];
  g_autofree char *path = NULL;
  g_autoptr (VelWeights) weights = NULL;
  g_autoptr (GError) error = NULL;
  const VelTensorEntry *entry;

  g_assert_cmpuint ((sizeof header - 1) % 2, ==, 1);
  memcpy (file, &(guint64) { GUINT64_TO_LE ((guint64) sizeof header - 1) }, 8);
  memcpy (file + 8, header, sizeof header - 1);
  memcpy (file + 8 + sizeof header - 1, values, 8);
  path = scratch_file ("odd.safetensors", file, sizeof file);
  weights = open_good (path);
  for (int round = 0; round < 2; round++) {
    entry = vel_weights_get (weights, "w", VEL_SHAPE (2), &error);
    g_assert_no_error (error);
    g_assert_cmpuint ((gsize) entry->data % sizeof (float), ==, 0);
    g_assert_cmpmem (entry->data, entry->bytes, values, sizeof values);
    g_assert_true (vel_weights_release (weights, entry, NULL));
  }
}

/* Lines of "original stored" made by diffusers' conversion. */
static void
read_pairs (const char *file, GPtrArray *original, GPtrArray *stored)
{
  g_autofree char *path = golden_path (file), *text = NULL;
  g_auto (GStrv) lines = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  lines = g_strsplit (g_strstrip (text), "\n", -1);
  for (guint i = 0; lines[i]; i++) {
    g_auto (GStrv) pair = g_strsplit (lines[i], " ", 2);

    g_ptr_array_add (original, g_strdup (pair[0]));
    g_ptr_array_add (stored, g_strdup (pair[1]));
  }
  g_ptr_array_add (original, NULL);
  g_ptr_array_add (stored, NULL);
}

/* diffusers' names to the original ones and back, for any number of levels and blocks. */
static void
test_names (gconstpointer file)
{
  g_autoptr (GPtrArray) original = g_ptr_array_new_with_free_func (g_free), stored = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (VelNames) names = NULL;

  read_pairs (file, original, stored);
  names = vel_names_new (g_str_has_prefix (file, "vae") ? VEL_COMPONENT_VAE : VEL_COMPONENT_UNET, (const char *const *) stored->pdata);
  for (guint i = 0; original->pdata[i]; i++) {
    g_autofree char *forth = vel_names_to_original (names, stored->pdata[i]), *back = vel_names_to_stored (names, original->pdata[i]);

    g_assert_cmpstr (forth, ==, original->pdata[i]);
    g_assert_cmpstr (back, ==, stored->pdata[i]);
  }
  g_assert_null (vel_names_to_original (names, "something.else"));
  g_assert_null (vel_names_to_stored (names, "something.else"));
}

/* A whole folder, the unet in two shards, the text encoder without "text_model.", an old VAE. */
static char *
make_folder (const char *name)
{
  g_autoptr (GPtrArray) original = g_ptr_array_new_with_free_func (g_free), stored = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *index = g_strconcat (name, "/unet/diffusion_pytorch_model.safetensors.index.json", NULL);
  g_autofree char *vae = g_strconcat (name, "/vae/diffusion_pytorch_model.fp16.safetensors", NULL);
  g_autofree char *text = g_strconcat (name, "/text_encoder/model.safetensors", NULL);
  g_autofree char *config = g_strconcat (name, "/scheduler/scheduler_config.json", NULL);
  g_autoptr (GString) map = g_string_new ("{\"metadata\": {}, \"weight_map\": {");
  static const char *const parts[] = { "00001", "00002" };
  static const char scheduler[] = "{\"prediction_type\": \"v_prediction\", \"steps\": 7}";

  read_pairs ("unet-sd1.names", original, stored);
  for (guint half = 0; half < 2; half++) {
    g_autofree char *file = g_strdup_printf ("diffusion_pytorch_model-%s-of-00002.safetensors", parts[half]);
    g_autofree char *path = g_strconcat (name, "/unet/", file, NULL);
    g_autoptr (GPtrArray) mine = g_ptr_array_new ();

    for (guint i = half; stored->pdata[i]; i += 2) {
      g_ptr_array_add (mine, stored->pdata[i]);
      g_string_append_printf (map, "%s\"%s\": \"%s\"", i ? ", " : "", (char *) stored->pdata[i], file);
      if (!stored->pdata[i + 1])
        break;
    }
    g_ptr_array_add (mine, NULL);
    g_free (write_tensors (path, (const char *const *) mine->pdata));
  }
  g_string_append (map, "}}");
  g_free (scratch_file (index, map->str, map->len));
  g_free (write_tensors (vae, (const char *[]) { "decoder.conv_in.weight", "decoder.mid_block.attentions.0.query.weight",
    "decoder.mid_block.attentions.0.proj_attn.bias", "decoder.up_blocks.0.resnets.0.conv1.weight",
    "decoder.up_blocks.1.resnets.0.conv1.weight", "mystery.weight", NULL }));
  g_free (write_tensors (text, (const char *[]) { "embeddings.token_embedding.weight", "encoder.layers.0.mlp.fc1.weight",
    "text_projection.weight", NULL }));
  g_free (scratch_file (config, scheduler, strlen (scheduler)));
  return scratch_path (name);
}

static void
test_folder (void)
{
  g_autoptr (GPtrArray) original = g_ptr_array_new_with_free_func (g_free), stored = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *path = make_folder ("folder"), *config = NULL, *number = NULL;
  g_autoptr (VelWeights) weights = open_good (path);
  const char *const *names = vel_weights_get_names (weights);
  g_auto (GStrv) unused = NULL;

  g_assert_cmpstr (vel_weights_get_container (weights), ==, "diffusers");
  read_pairs ("unet-sd1.names", original, stored);
  for (guint i = 0; original->pdata[i]; i++)
    g_assert_true (vel_weights_has (weights, original->pdata[i]));
  for (guint i = 1; names[i]; i++)
    g_assert_cmpint (strcmp (names[i - 1], names[i]), <, 0);
  g_assert_true (vel_weights_has (weights, "first_stage_model.decoder.mid.attn_1.q.weight"));
  g_assert_true (vel_weights_has (weights, "first_stage_model.decoder.mid.attn_1.proj_out.bias"));
  g_assert_true (vel_weights_has (weights, "first_stage_model.decoder.up.1.block.0.conv1.weight"));
  g_assert_true (vel_weights_has (weights, "cond_stage_model.transformer.text_model.encoder.layers.0.mlp.fc1.weight"));
  g_assert_true (vel_weights_has (weights, "cond_stage_model.transformer.text_projection.weight"));
  g_assert_nonnull (vel_weights_get (weights, "first_stage_model.decoder.mid.attn_1.q.weight", VEL_SHAPE (1, 1, 1, 1), NULL));
  config = vel_weights_get_config (weights, "scheduler/scheduler_config.json", "prediction_type");
  g_assert_cmpstr (config, ==, "v_prediction");
  number = vel_weights_get_config (weights, "scheduler/scheduler_config.json", "steps");
  g_assert_cmpstr (number, ==, "7");
  g_assert_null (vel_weights_get_config (weights, "model_index.json", "x"));

  /* A missing tensor is named as the person will look for it. */
  refuse_tensor (weights, "first_stage_model.decoder.up.0.block.0.conv1.bias", VEL_SHAPE (1),
                 "“first_stage_model.decoder.up.0.block.0.conv1.bias” (here “vae/decoder.up_blocks.1.resnets.0.conv1.bias”) is missing");
  refuse_tensor (weights, "model.diffusion_model.input_blocks.0.0.weight", VEL_SHAPE (4, 4), "(here “unet/conv_in.weight”)");
  unused = vel_weights_dup_unused (weights);
  g_assert_true (g_strv_contains ((const char *const *) unused, "vae/mystery.weight"));
}

/* A variant of any name is found where there is no plain file; the plain one, then fp16, come first; a shard alone is none. */
static void
test_variants (void)
{
  static const struct {
    const char *file, *tensor;
  } steps[] = {
    { "diffusion_pytorch_model.non_ema.safetensors", "a" }, { "diffusion_pytorch_model.bf16.safetensors", "b" },
    { "diffusion_pytorch_model.fp16.safetensors", "c" }, { "diffusion_pytorch_model.safetensors", "d" },
  };
  g_autofree char *folder = scratch_path ("model"), *unet = g_build_filename (folder, "unet", NULL);

  g_free (write_tensors ("model/unet/diffusion_pytorch_model.bf16-00001-of-00002.safetensors", (const char *[]) { "x", NULL }));
  g_free (write_tensors ("model/unet/other.safetensors", (const char *[]) { "x", NULL }));
  refuse (folder, "has no diffusion_pytorch_model.safetensors");
  for (gsize i = 0; i < G_N_ELEMENTS (steps); i++) {
    g_autofree char *file = g_build_filename ("model", "unet", steps[i].file, NULL);
    g_autofree char *name = g_strconcat ("model.diffusion_model.", steps[i].tensor, NULL);
    g_autoptr (VelWeights) weights = NULL;

    g_free (write_tensors (file, (const char *[]) { steps[i].tensor, NULL }));
    weights = open_good (folder);
    g_assert_true (vel_weights_has (weights, name));
  }
}

/* A file of a diffusers folder as golden checkpoint. */
static void
copy_golden (const char *golden, const char *to)
{
  g_autofree char *from = golden_path (golden), *bytes = NULL, *folder = g_path_get_dirname (to);
  gsize length;

  g_mkdir_with_parents (folder, 0700);
  g_assert_true (g_file_get_contents (from, &bytes, &length, NULL));
  g_assert_true (g_file_set_contents (to, bytes, length, NULL));
}

/* Folders of the years before safetensors: a checkpoint a component, whole or in shards. */
static void
test_bin_folders (void)
{
  g_autofree char *whole = scratch_path ("whole"), *sharded = scratch_path ("sharded"), *index = NULL;
  g_autofree char *unet = g_build_filename (whole, "unet", "diffusion_pytorch_model.bin", NULL);
  g_autofree char *text = g_build_filename (whole, "text_encoder", "pytorch_model.bin", NULL);
  g_autofree char *shard = g_build_filename (sharded, "unet", "diffusion_pytorch_model-00001-of-00002.bin", NULL);
  g_autofree char *other = g_build_filename (sharded, "unet", "diffusion_pytorch_model-00002-of-00002.bin", NULL);
  g_autoptr (VelWeights) one = NULL, two = NULL;
  const VelTensorEntry *view;
  g_autoptr (GError) error = NULL;

  copy_golden ("checkpoints/views.pt", unet);
  copy_golden ("checkpoints/alone.pt", text);
  copy_golden ("checkpoints/views.pt", shard);
  copy_golden ("checkpoints/nested.pt", other);
  index = g_build_filename (sharded, "unet", "diffusion_pytorch_model.bin.index.json", NULL);
  g_assert_true (g_file_set_contents (index,
                                      "{\"weight_map\": {\"view.row\": \"diffusion_pytorch_model-00001-of-00002.bin\", "
                                      "\"tuple.0\": \"diffusion_pytorch_model-00002-of-00002.bin\"}}",
                                      -1, NULL));
  one = open_good (whole);
  g_assert_cmpstr (vel_weights_get_container (one), ==, "diffusers");
  view = vel_weights_get (one, "model.diffusion_model.view.transposed", VEL_SHAPE (3, 4, 6), &error);
  g_assert_no_error (error);
  g_assert_nonnull (view->data);
  g_assert_true (vel_weights_has (one, "cond_stage_model.tensor"));
  two = open_good (sharded);
  g_assert_true (vel_weights_has (two, "model.diffusion_model.view.row"));
  g_assert_true (vel_weights_has (two, "model.diffusion_model.tuple.0"));
}

static void
test_bad_folders (void)
{
  g_autofree char *plain = scratch_path ("plain"), *empty = scratch_path ("empty"), *path = NULL;
  g_autofree char *unet = g_build_filename (empty, "unet", NULL);
  static const struct {
    const char *index, *expected;
  } indices[] = {
    { "[]", "it is no JSON object" },
    { "{\"a\": 1, \"a\": 2}", "it is no JSON object" },
    { "{\"metadata\": {}}", "it has no weight_map" },
    { "{\"weight_map\": {\"x\": \"../../secret.safetensors\"}}", "which is no file beside it" },
    { "{\"weight_map\": {\"x\": \"/etc/passwd\"}}", "which is no file beside it" },
    { "{\"weight_map\": {\"x\": 5}}", "which is no file beside it" },
    { "{\"weight_map\": {\"nothere\": \"one.safetensors\"}}", "tensor “nothere” is not in “one.safetensors”" },
    { "{\"weight_map\": {\"conv_in.weight\": \"one.safetensors\", \"conv_out.weight\": \"two.safetensors\"}}", "one tensor twice" },
  };

  g_mkdir_with_parents (plain, 0700);
  g_mkdir_with_parents (unet, 0700);
  refuse (plain, "it has no folder “unet”");
  refuse (empty, "has no diffusion_pytorch_model.safetensors");
  g_free (write_tensors ("broken/unet/one.safetensors", (const char *[]) { "conv_in.weight", "conv_out.weight", NULL }));
  g_free (write_tensors ("broken/unet/two.safetensors", (const char *[]) { "conv_out.weight", NULL }));
  path = scratch_path ("broken");
  for (gsize i = 0; i < G_N_ELEMENTS (indices); i++) {
    g_free (scratch_file ("broken/unet/diffusion_pytorch_model.safetensors.index.json", indices[i].index, strlen (indices[i].index)));
    refuse (path, indices[i].expected);
  }
}

static void
check_overlay (const char *vae, gboolean good)
{
  g_autofree char *path = write_tensors ("base.safetensors", (const char *[]) { "model.diffusion_model.x",
    "first_stage_model.decoder.conv_in.weight", "first_stage_model.old", NULL });
  g_autoptr (VelWeights) weights = open_good (path);
  const VelTensorEntry *old = vel_weights_find (weights, "first_stage_model.old");
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (vel_weights_overlay (weights, VEL_PART_VAE, (const char *[]) { vae, NULL }, NULL, &error), ==, good);
  if (!good) {
    g_assert_error (error, VEL_ERROR, VEL_ERROR_FORMAT);
    g_assert_nonnull (strstr (error->message, "holds no VAE"));
    g_assert_true (vel_weights_has (weights, "first_stage_model.old"));
    return;
  }
  g_assert_no_error (error);
  g_assert_cmpstr (old->name, ==, "first_stage_model.old"); /* borrowed before */
  g_assert_false (vel_weights_has (weights, "first_stage_model.old"));
  g_assert_true (vel_weights_has (weights, "model.diffusion_model.x"));
  g_assert_true (vel_weights_has (weights, "first_stage_model.decoder.mid.attn_1.q.weight"));
  g_assert_true (vel_weights_has (weights, "first_stage_model.decoder.up.0.block.0.conv1.weight"));
  g_assert_cmpfloat (*(const float *) vel_weights_find (weights, "first_stage_model.decoder.conv_in.weight")->data, ==, 0);
}

/* A VAE comes in either layout, with the prefix or without, as a file or a folder. */
static void
test_overlay (void)
{
  g_autofree char *bare = write_tensors ("bare.safetensors", (const char *[]) { "decoder.conv_in.weight", "decoder.mid.attn_1.q.weight",
    "decoder.up.0.block.0.conv1.weight", NULL });
  g_autofree char *prefixed = write_tensors ("prefixed.safetensors", (const char *[]) { "first_stage_model.decoder.conv_in.weight",
    "first_stage_model.decoder.mid.attn_1.q.weight", "first_stage_model.decoder.up.0.block.0.conv1.weight", "else.decoder.conv_in.weight",
    NULL });
  g_autofree char *diffusers = write_tensors ("vae/diffusion_pytorch_model.safetensors", (const char *[]) { "decoder.conv_in.weight",
    "decoder.mid_block.attentions.0.to_q.weight", "decoder.up_blocks.0.resnets.0.conv1.weight", NULL });
  g_autofree char *folder = scratch_path ("vae"), *none = write_tensors ("none.safetensors", (const char *[]) { "x", NULL });
  g_autofree char *model = make_folder ("model");

  check_overlay (bare, TRUE);
  check_overlay (prefixed, TRUE);
  check_overlay (diffusers, TRUE);
  check_overlay (folder, TRUE);
  check_overlay (model, TRUE);
  check_overlay (none, FALSE);
}

/* A file that is cut while it is open: its other tensors stay what they are, the lost one is an error and no crash. */
static void
test_cut_while_open (void)
{
  g_autofree float *values = g_new0 (float, 64 * 1024);
  const VelTensorOut out[] = {
    { "a.weight", VEL_F32, VEL_SHAPE (64 * 1024), values },
    { "b.weight", VEL_F32, VEL_SHAPE (64 * 1024), values },
  };
  g_autofree char *path = scratch_path ("cut.safetensors");
  g_autoptr (VelWeights) weights = NULL;
  g_autoptr (VelTensorFile) next = NULL;
  g_autoptr (GError) error = NULL;
  const VelTensorEntry *entry;

  for (int i = 0; i < 64 * 1024; i++)
    values[i] = i + 1;
  g_assert_true (vel_safetensors_write (path, out, G_N_ELEMENTS (out), NULL, &error));
  weights = open_good (path);
  g_assert_cmpint (truncate (path, 300 * 1024), ==, 0);
  entry = vel_weights_get (weights, "a.weight", VEL_SHAPE (-1), &error);
  g_assert_no_error (error);
  g_assert_cmpmem (entry->data, entry->bytes, values, 64 * 1024 * sizeof (float));
  g_assert_true (vel_weights_release (weights, entry, &error));
  entry = vel_weights_get (weights, "b.weight", VEL_SHAPE (-1), &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (((const float *) entry->data)[64 * 1024 - 1], ==, 0);
  g_assert_false (vel_weights_release (weights, entry, &error));
  g_assert_error (error, VEL_ERROR, VEL_ERROR_FORMAT);
  g_assert_nonnull (strstr (error->message, "cut.safetensors"));
  g_clear_error (&error);

  /* The next file is not blamed for it. */
  g_assert_true (vel_safetensors_write (path, out, G_N_ELEMENTS (out), NULL, &error));
  g_clear_pointer (&weights, vel_weights_unref);
  next = vel_safetensors_open (path, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (vel_tensor_file_check_intact (next, &error));
}

int
main (int argc, char **argv)
{
  scratch_init (&argc, &argv);
  g_test_add_func ("/formats/weights/converted-names", test_converted_names);
  g_test_add_func ("/formats/weights/single", test_single);
  g_test_add_func ("/formats/weights/unaligned", test_unaligned);
  g_test_add_data_func ("/formats/weights/names/unet-sd1", "unet-sd1.names", test_names);
  g_test_add_data_func ("/formats/weights/names/unet-one-block", "unet-one-block.names", test_names);
  g_test_add_data_func ("/formats/weights/names/unet-three-blocks", "unet-three-blocks.names", test_names);
  g_test_add_data_func ("/formats/weights/names/vae-sd1", "vae-sd1.names", test_names);
  g_test_add_data_func ("/formats/weights/names/vae-one-block", "vae-one-block.names", test_names);
  g_test_add_func ("/formats/weights/cut-while-open", test_cut_while_open);
  g_test_add_func ("/formats/weights/folder", test_folder);
  g_test_add_func ("/formats/weights/variants", test_variants);
  g_test_add_func ("/formats/weights/bin-folders", test_bin_folders);
  g_test_add_func ("/formats/weights/bad-folders", test_bad_folders);
  g_test_add_func ("/formats/weights/overlay", test_overlay);
  return g_test_run ();
}
