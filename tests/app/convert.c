/* Models in other types and containers, from the command line: what they become, and that they paint what they painted.
 * SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* for checkpoints.h */
#include "program.h"

#include <glib/gstdio.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "engine/formats/png.h"
#include "engine/formats/safetensors.h"
#include "tests/engine/formats/checkpoints.h"
#include "tests/support/tiny-model.h"

static char *model, *vocabulary;

/* Returns: (transfer full): the picture of a model, 64x64, 2 steps */
static VelPng *
paint (const char *of)
{
  g_autofree char *path = vel_program_path ("picture.png");
  const VelOutcome *outcome =
      vel_program_run (NULL, "generate", "--model", of, "--tokenizer", vocabulary, "--prompt", "a lighthouse", "--width", "64", "--height",
                       "64", "--steps", "2", "--seed", "5", "--threads", "1", "--force", "--output", path, NULL);
  g_autoptr (GError) error = NULL;
  VelPng *png;

  if (outcome->status != 0)
    g_error ("%s", outcome->err);
  png = vel_png_read (path, FALSE, &error);
  g_assert_no_error (error);
  return png;
}

/* The largest difference of two models' pictures, of 255. */
static int
difference (const char *a, const char *b)
{
  g_autoptr (VelPng) one = paint (a), two = paint (b);
  int most = 0;

  for (gsize i = 0; i < 64 * 64 * 3; i++)
    most = MAX (most, abs (one->rgb[i] - two->rgb[i]));
  return most;
}

/* What inspect says must be this container, of a family that is known, with numbers of this type in it. */
static void
assert_inspected (const char *path, const char *container, const char *dtype)
{
  const VelOutcome *outcome = vel_program_run (NULL, "inspect", "--json", path, NULL);
  json_t *found = json_loads (outcome->out, 0, NULL);

  g_assert_cmpint (outcome->status, ==, 0);
  g_assert_cmpstr (json_string_value (json_object_get (found, "container")), ==, container);
  g_assert_cmpstr (json_string_value (json_object_get (found, "family")), ==, "sd1");
  g_assert_cmpint (json_integer_value (json_object_get (json_object_get (found, "parameters_by_dtype"), dtype)), >, 0);
  g_assert_true (json_is_string (json_object_get (found, "hash_autov3")) == g_str_equal (container, "safetensors"));
  json_decref (found);
}

/* fp32 holds all of the tiny model and paints the same; the others something close. */
static void
test_types (void)
{
  static const struct {
    const char *type, *container, *dtype;
    int most;
  } cases[] = {
    { "fp32", "safetensors", "F32", 0 },
    { "fp16", "safetensors", "F16", 2 },
    { "q8_0", "gguf", "Q8_0", 40 },
    { "fp8", "safetensors", "F8_E4M3", 160 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = vel_program_path (cases[i].type);
    const VelOutcome *outcome = vel_program_run (NULL, "convert", model, "--to", cases[i].type, "--output", path, NULL);
    int found;

    g_assert_cmpint (outcome->status, ==, 0);
    g_assert_cmpstr (outcome->out, ==, "");
    g_assert_cmpstr (outcome->err, ==, "");
    assert_inspected (path, cases[i].container, cases[i].dtype);
    found = difference (model, path);
    g_test_message ("%s: largest difference %d", cases[i].type, found);
    g_assert_cmpint (found, <=, cases[i].most);
  }
}

static void
put_text (GByteArray *bytes, const char *text)
{
  PUT (bytes, "X");
  put_number (bytes, strlen (text), 4);
  put (bytes, text, strlen (text));
}

static void
put_integer (GByteArray *bytes, gint64 number)
{
  PUT (bytes, "\x8a\x08");
  put_number (bytes, (guint64) number, 8);
}

/* {name: tensor, …}, storage N for tensor N */
static GByteArray *
pickle_of (VelTensorFile *file)
{
  GByteArray *pickle = g_byte_array_new ();

  PUT (pickle, "\x80\2}");
  for (gsize i = 0; i < vel_tensor_file_get_count (file); i++) {
    const VelTensorEntry *entry = vel_tensor_file_get (file, i);
    g_autofree char *key = g_strdup_printf ("%zu", i);
    gint64 stride = 1, strides[VEL_MAX_AXES];

    put_text (pickle, entry->name);
    PUT (pickle, "ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\n");
    g_assert_cmpint (entry->type, ==, VEL_BF16);
    PUT (pickle, "BFloat16Storage\n");
    put_text (pickle, key);
    put_text (pickle, "cpu");
    put_integer (pickle, vel_shape_count (entry->shape));
    PUT (pickle, "tQK\0(");
    for (guint axis = entry->n_axes; axis-- > 0; stride *= entry->axes[axis])
      strides[axis] = stride;
    for (guint axis = 0; axis < entry->n_axes; axis++)
      put_integer (pickle, entry->axes[axis]);
    PUT (pickle, "t(");
    for (guint axis = 0; axis < entry->n_axes; axis++)
      put_integer (pickle, strides[axis]);
    PUT (pickle, "t\x89}tRs");
  }
  PUT (pickle, ".");
  return pickle;
}

/* The model as a checkpoint: listed, inspected, painted with, and converted to what it was. */
static void
test_checkpoint (void)
{
  g_autofree char *path = vel_program_path ("tiny.ckpt"), *back = vel_program_path ("back.safetensors");
  g_autoptr (VelTensorFile) file = vel_tensor_file_open (model, NULL, NULL), again = NULL;
  gsize count = vel_tensor_file_get_count (file);
  g_autoptr (GByteArray) pickle = pickle_of (file), zip = NULL;
  g_autofree ZipMember *members = g_new0 (ZipMember, count + 1);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);

  members[0] = (ZipMember){ "tiny/data.pkl", pickle->data, pickle->len };
  for (gsize i = 0; i < count; i++) {
    const VelTensorEntry *entry = vel_tensor_file_get (file, i);

    g_ptr_array_add (names, g_strdup_printf ("tiny/data/%zu", i));
    members[i + 1] = (ZipMember){ names->pdata[i], entry->data, entry->bytes };
  }
  zip = zip_new (members, count + 1, 0);
  g_assert_true (g_file_set_contents (path, (char *) zip->data, zip->len, NULL));

  assert_inspected (path, "torch-zip", "BF16");
  g_assert_cmpint (difference (model, path), ==, 0);
  g_assert_cmpint (vel_program_run (NULL, "convert", path, "--to", "bf16", "--output", back, NULL)->status, ==, 0);
  again = vel_tensor_file_open (back, NULL, NULL);
  for (gsize i = 0; i < count; i++) {
    const VelTensorEntry *one = vel_tensor_file_get (file, i), *two = vel_tensor_file_find (again, one->name);

    g_assert_cmpmem (one->data, one->bytes, two->data, two->bytes);
  }
}

/* ---- Names of stable-diffusion.cpp's converter */

/* OpenCLIP's names within a text encoder, and transformers'. */
static const char *const leaves[][2] = {
  { "model.token_embedding.weight", "embeddings.token_embedding.weight" },
  { "model.positional_embedding", "embeddings.position_embedding.weight" },
  { "model.ln_final.", "final_layer_norm." },
  { "model.text_projection", "text_projection" },
  { "model.transformer.resblocks.", "encoder.layers." },
};
static const char *const parts[][2] = {
  { ".ln_1.", ".layer_norm1." },
  { ".ln_2.", ".layer_norm2." },
  { ".mlp.c_fc.", ".mlp.fc1." },
  { ".mlp.c_proj.", ".mlp.fc2." },
  { ".attn.out_proj.", ".self_attn.out_proj." },
};

/* name: within the encoder. Returns: (transfer full) */
static char *
transformers_name (const char *name, const char *prefix)
{
  g_autoptr (GString) out = g_string_new (name);

  for (gsize i = 0; i < G_N_ELEMENTS (leaves); i++)
    if (g_str_has_prefix (name, leaves[i][0]))
      g_string_replace (out, leaves[i][0], leaves[i][1], 1);
  for (gsize i = 0; i < G_N_ELEMENTS (parts); i++)
    g_string_replace (out, parts[i][0], parts[i][1], 1);
  g_string_prepend (out, "transformer.text_model.");
  g_string_prepend (out, prefix);
  return g_string_free (g_steal_pointer (&out), FALSE);
}

/* One tensor, or q, k and v in place of the three on top of each other. names: keeps what the tensors are called */
static void
add_renamed (GArray *out, GPtrArray *names, const VelTensorEntry *entry, const char *within, const char *prefix)
{
  static const char *const letters[] = { "q", "k", "v" };
  const char *stacked = strstr (within, ".attn.in_proj_");
  VelTensorOut tensor = { NULL, entry->type, entry->shape, entry->data };

  if (!stacked) {
    g_ptr_array_add (names, transformers_name (within, prefix));
    tensor.name = names->pdata[names->len - 1];
    g_array_append_val (out, tensor);
    return;
  }
  tensor.shape.size[0] /= 3;
  for (guint i = 0; i < 3; i++) {
    g_autofree char *one =
        g_strdup_printf ("%.*s.self_attn.%s_proj.%s", (int) (stacked - within), within, letters[i], stacked + strlen (".attn.in_proj_"));

    g_ptr_array_add (names, transformers_name (one, prefix));
    tensor.name = names->pdata[names->len - 1];
    tensor.data = (const guint8 *) entry->data + i * entry->bytes / 3;
    g_array_append_val (out, tensor);
  }
}

/* A model as that program's converter calls its tensors. */
static void
write_converted (const char *from, const char *to)
{
  static const char *const prefixes[][2] = { { "cond_stage_model.model.", "cond_stage_model." },
                                             { "conditioner.embedders.1.model.", "cond_stage_model.1." },
                                             { "conditioner.embedders.0.", "cond_stage_model." } };
  g_autoptr (VelTensorFile) file = vel_tensor_file_open (from, NULL, NULL);
  g_autoptr (GArray) out = g_array_new (FALSE, FALSE, sizeof (VelTensorOut));
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);

  for (gsize i = 0; i < vel_tensor_file_get_count (file); i++) {
    const VelTensorEntry *entry = vel_tensor_file_get (file, i);
    guint p = 0;

    while (p < G_N_ELEMENTS (prefixes) && !g_str_has_prefix (entry->name, prefixes[p][0]))
      p++;
    if (p < 2)
      add_renamed (out, names, entry, entry->name + strlen (prefixes[p][0]) - strlen ("model."), prefixes[p][1]);
    else {
      g_ptr_array_add (names, p == 2 ? g_strconcat (prefixes[p][1], entry->name + strlen (prefixes[p][0]), NULL) : g_strdup (entry->name));
      g_array_append_val (out, ((VelTensorOut){ names->pdata[names->len - 1], entry->type, entry->shape, entry->data }));
    }
  }
  g_assert_true (vel_safetensors_write (to, (const VelTensorOut *) (gpointer) out->data, out->len, NULL, NULL));
}

static void
test_other_names (gconstpointer name)
{
  g_autofree char *folder = vel_program_path (name), *to = g_build_filename (folder, "converted.safetensors", NULL);
  g_autofree char *from = tiny_model_write (name, folder);

  write_converted (from, to);
  g_assert_cmpint (difference (from, to), ==, 0);
}

/* A diffusers folder of SDXL becomes what other programs open: OpenCLIP's fused matrices and transposed projection, convolutions in the
 * VAE's attention. It paints the same. */
static void
test_original_layout (void)
{
#define OPEN "conditioner.embedders.1.model."
  static const struct {
    const char *name;
    VelShape shape;
  } wanted[] = {
    { OPEN "token_embedding.weight", VEL_SHAPE (-1, 64) },
    { OPEN "positional_embedding", VEL_SHAPE (77, 64) },
    { OPEN "text_projection", VEL_SHAPE (64, 64) },
    { OPEN "ln_final.bias", VEL_SHAPE (64) },
    { OPEN "transformer.resblocks.0.attn.in_proj_weight", VEL_SHAPE (192, 64) },
    { OPEN "transformer.resblocks.2.attn.in_proj_bias", VEL_SHAPE (192) },
    { OPEN "transformer.resblocks.1.attn.out_proj.weight", VEL_SHAPE (64, 64) },
    { OPEN "transformer.resblocks.1.mlp.c_fc.weight", VEL_SHAPE (256, 64) },
    { OPEN "transformer.resblocks.1.mlp.c_proj.bias", VEL_SHAPE (64) },
    { OPEN "transformer.resblocks.0.ln_2.weight", VEL_SHAPE (64) },
    { "conditioner.embedders.0.transformer.text_model.encoder.layers.0.self_attn.k_proj.weight", VEL_SHAPE (64, 64) },
    { "first_stage_model.decoder.mid.attn_1.q.weight", VEL_SHAPE (64, 64, 1, 1) },
    { "first_stage_model.encoder.mid.attn_1.proj_out.weight", VEL_SHAPE (64, 64, 1, 1) },
  };
  g_autofree char *folder = vel_program_path ("sdxl-folder"), *from = tiny_model_write ("sdxl-folder", folder);
  g_autofree char *to = vel_program_path ("original.safetensors"),
                  *own = g_build_filename (from, "text_encoder_2", "model.safetensors", NULL);
  g_autoptr (VelTensorFile) file = NULL, before = NULL;
  const VelTensorEntry *stored, *turned, *fused, *keys;

  g_assert_cmpint (vel_program_run (NULL, "convert", from, "--to", "bf16", "--output", to, NULL)->status, ==, 0);
  file = vel_safetensors_open (to, NULL, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (wanted); i++) {
    const VelTensorEntry *entry = vel_tensor_file_find (file, wanted[i].name);

    g_test_message ("%s", wanted[i].name);
    g_assert_nonnull (entry);
    g_assert_cmpuint (entry->shape.n, ==, wanted[i].shape.n);
    for (guint k = 0; k < entry->shape.n; k++)
      g_assert_true (wanted[i].shape.size[k] == -1 || wanted[i].shape.size[k] == entry->shape.size[k]);
  }
  for (gsize i = 0; i < vel_tensor_file_get_count (file); i++)
    g_assert_false (g_str_has_prefix (vel_tensor_file_get (file, i)->name, "conditioner.embedders.1.transformer."));
  before = vel_tensor_file_open (own, NULL, NULL);
  stored = vel_tensor_file_find (before, "text_projection.weight");
  turned = vel_tensor_file_find (file, OPEN "text_projection");
  for (gsize i = 0; i < 64; i++)
    for (gsize k = 0; k < 64; k++)
      g_assert_cmpint (((const guint16 *) stored->data)[i * 64 + k], ==, ((const guint16 *) turned->data)[k * 64 + i]);
  keys = vel_tensor_file_find (before, "text_model.encoder.layers.1.self_attn.k_proj.weight");
  fused = vel_tensor_file_find (file, OPEN "transformer.resblocks.1.attn.in_proj_weight");
  g_assert_cmpmem ((const char *) fused->data + keys->bytes, keys->bytes, keys->data, keys->bytes);
  g_assert_cmpint (difference (from, to), ==, 0);
#undef OPEN
}

/* Nothing is replaced unasked, and a file that lies is called by what is wrong with it. */
static void
test_refused (void)
{
  g_autofree char *taken = vel_program_path ("taken.safetensors"), *hostile = vel_program_path ("hostile.ckpt");
  g_autofree char *out = vel_program_path ("out.safetensors"), *nowhere = vel_program_path ("no/where.safetensors"), *kept = NULL;
  g_autoptr (GByteArray) pickle = g_byte_array_new (), zip = NULL;

  g_assert_true (g_file_set_contents (taken, "mine", -1, NULL));
  vel_assert_refused (vel_program_run (NULL, "convert", model, "--output", taken, NULL), 1, "exists already");
  g_assert_true (g_file_get_contents (taken, &kept, NULL, NULL));
  g_assert_cmpstr (kept, ==, "mine");
  g_assert_cmpint (vel_program_run (NULL, "convert", model, "--output", taken, "--force", NULL)->status, ==, 0);
  vel_assert_refused (vel_program_run (NULL, "convert", model, "--output", nowhere, NULL), 1, "there is no folder");
  vel_assert_refused (vel_program_run (NULL, "convert", "no-such-model", "--output", out, NULL), 1, "no-such-model");

  PUT (pickle, "\x80\2}X\1\0\0\0xcposix\nsystem\nX\2\0\0\0id\x85Rs.");
  zip = zip_around (pickle);
  g_assert_true (g_file_set_contents (hostile, (char *) zip->data, zip->len, NULL));
  for (const char *const *verb = (const char *[]){ "inspect", "convert", NULL }; *verb; verb++)
    vel_assert_refused (g_str_equal (*verb, "inspect") ? vel_program_run (NULL, "inspect", hostile, NULL)
                                                       : vel_program_run (NULL, "convert", hostile, "--output", out, NULL),
                        1, "its pickle names posix.system");
  g_assert_false (g_file_test (out, G_FILE_TEST_EXISTS));
}

int
main (int argc, char **argv)
{
  g_autofree char *folder = NULL;

  vel_program_init (&argc, &argv);
  folder = vel_program_path ("model");
  model = tiny_model_write ("two-levels", folder);
  vocabulary = g_strdup (folder);
  g_test_add_func ("/convert/types", test_types);
  g_test_add_func ("/convert/checkpoint", test_checkpoint);
  g_test_add_data_func ("/convert/other-names/sd2", "sd2", test_other_names);
  g_test_add_data_func ("/convert/other-names/sdxl", "sdxl", test_other_names);
  g_test_add_func ("/convert/original-layout", test_original_layout);
  g_test_add_func ("/convert/refused", test_refused);
  return vel_program_finish ();
}
