/* LoRAs in whole pictures: what a model paints with one is what a model file paints into which plain loops have added it; and nothing of it
 * is left afterwards.  SPDX-License-Identifier: Apache-2.0 */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "engine/error.h"
#include "engine/formats/safetensors.h"
#include "engine/pipeline/generate.h"
#include "engine/pipeline/request.h"
#include "kernels/half.h"
#include "tests/support/tensor-list.h"
#include "tests/support/tiny-model.h"

#define RANK 3

static char *folder;
static VelEngine *engine;

/* A model as floats. Returns: (transfer full) */
static GArray *
read_tensors (const char *path)
{
  g_autoptr (VelTensorFile) file = vel_safetensors_open (path, NULL, NULL);
  GArray *tensors = tensor_list_new ();

  for (gsize i = 0; i < vel_tensor_file_get_count (file); i++) {
    const VelTensorEntry *entry = vel_tensor_file_get (file, i);
    float *values = tensor_list_add (tensors, g_strdup (entry->name), entry->shape);

    for (gint64 k = 0; k < vel_shape_count (entry->shape); k++)
      values[k] = entry->type == VEL_F16    ? vel_half_to_float (((const guint16 *) entry->data)[k])
                  : entry->type == VEL_BF16 ? vel_bfloat_to_float (((const guint16 *) entry->data)[k])
                                            : ((const float *) entry->data)[k];
  }
  return tensors;
}

typedef struct {
  guint seed;
  double unet, text;  /* strengths */
  gboolean diffusers; /* the names of PEFT instead of kohya's */
} Lora;

/* Which rows of a tensor a LoRA changes, and by what name. Returns: (transfer full) (nullable) */
static char *
layer_name (const VelTensorOut *tensor, guint third, gboolean diffusers)
{
  const char *unet = "model.diffusion_model.", *text = "cond_stage_model.transformer.", *open = ".transformer.resblocks.", *at;
  g_autofree char *layer = g_strndup (tensor->name, strlen (tensor->name) - MIN (strlen (tensor->name), strlen (".weight")));
  static const char thirds[] = "qkv";

  if (tensor->shape.n < 2)
    return NULL;
  if (g_str_has_suffix (tensor->name, "attn.in_proj_weight")) {
    guint encoder = g_str_has_prefix (tensor->name, "conditioner.embedders.1.") ? 2 : 1, number;

    at = strstr (tensor->name, open) + strlen (open);
    number = (guint) g_ascii_strtoull (at, NULL, 10);
    return diffusers ? g_strdup_printf ("text_encoder%s.text_model.encoder.layers.%u.self_attn.%c_proj", encoder == 2 ? "_2" : "", number,
                                        thirds[third])
                     : g_strdup_printf ("lora_te%s_text_model_encoder_layers_%u_self_attn_%c_proj", encoder == 2 ? "2" : "", number,
                                        thirds[third]);
  }
  if (third > 0 || !g_str_has_suffix (tensor->name, ".weight"))
    return NULL;
  if (g_str_has_prefix (layer, unet) && strlen (layer) % 3 == 0) /* the original names, which both ways of writing have */
    return diffusers ? g_strconcat ("diffusion_model.", layer + strlen (unet), NULL)
                     : g_strdelimit (g_strconcat ("lora_unet_", layer + strlen (unet), NULL), ".", '_');
  if (g_str_has_prefix (layer, text) && strstr (layer, ".layers."))
    return diffusers ? g_strconcat ("text_encoder.", layer + strlen (text), NULL)
                     : g_strdelimit (g_strconcat ("lora_te_", layer + strlen (text), NULL), ".", '_');
  return NULL;
}

/* Adds the layer to the file and what it comes to into the tensor: strength * alpha / rank * up down. */
static void
change (GArray *file, VelTensorOut *tensor, const Lora *lora, char *layer, gint64 first, gint64 rows)
{
  gint64 out = tensor->shape.size[0], row = vel_shape_count (tensor->shape) / out;
  double strength = strstr (tensor->name, "diffusion_model") ? lora->unet : lora->text, alpha = lora->diffusers ? RANK : 2;
  VelShape shape = tensor->shape;
  float *up, *down, *values = (float *) tensor->data;
  guint seed = lora->seed * 1000 + g_str_hash (tensor->name) % 1000 + (guint) first;

  shape.size[0] = RANK;
  down = tensor_list_add (file, g_strconcat (layer, lora->diffusers ? ".lora_A.weight" : ".lora_down.weight", NULL), shape);
  tensor_list_fill (down, RANK * row, seed, 1 / sqrt ((double) row));
  shape.size[0] = rows;
  shape.size[1] = RANK;
  for (guint i = 2; i < shape.n; i++)
    shape.size[i] = 1;
  up = tensor_list_add (file, g_strconcat (layer, lora->diffusers ? ".lora_B.weight" : ".lora_up.weight", NULL), shape);
  tensor_list_fill (up, rows * RANK, seed + 1, 0.3);
  if (!lora->diffusers)
    *tensor_list_add (file, g_strconcat (layer, ".alpha", NULL), (VelShape){ 0 }) = (float) alpha;
  for (gint64 o = 0; o < rows; o++)
    for (gint64 k = 0; k < row; k++) {
      double sum = 0;

      for (gint64 r = 0; r < RANK; r++)
        sum += (double) up[o * RANK + r] * down[r * row + k];
      values[(first + o) * row + k] += (float) (strength * alpha / RANK * sum);
    }
  g_free (layer);
}

/* Writes the file of a LoRA, and adds it to the model's tensors. Returns: (transfer full) its path */
static char *
make_lora (GArray *model, const Lora *lora, const char *name)
{
  g_autoptr (GArray) file = tensor_list_new ();
  char *path = g_build_filename (folder, name, NULL);

  for (guint i = 0; i < model->len; i++)
    for (guint third = 0; third < 3; third++) {
      VelTensorOut *tensor = &g_array_index (model, VelTensorOut, i);
      char *layer = layer_name (tensor, third, lora->diffusers);
      gboolean fused = g_str_has_suffix (tensor->name, "in_proj_weight");
      gint64 rows = fused ? tensor->shape.size[0] / 3 : tensor->shape.size[0];

      if (layer)
        change (file, tensor, lora, layer, third * rows, rows);
    }
  g_assert_cmpuint (file->len, >, 20);
  tensor_list_write (file, path);
  return path;
}

/* What is painted: all latents and the picture before rounding. loras: (nullable) lines of the option. Returns: (transfer full) */
static VelTensorFile *
paint (const char *model, const char *prompt, const char *loras)
{
  g_autoptr (VelValues) request = vel_request_new ();
  g_autofree char *trace = g_build_filename (folder, "trace.safetensors", NULL);
  g_autoptr (VelResult) result = NULL;
  g_autoptr (GError) error = NULL;
  VelTensorFile *file;

  vel_values_set (request, "model", model, NULL);
  vel_values_set (request, "prompt", prompt, NULL);
  vel_values_set (request, "seed", "7", NULL);
  vel_values_set (request, "steps", "2", NULL);
  vel_values_set (request, "sampler", "euler", NULL);
  vel_values_set (request, "width", "64", NULL);
  vel_values_set (request, "height", "64", NULL);
  if (loras)
    vel_values_set (request, "lora", loras, &error);
  g_assert_no_error (error);
  result = vel_engine_generate (engine, request, NULL, NULL, trace, FALSE, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; result->notes[i]; i++)
    g_test_message ("%s", result->notes[i]);
  file = vel_safetensors_open (trace, NULL, &error);
  g_assert_no_error (error);
  g_unlink (trace);
  return file;
}

/* The largest relative L2 difference of the tensors of that beginning. */
static double
difference (VelTensorFile *a, VelTensorFile *b, const char *prefix)
{
  double worst = 0;

  for (gsize i = 0; i < vel_tensor_file_get_count (a); i++) {
    const VelTensorEntry *x = vel_tensor_file_get (a, i), *y = vel_tensor_file_find (b, x->name);
    double squares = 0, sum = 0;

    if (!g_str_has_prefix (x->name, prefix) || x->type != VEL_F32)
      continue;
    g_assert_nonnull (y);
    for (gint64 k = 0; k < vel_shape_count (x->shape); k++) {
      double u = ((const float *) x->data)[k], v = ((const float *) y->data)[k];

      sum += (u - v) * (u - v);
      squares += u * u;
    }
    worst = MAX (worst, squares > 0 ? sqrt (sum / squares) : sum);
  }
  return worst;
}

/* model: its recipe */
static void
test_merged (gconstpointer model)
{
  g_autofree char *place = g_build_filename (folder, model, NULL), *path = tiny_model_write (model, place);
  g_autofree char *merged = g_build_filename (place, "merged.safetensors", NULL);
  g_autoptr (GArray) tensors = read_tensors (path);
  const Lora loras[] = { { 1, 0.8, -0.5, FALSE }, { 2, 0.3, 1.2, TRUE }, { 3, -0.7, 0.4, FALSE } };
  g_autofree char *first = make_lora (tensors, &loras[0], "first.safetensors");
  g_autofree char *second = make_lora (tensors, &loras[1], "second.safetensors");
  g_autofree char *third = make_lora (tensors, &loras[2], "third.safetensors");
  g_autofree char *all = g_strdup_printf ("%s:0.8:-0.5\n%s:0.3:1.2\n%s:-0.7:0.4", first, second, third);
  g_autofree char *other_order = g_strdup_printf ("%s:-0.7:0.4\n%s:0.8:-0.5\n%s:0.3:1.2", third, first, second);
  g_autofree char *none = g_strdup_printf ("%s:0\n%s:0:0", first, third);
  const char *prompt = "a lighthouse on a cliff";
  g_autoptr (VelTensorFile) plain = NULL, found = NULL, again = NULL, after = NULL, zero = NULL, expected = NULL;

  tensor_list_write (tensors, merged);
  plain = paint (path, prompt, NULL);
  found = paint (path, prompt, all);
  again = paint (path, prompt, other_order);
  zero = paint (path, prompt, none);
  after = paint (path, prompt, NULL);
  expected = paint (merged, prompt, NULL);
  g_test_message ("text %.2g, network %.2g, latents %.2g from a merged file; %.2g away from none", difference (expected, found, "cond"),
                  difference (expected, found, "model."), difference (expected, found, "latent."), difference (plain, found, "model."));
  g_assert_cmpfloat (difference (expected, found, "cond"), <, 2e-6);
  g_assert_cmpfloat (difference (expected, found, "model."), <, 1e-5);
  g_assert_cmpfloat (difference (expected, found, "latent."), <, 2e-5);
  g_assert_cmpfloat (difference (plain, found, "model."), >, 1e-2);
  g_assert_cmpfloat (difference (plain, found, "cond"), >, 1e-2);
  /* To the bit: in another order, at strength 0, and once it is taken away. */
  g_assert_cmpfloat (difference (found, again, ""), ==, 0);
  g_assert_cmpfloat (difference (plain, zero, ""), ==, 0);
  g_assert_cmpfloat (difference (plain, after, ""), ==, 0);
}

/* A tag in the prompt is the same as the option. */
static void
test_tag (void)
{
  g_autofree char *place = g_build_filename (folder, "tag", NULL), *path = tiny_model_write ("one-block", place);
  g_autofree char *loras = g_build_filename (g_getenv ("XDG_DATA_HOME"), "velatura", "loras", "styles", NULL);
  g_autofree char *there = g_build_filename (loras, "Ink Wash.safetensors", NULL), *by_name = NULL;
  g_autoptr (GArray) tensors = read_tensors (path);
  g_autofree char *file = make_lora (tensors, &(Lora){ 5, 1, 1, FALSE }, "ink.safetensors");
  g_autoptr (VelTensorFile) tagged = NULL, optional = NULL, named = NULL, plain = NULL, missing = NULL;

  g_mkdir_with_parents (loras, 0700);
  g_assert_cmpint (g_rename (file, there), ==, 0);
  by_name = g_strdup_printf ("%s:0.75:0.5", there);
  tagged = paint (path, "a cliff<lora:ink wash:0.5:0.75>", NULL);
  optional = paint (path, "a cliff", by_name);
  named = paint (path, "a cliff", "Ink Wash:0.75:0.5");
  plain = paint (path, "a cliff", NULL);
  missing = paint (path, "a cliff <lora:not there:1>", NULL);
  g_assert_cmpfloat (difference (tagged, optional, ""), ==, 0);
  g_assert_cmpfloat (difference (tagged, named, ""), ==, 0);
  g_assert_cmpfloat (difference (plain, missing, ""), ==, 0);
  g_assert_cmpfloat (difference (plain, tagged, "model."), >, 1e-3);
  tiny_remove_tree (g_getenv ("XDG_DATA_HOME"));
}

static GError *
failure_of (const char *model, const char *lora)
{
  g_autoptr (VelValues) request = vel_request_new ();
  g_autoptr (VelResult) result = NULL;
  GError *error = NULL;

  vel_values_set (request, "model", model, NULL);
  vel_values_set (request, "steps", "1", NULL);
  vel_values_set (request, "width", "64", NULL);
  vel_values_set (request, "height", "64", NULL);
  vel_values_set (request, "lora", lora, NULL);
  result = vel_engine_generate (engine, request, NULL, NULL, NULL, FALSE, NULL, &error);
  g_assert_null (result);
  g_test_message ("%s", error->message);
  return error;
}

/* Files that are none, that are for another model, and that are not there. */
static void
test_failures (void)
{
  g_autofree char *place = g_build_filename (folder, "failures", NULL), *path = tiny_model_write ("one-block", place);
  g_autofree char *strange = g_build_filename (folder, "strange.safetensors", NULL);
  g_autofree char *misfit = g_build_filename (folder, "misfit.safetensors", NULL);
  g_autoptr (GArray) none = tensor_list_new (), wide = tensor_list_new ();
  g_autoptr (GError) not_there = failure_of (path, "/nowhere/ink.safetensors:0.5"), is_model = failure_of (path, path), alien = NULL,
                     shape = NULL;
  g_autoptr (VelTensorFile) plain = paint (path, "a cliff", NULL), after = NULL;

  tensor_list_fill (tensor_list_add (none, g_strdup ("lora_unet_single_blocks_0_linear1.lora_down.weight"), VEL_SHAPE (2, 8)), 16, 1, 1);
  tensor_list_fill (tensor_list_add (none, g_strdup ("lora_unet_single_blocks_0_linear1.lora_up.weight"), VEL_SHAPE (8, 2)), 16, 2, 1);
  tensor_list_write (none, strange);
  tensor_list_fill (tensor_list_add (wide, g_strdup ("lora_unet_middle_block_1_transformer_blocks_0_attn1_to_q.lora_down.weight"), VEL_SHAPE (2, 7)), 14, 1,
        1);
  tensor_list_fill (tensor_list_add (wide, g_strdup ("lora_unet_middle_block_1_transformer_blocks_0_attn1_to_q.lora_up.weight"), VEL_SHAPE (7, 2)), 14, 2,
        1);
  tensor_list_write (wide, misfit);
  alien = failure_of (path, strange);
  shape = failure_of (path, misfit);
  g_assert_error (not_there, VEL_ERROR, VEL_ERROR_REQUEST);
  g_assert_error (is_model, VEL_ERROR, VEL_ERROR_FORMAT);
  g_assert_error (alien, VEL_ERROR, VEL_ERROR_REQUEST);
  g_assert_nonnull (strstr (alien->message, "strange"));
  g_assert_error (shape, VEL_ERROR, VEL_ERROR_WEIGHT);
  g_assert_nonnull (strstr (shape->message, "to_q"));
  after = paint (path, "a cliff", NULL);
  g_assert_cmpfloat (difference (plain, after, ""), ==, 0);
}

static guint
count_notes (const char *model, const char *prompt, const char *lora, const char *wanted)
{
  g_autoptr (VelValues) request = vel_request_new ();
  g_autoptr (VelResult) result = NULL;
  guint n = 0;

  vel_values_set (request, "model", model, NULL);
  vel_values_set (request, "steps", "1", NULL);
  vel_values_set (request, "width", "64", NULL);
  vel_values_set (request, "height", "64", NULL);
  vel_values_set (request, "prompt", prompt, NULL);
  if (lora)
    vel_values_set (request, "lora", lora, NULL);
  result = vel_engine_generate (engine, request, NULL, NULL, NULL, FALSE, NULL, NULL);
  for (guint i = 0; result && result->notes[i]; i++) {
    g_test_message ("%s", result->notes[i]);
    n += strstr (result->notes[i], wanted) != NULL;
  }
  return n;
}

/* Blocks with strengths of their own: all 1 is the plain LoRA; halves of it add up to the whole; what is 0 is not there. */
static void
test_blocks (void)
{
  g_autofree char *place = g_build_filename (folder, "blocks", NULL), *path = tiny_model_write ("one-block", place);
  g_autoptr (GArray) tensors = read_tensors (path);
  g_autofree char *file = make_lora (tensors, &(Lora){ 6, 1, 1, FALSE }, "blocks.safetensors");
  g_autofree char *plain_tag = g_strdup_printf ("a cliff<lora:%s:0.8>", file);
  g_autofree char *all = g_strdup_printf ("a cliff<lora:%s:0.8:lbw=1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1>", file);
  g_autofree char *text_only = g_strdup_printf ("a cliff<lora:%s:0.8:lbw=1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0>", file);
  g_autofree char *none = g_strdup_printf ("a cliff<lora:%s:0.8:lbw=NONE>", file);
  g_autoptr (VelTensorFile) bare = paint (path, "a cliff", NULL), plain = paint (path, plain_tag, NULL), whole = paint (path, all, NULL);
  g_autoptr (VelTensorFile) text = paint (path, text_only, NULL), nothing = paint (path, none, NULL);

  g_assert_cmpfloat (difference (plain, whole, ""), ==, 0);
  g_assert_cmpfloat (difference (plain, text, "cond"), ==, 0);
  g_assert_cmpfloat (difference (plain, text, "model."), >, 1e-3);
  g_assert_cmpfloat (difference (bare, nothing, "cond"), ==, 0);
  g_assert_cmpfloat (difference (text, nothing, "cond"), >, 1e-3);
}

/* What is said of a file is about the model at hand: not about the one before, and the same when nothing has to be done for it. */
static void
test_report (void)
{
  g_autofree char *place = g_build_filename (folder, "report", NULL), *path = tiny_model_write ("one-block", place);
  g_autofree char *other_place = g_build_filename (folder, "other", NULL), *other = tiny_model_write ("sdxl-zero", other_place);
  g_autofree char *file = g_build_filename (folder, "report.safetensors", NULL);
  const char *layer = "lora_unet_input_blocks_5_1_transformer_blocks_0_attn1_to_q"; /* the other one ends before */
  g_autoptr (GArray) tensors = tensor_list_new ();
  g_autofree char *plain_tag = g_strdup_printf ("<lora:%s:0.5:0.25>", file), *block_tag = g_strdup_printf ("<lora:%s:1:lbw=1,0,0>", file);
  g_autofree char *rank_tag = g_strdup_printf ("<lora:%s:1:1:2>", file);
  g_autoptr (GError) alien = NULL;

  tensor_list_fill (tensor_list_add (tensors, g_strconcat (layer, ".lora_down.weight", NULL), VEL_SHAPE (2, 64)), 128, 1, 0.1);
  tensor_list_fill (tensor_list_add (tensors, g_strconcat (layer, ".lora_up.weight", NULL), VEL_SHAPE (64, 2)), 128, 2, 0.1);
  tensor_list_write (tensors, file);
  g_assert_cmpuint (count_notes (path, "", file, "1 of 1"), ==, 1);
  g_assert_cmpuint (count_notes (path, "", file, "1 of 1"), ==, 1);
  alien = failure_of (other, file);
  g_assert_error (alien, VEL_ERROR, VEL_ERROR_REQUEST);
  g_assert_cmpuint (count_notes (path, "", file, "1 of 1"), ==, 1);
  g_assert_cmpuint (count_notes (path, plain_tag, NULL, "left out"), ==, 0);
  g_assert_cmpuint (count_notes (path, block_tag, NULL, "lbw=1,0,0"), ==, 1);
  g_assert_cmpuint (count_notes (path, rank_tag, NULL, "dyn=2"), ==, 1);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("velatura-lora-XXXXXX", NULL);
  {
    g_autofree char *data = g_build_filename (folder, "data", NULL);

    g_setenv ("XDG_DATA_HOME", data, TRUE);
  }
  engine = vel_engine_new ("cpu", &(VelDeviceOptions){ .threads = 2 }, &error);
  g_assert_no_error (error);
  g_test_add_data_func ("/lora/merged/sd1", "one-block", test_merged);
  g_test_add_data_func ("/lora/merged/sd2", "sd2", test_merged);
  g_test_add_data_func ("/lora/merged/sdxl", "sdxl", test_merged);
  g_test_add_func ("/lora/tag", test_tag);
  g_test_add_func ("/lora/blocks", test_blocks);
  g_test_add_func ("/lora/failures", test_failures);
  g_test_add_func ("/lora/report", test_report);
  status = g_test_run ();
  vel_engine_free (engine);
  tiny_remove_tree (folder);
  g_free (folder);
  return status;
}
