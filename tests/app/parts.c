/* Parts of models from the command line: what inspect calls them, what convert makes of them, and where they are found by name.
 * SPDX-License-Identifier: Apache-2.0 */
#include "program.h"

#include <glib/gstdio.h>
#include <jansson.h>
#include <string.h>

#include "engine/formats/png.h"
#include "engine/formats/tensor-file.h"
#include "tests/support/tiny-model.h"

static char *model, *unet, *first, *second, *vae, *vocabulary;

/* Returns: (transfer full): a string of what inspect says, or of a list its items with a comma between */
static char *
inspected (const char *path, const char *key)
{
  const VelOutcome *outcome = vel_program_run (NULL, "inspect", "--json", path, NULL);
  json_t *found = json_loads (outcome->out, 0, NULL), *value = json_object_get (found, key), *item;
  GString *text = g_string_new (json_string_value (value));
  size_t i;

  g_assert_cmpint (outcome->status, ==, 0);
  json_array_foreach (value, i, item)
  {
    g_autofree char *number = g_strdup_printf ("%d", (int) json_integer_value (item));

    g_string_append_printf (text, "%s%s", i ? "," : "", json_is_string (item) ? json_string_value (item) : number);
  }
  json_decref (found);
  return g_string_free (text, FALSE);
}

static void
assert_says (const char *path, const char *key, const char *expected)
{
  g_autofree char *found = inspected (path, key);

  g_assert_cmpstr (found, ==, expected);
}

static void
test_inspect (void)
{
  g_autofree char *problem = inspected (unet, "problem"), *hash = inspected (unet, "hash_autov2");
  g_autofree char *unet_folder = g_path_get_dirname (unet);

  assert_says (model, "parts", "unet,text-encoder,vae");
  assert_says (model, "problem", "");
  assert_says (model, "text_encoder_widths", "64,64");
  assert_says (unet, "parts", "unet");
  assert_says (unet, "family", "sdxl");
  assert_says (first, "parts", "text-encoder");
  assert_says (first, "text_encoder_widths", "64");
  assert_says (vae, "parts", "vae");
  assert_says (unet_folder, "parts", "unet");
  assert_says (unet_folder, "hash_autov2", hash);
  g_assert_nonnull (strstr (problem, "name CLIP-L and OpenCLIP-bigG with --text-encoder and a VAE with --vae"));
}

static VelPng *
paint (const char *const *options)
{
  g_autofree char *path = vel_program_path ("picture.png");
  g_autoptr (GError) error = NULL;
  const VelOutcome *outcome;
  VelPng *png;

  outcome = vel_program_run (NULL, "generate", "--tokenizer", vocabulary, "--prompt", "a lighthouse", "--width", "64", "--height", "64",
                             "--steps", "2", "--seed", "5", "--threads", "1", "--force", "--output", path, options[0], options[1],
                             options[2], options[3], options[4], options[5], options[6], options[7], NULL);
  if (outcome->status != 0)
    g_error ("%s", outcome->err);
  png = vel_png_read (path, FALSE, &error);
  g_assert_no_error (error);
  return png;
}

static void
assert_paints_the_same (VelPng *want, const char *const *options)
{
  g_autoptr (VelPng) got = paint (options);

  g_assert_cmpmem (want->rgb, 64 * 64 * 3, got->rgb, 64 * 64 * 3);
}

/* Parts become one file, and each another one with the names that a part's file has. */
static void
test_convert (void)
{
  const char *const files[] = { unet, second, vae };
  g_autofree char *merged = vel_program_path ("merged.safetensors");
  g_autoptr (VelPng) want = paint ((const char *[8]){ "--model", model });
  g_autoptr (VelTensorFile) file = NULL;

  g_assert_cmpint (vel_program_run (NULL, "convert", "--unet", unet, "--text-encoder", second, "--text-encoder", first, "--vae", vae,
                                    "--to", "bf16", "--output", merged, NULL)
                       ->status,
                   ==, 0);
  file = vel_tensor_file_open (merged, NULL, NULL);
  g_assert_nonnull (vel_tensor_file_find (file, "model.diffusion_model.input_blocks.0.0.weight"));
  g_assert_nonnull (vel_tensor_file_find (file, "first_stage_model.decoder.conv_in.weight"));
  assert_paints_the_same (want, (const char *[8]){ "--model", merged });
  for (gsize i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *name = g_strdup_printf ("part-%zu", i), *path = vel_program_path (name);
    g_autoptr (VelTensorFile) part = NULL;
    const char *name_in_it = i == 0 ? "input_blocks.0.0.weight" : i == 1 ? "text_model.final_layer_norm.weight" : "decoder.conv_in.weight";

    g_assert_cmpint (vel_program_run (NULL, "convert", files[i], "--to", i == 1 ? "q8_0" : "fp32", "--output", path, NULL)->status, ==, 0);
    part = vel_tensor_file_open (path, NULL, NULL);
    g_assert_nonnull (vel_tensor_file_find (part, name_in_it));
    assert_says (path, "parts", i == 0 ? "unet" : i == 1 ? "text-encoder" : "vae");
  }
}

/* Those in the folder of models, or below it, as ComfyUI's are. */
static void
test_names (void)
{
  g_autofree char *folder = g_build_filename (g_getenv ("XDG_DATA_HOME"), "velatura", "models", NULL),
                  *picture = vel_program_path ("picture.png");
  const char *const files[][3] = {
    { unet, "diffusion_models", "painter.safetensors" },
    { first, "clip", "small.safetensors" },
    { second, "text_encoders", "large.bin" },
    { vae, "vae", "painter.safetensors" }, /* a name that a UNet has too */
  };
  g_autoptr (VelPng) want = paint ((const char *[8]){ "--model", model });
  const VelOutcome *outcome;

  for (gsize i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *below = g_build_filename (folder, files[i][1], NULL), *path = g_build_filename (below, files[i][2], NULL);
    g_autofree char *data = NULL;
    gsize size;

    g_mkdir_with_parents (below, 0700);
    g_assert_true (g_file_get_contents (files[i][0], &data, &size, NULL) && g_file_set_contents (path, data, (gssize) size, NULL));
  }
  assert_paints_the_same (want, (const char *[8]){ "--unet", "painter", "--text-encoder", "small", "--text-encoder", "large.bin", "--vae",
                                                   "painter.safetensors" });
  assert_paints_the_same (
      want, (const char *[8]){ "--model", "painter", "--text-encoder", "small", "--text-encoder", "large", "--vae", "painter" });
  outcome = vel_program_run (NULL, "inspect", picture, NULL);
  g_assert_nonnull (strstr (outcome->out, "  VAE hash: "));
  g_assert_nonnull (strstr (outcome->out, "  Module 2: large\n"));
  outcome = vel_program_run (NULL, "list", "models", NULL);
  g_assert_nonnull (strstr (outcome->out, "painter "));
  g_assert_null (strstr (outcome->out, "small "));
  outcome = vel_program_run (NULL, "list", "parts", NULL);
  g_assert_nonnull (strstr (outcome->out, "small "));
  g_assert_nonnull (strstr (outcome->out, "text-encoder"));
  outcome = vel_program_run (NULL, "generate", "--prompt", "x", "--model", model, "--vae", "nowhere", NULL);
  g_assert_cmpint (outcome->status, ==, 1);
  g_assert_nonnull (strstr (outcome->err, "There is no VAE “nowhere”: name its file, or put it into"));
}

static char *
file_in (const char *component, const char *file)
{
  return g_build_filename (model, component, file, NULL);
}

int
main (int argc, char **argv)
{
  g_autofree char *folder = NULL;

  vel_program_init (&argc, &argv);
  folder = vel_program_path ("model");
  model = tiny_model_write ("sdxl-folder", folder);
  unet = file_in ("unet", "diffusion_pytorch_model.safetensors");
  first = file_in ("text_encoder", "model.safetensors");
  second = file_in ("text_encoder_2", "model.safetensors");
  vae = file_in ("vae", "diffusion_pytorch_model.safetensors");
  vocabulary = file_in ("tokenizer", "");
  g_test_add_func ("/parts/inspect", test_inspect);
  g_test_add_func ("/parts/convert", test_convert);
  g_test_add_func ("/parts/names", test_names);
  return vel_program_finish ();
}
