/* Models in parts and in other namings paint what the whole file paints, to the bit; parts that do not fit are one clear sentence.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The recipes of tiny models have each tensor's name in diffusers' naming beside the original one, from diffusers' own conversion. */
#include <string.h>

#include "engine/formats/safetensors.h"
#include "engine/pipeline/generate.h"
#include "engine/pipeline/request.h"
#include "tests/support/tiny-model.h"

typedef enum { UNET, TEXT, TEXT_2, VAE, N_PARTS } Part;
static const char *const ids[N_PARTS] = { "unet", "text_encoder", "text_encoder_2", "vae" };

/* How a part's tensors are named: original, after a root in place of their prefix; or diffusers', after a root. */
typedef struct {
  gboolean diffusers;
  const char *root;     /* NULL: the original one */
  const char *stripped; /* what else comes off, or NULL */
} Style;

typedef struct {
  const char *id;
  gboolean one_file;
  Style styles[N_PARTS];
} Naming;

static const Naming namings[] = {
  { "original", FALSE, { { FALSE }, { FALSE }, { FALSE }, { FALSE } } },
  { "bare", FALSE, { { FALSE, "" }, { FALSE, "" }, { FALSE, "" }, { FALSE, "" } } },
  { "diffusers", FALSE, { { TRUE, "" }, { TRUE, "" }, { TRUE, "" }, { TRUE, "" } } },
  { "rooted", FALSE, { { TRUE, "unet." }, { TRUE, "text_encoder." }, { TRUE, "text_encoder_2." }, { TRUE, "vae." } } },
  { "no-text-model", FALSE, { { FALSE, "" }, { TRUE, "", "text_model." }, { TRUE, "", "text_model." }, { TRUE, "first_stage_model." } } },
  { "pipeline", TRUE, { { TRUE, "unet." }, { TRUE, "text_encoder." }, { TRUE, "text_encoder_2." }, { TRUE, "vae." } } },
  { "mixture", TRUE, { { FALSE }, { TRUE, "te1." }, { TRUE, "te2." }, { TRUE, "first_stage_model." } } },
  { "other-mixture", TRUE, { { TRUE, "unet." }, { FALSE }, { FALSE }, { FALSE } } },
};

static char *folder;
static VelEngine *engine;

static Part
part_of (const char *original)
{
  if (g_str_has_prefix (original, "model.diffusion_model."))
    return UNET;
  if (g_str_has_prefix (original, "first_stage_model."))
    return VAE;
  return g_str_has_prefix (original, "conditioner.embedders.1.") ? TEXT_2 : TEXT;
}

/* "cond_stage_model.transformer.": what stands before the names that a part's own file has. */
static gsize
prefix_of (const char *original)
{
  static const char *const prefixes[] = { "model.diffusion_model.",
                                          "first_stage_model.",
                                          "cond_stage_model.transformer.",
                                          "cond_stage_model.model.",
                                          "conditioner.embedders.0.transformer.",
                                          "conditioner.embedders.0.model.",
                                          "conditioner.embedders.1.transformer.",
                                          "conditioner.embedders.1.model." };

  for (gsize i = 0; i < G_N_ELEMENTS (prefixes); i++)
    if (g_str_has_prefix (original, prefixes[i]))
      return strlen (prefixes[i]);
  g_assert_not_reached ();
}

static char *
name_as (const Style *style, const char *original, const char *stored)
{
  const char *rest = style->diffusers ? stored : original + prefix_of (original);

  if (!style->root)
    return g_strdup (original);
  if (style->stripped && g_str_has_prefix (rest, style->stripped))
    rest += strlen (style->stripped);
  return g_strconcat (style->root, rest, NULL);
}

static char *
file_of (const char *model, const char *naming, const char *part)
{
  g_autofree char *name = g_strconcat (part, ".safetensors", NULL);

  return g_build_filename (folder, model, naming, name, NULL);
}

static void
write_out (const char *path, GArray *tensors)
{
  g_autofree char *parent = g_path_get_dirname (path);
  g_autoptr (GError) error = NULL;

  g_mkdir_with_parents (parent, 0700);
  vel_safetensors_write (path, (const VelTensorOut *) (gpointer) tensors->data, tensors->len, NULL, &error);
  g_assert_no_error (error);
}

static void
clear_out (gpointer tensor)
{
  g_free ((char *) ((VelTensorOut *) tensor)->name);
}

/* Writes the model, which lies in `whole`, anew under other names: "model.safetensors" or a file for each part. */
static void
write_as (const char *model, const char *whole, const Naming *naming)
{
  g_autofree char *relative = g_strdup_printf ("models/%s.json", model), *recipe = tiny_model_golden (relative);
  json_t *root = json_load_file (recipe, 0, NULL), *row;
  GArray *tensors[N_PARTS];
  g_autoptr (GHashTable) files = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) vel_tensor_file_unref);
  size_t i;

  for (Part p = 0; p < N_PARTS; p++) {
    tensors[p] = g_array_new (FALSE, FALSE, sizeof (VelTensorOut));
    g_array_set_clear_func (tensors[p], clear_out);
  }
  json_array_foreach (json_object_get (root, "tensors"), i, row)
  {
    const char *file = json_string_value (json_array_get (row, 0)), *stored = json_string_value (json_array_get (row, 1));
    const char *original = json_string_value (json_array_get (row, 2));
    Part part = part_of (original);
    const VelTensorEntry *entry;

    if (!g_hash_table_contains (files, file)) {
      g_autofree char *path = g_build_filename (whole, file, NULL);

      g_hash_table_insert (files, g_strdup (file), vel_tensor_file_open (path, NULL, NULL));
    }
    entry = vel_tensor_file_find (g_hash_table_lookup (files, file), stored);
    g_array_append_val (tensors[naming->one_file ? UNET : part],
                        ((VelTensorOut){ name_as (&naming->styles[part], original, stored), entry->type, entry->shape, entry->data }));
  }
  for (Part p = 0; p < N_PARTS; p++) {
    g_autofree char *path = file_of (model, naming->id, naming->one_file ? "model" : ids[p]);

    if (tensors[p]->len > 0)
      write_out (path, tensors[p]);
    g_array_unref (tensors[p]);
  }
  json_decref (root);
}

static VelValues *
new_request (const char *vocabulary)
{
  static const char *const options[][2] = { { "prompt", "a lighthouse on a cliff, (stormy sea:1.2)" },
                                            { "negative", "photo" },
                                            { "seed", "4711" },
                                            { "steps", "2" },
                                            { "width", "64" },
                                            { "height", "48" },
                                            { "rng", "cpu" },
                                            { "prediction", "v" } };
  VelValues *request = vel_request_new ();

  for (gsize i = 0; i < G_N_ELEMENTS (options); i++)
    g_assert_true (vel_values_set (request, options[i][0], options[i][1], NULL));
  g_assert_true (vel_values_set (request, "tokenizer", vocabulary, NULL));
  return request;
}

/* Returns: (transfer full): every tensor on the way to the picture */
static VelTensorFile *
trace_of (VelValues *request, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (VelResult) result = vel_engine_generate (engine, request, NULL, NULL, path, FALSE, NULL, &error);
  VelTensorFile *trace;

  g_assert_no_error (error);
  for (guint i = 0; result->notes[i]; i++)
    g_error ("%s", result->notes[i]); /* no tensor is left over */
  trace = vel_tensor_file_open (path, NULL, &error);
  g_assert_no_error (error);
  return trace;
}

static void
assert_same (VelTensorFile *a, VelTensorFile *b)
{
  g_assert_cmpuint (vel_tensor_file_get_count (a), ==, vel_tensor_file_get_count (b));
  for (gsize i = 0; i < vel_tensor_file_get_count (a); i++) {
    const VelTensorEntry *one = vel_tensor_file_get (a, i), *other = vel_tensor_file_find (b, one->name);

    g_assert_nonnull (other);
    if (one->bytes != other->bytes || memcmp (one->data, other->data, one->bytes) != 0)
      g_error ("%s differs", one->name);
  }
}

/* The text encoders are named the second first: which is which is told by what is in them. */
static void
set_parts (VelValues *request, const char *model, const char *naming)
{
  g_autofree char *unet = file_of (model, naming, ids[UNET]), *vae = file_of (model, naming, ids[VAE]);
  g_autofree char *first = file_of (model, naming, ids[TEXT]), *second = file_of (model, naming, ids[TEXT_2]);
  g_autofree char *both = g_file_test (second, G_FILE_TEST_EXISTS) ? g_strconcat (second, "\n", first, NULL) : g_strdup (first);

  g_assert_true (vel_values_set (request, "unet", unet, NULL));
  g_assert_true (vel_values_set (request, "text_encoder", both, NULL));
  g_assert_true (vel_values_set (request, "vae", vae, NULL));
}

/* Parts of a diffusers folder are folders themselves, of one file or of shards. */
static void
set_folders (VelValues *request, const char *place)
{
  g_autofree char *unet = g_build_filename (place, ids[UNET], NULL), *vae = g_build_filename (place, ids[VAE], NULL);
  g_autofree char *first = g_build_filename (place, ids[TEXT], NULL), *second = g_build_filename (place, ids[TEXT_2], NULL);
  g_autofree char *both = g_file_test (second, G_FILE_TEST_EXISTS) ? g_strconcat (second, "\n", first, NULL) : g_strdup (first);

  g_assert_true (vel_values_set (request, "unet", unet, NULL));
  g_assert_true (vel_values_set (request, "text_encoder", both, NULL));
  g_assert_true (vel_values_set (request, "vae", vae, NULL));
}

static void
test_model (gconstpointer data)
{
  const char *model = data;
  g_autofree char *place = g_build_filename (folder, model, "whole", NULL), *whole = tiny_model_write (model, place);
  gboolean is_folder = g_str_equal (whole, place);
  g_autofree char *vocabulary = is_folder ? g_build_filename (place, "tokenizer", NULL) : g_strdup (place);
  g_autoptr (VelValues) request = new_request (vocabulary);
  g_autoptr (VelTensorFile) want = NULL;

  vel_values_set (request, "model", whole, NULL);
  want = trace_of (request, "whole.safetensors");
  for (gsize i = 0; i < G_N_ELEMENTS (namings); i++) {
    const Naming *naming = &namings[i];
    g_autofree char *one_file = file_of (model, naming->id, "model");
    g_autoptr (VelValues) other = new_request (vocabulary);
    g_autoptr (VelTensorFile) got = NULL;

    if (!is_folder && (naming->one_file || naming->styles[UNET].diffusers || naming->styles[TEXT].diffusers))
      continue; /* the recipe has no other names */
    g_test_message ("%s", naming->id);
    write_as (model, place, naming);
    if (naming->one_file)
      vel_values_set (other, "model", one_file, NULL);
    else
      set_parts (other, model, naming->id);
    got = trace_of (other, "parts.safetensors");
    assert_same (want, got);
  }
  if (is_folder) {
    g_autoptr (VelValues) other = new_request (vocabulary);
    g_autoptr (VelTensorFile) got = NULL;

    set_folders (other, place);
    got = trace_of (other, "parts.safetensors");
    assert_same (want, got);
  }
}

/* "folder/unet" is the part's file in diffusers' naming, "folder" the folder that the whole model is in; of several, a line each. */
static char *
place_of (const char *short_names)
{
  g_auto (GStrv) lines = g_strsplit (short_names, "\n", -1);

  for (guint i = 0; lines[i]; i++) {
    g_auto (GStrv) words = g_strsplit (lines[i], "/", 2);

    g_free (lines[i]);
    lines[i] = words[1] ? file_of (words[0], "diffusers", words[1]) : g_build_filename (folder, words[0], "whole", NULL);
  }
  return g_strjoinv ("\n", lines);
}

/* Writes a model as files of its parts in diffusers' naming. Returns: (transfer full): its vocabulary */
static char *
write_parts (const char *model)
{
  g_autofree char *place = g_build_filename (folder, model, "whole", NULL);

  g_free (tiny_model_write (model, place));
  write_as (model, place, &namings[2]);
  g_assert_cmpstr (namings[2].id, ==, "diffusers");
  return g_build_filename (place, "tokenizer", NULL);
}

static void
set_place (VelValues *request, const char *option, const char *short_names)
{
  g_autofree char *place = short_names ? place_of (short_names) : NULL;

  g_assert_true (vel_values_set (request, option, place, NULL));
}

/* A part stands in the place of a whole model's own: the same as if all parts had been named. */
static void
test_replaced (void)
{
  static const struct {
    const char *model, *unet, *text, *vae;     /* in place of the model's own */
    const char *all_unet, *all_text, *all_vae; /* the same parts, one by one */
  } cases[] = {
    { "folder", "told/unet", NULL, NULL, "told/unet", "folder/text_encoder", "folder/vae" },
    { "folder", NULL, "told/text_encoder", NULL, "folder/unet", "told/text_encoder", "folder/vae" },
    { "folder", NULL, NULL, "told", "folder/unet", "folder/text_encoder", "told/vae" },
    { "folder", "told", "told", "told", "told/unet", "told/text_encoder", "told/vae" },
    { "sdxl-folder", NULL, "folder/text_encoder", NULL, "sdxl-folder/unet", "sdxl-folder/text_encoder_2\nfolder/text_encoder",
      "sdxl-folder/vae" },
    { "sdxl-folder", "sdxl-folder", "sdxl-folder", NULL, "sdxl-folder/unet", "sdxl-folder/text_encoder\nsdxl-folder/text_encoder_2",
      "sdxl-folder/vae" },
  };
  g_autofree char *vocabulary = write_parts ("folder");

  g_free (write_parts ("told"));
  g_free (write_parts ("sdxl-folder"));
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (VelValues) replaced = new_request (vocabulary), all = new_request (vocabulary);
    g_autoptr (VelTensorFile) one = NULL, other = NULL;

    set_place (replaced, "model", cases[i].model);
    set_place (replaced, "unet", cases[i].unet);
    set_place (replaced, "text_encoder", cases[i].text);
    set_place (replaced, "vae", cases[i].vae);
    set_place (all, "unet", cases[i].all_unet);
    set_place (all, "text_encoder", cases[i].all_text);
    set_place (all, "vae", cases[i].all_vae);
    one = trace_of (replaced, "one.safetensors");
    other = trace_of (all, "other.safetensors");
    assert_same (one, other);
  }
}

/* Files that are no part at all. */
static void
write_strangers (void)
{
  static const float values[4] = { 1, 2, 3, 4 };
  static const struct {
    const char *file, *tensors[3];
  } files[] = {
    { "lora",
      { "lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight", "lora_unet_down_blocks_0_attentions_0_proj_in.lora_up.weight" } },
    { "controlnet", { "controlnet_cond_embedding.conv_in.weight", "conv_in.weight", "down_blocks.0.resnets.0.conv1.weight" } },
    { "embedding", { "emb_params" } },
    { "nothing", { "x" } },
    { "hollow", { "conv_in.weight", "up_blocks.0.x", "time_embedding.linear_1.weight" } },
  };

  for (gsize f = 0; f < G_N_ELEMENTS (files); f++) {
    g_autoptr (GArray) tensors = g_array_new (FALSE, FALSE, sizeof (VelTensorOut));
    g_autofree char *path = file_of ("stranger", "diffusers", files[f].file);

    for (gsize i = 0; i < G_N_ELEMENTS (files[f].tensors) && files[f].tensors[i]; i++)
      g_array_append_val (tensors, ((VelTensorOut){ files[f].tensors[i], VEL_F32, VEL_SHAPE (2, 2), values }));
    write_out (path, tensors);
  }
}

static const struct {
  const char *model, *unet, *text, *vae;
  int code;
  const char *says;
} refused[] = {
  /* swapped */
  { NULL, "folder/vae", "folder/text_encoder", "folder/vae", VEL_ERROR_FAMILY,
    "vae.safetensors\" has no UNet: it is a VAE, which --vae takes" },
  { "folder", "folder/vae", NULL, NULL, VEL_ERROR_FORMAT, "holds no UNet: it is a VAE, which --vae takes" },
  { "folder", "folder/text_encoder", NULL, NULL, VEL_ERROR_FORMAT, "holds no UNet: it is a text encoder, which --text-encoder takes" },
  { "folder", NULL, "folder/vae", NULL, VEL_ERROR_FORMAT, "holds no text encoder: it is a VAE" },
  { "folder", NULL, NULL, "folder/unet", VEL_ERROR_FORMAT, "holds no VAE: it is a UNet, which --unet takes" },
  { "folder/text_encoder", NULL, NULL, NULL, VEL_ERROR_FAMILY, "has no UNet: it is a text encoder" },
  /* missing */
  { NULL, "folder/unet", NULL, NULL, VEL_ERROR_FAMILY,
    "a UNet of Stable Diffusion 1, with no text encoder and no VAE: name CLIP-L with --text-encoder" },
  { "folder/unet", NULL, "folder/text_encoder", NULL, VEL_ERROR_FAMILY, "of Stable Diffusion 1 and has no VAE: name one with --vae" },
  { "sd2-folder/unet", NULL, NULL, "folder/vae", VEL_ERROR_FAMILY, "of Stable Diffusion 2 and has no text encoder: name OpenCLIP-H with" },
  { NULL, "sdxl-folder/unet", NULL, "folder/vae", VEL_ERROR_FAMILY, "name CLIP-L and OpenCLIP-bigG with --text-encoder" },
  { NULL, "sdxl-folder/unet", "sdxl-folder/text_encoder", "folder/vae", VEL_ERROR_FAMILY,
    "has two text encoders; there is one of width 64" },
  /* of the wrong number and kind */
  { NULL, "folder/unet", "folder/text_encoder\ntold/text_encoder", "folder/vae", VEL_ERROR_FAMILY, "are two text encoders; the UNet of" },
  { NULL, "sdxl-folder/unet", "folder/text_encoder\ntold/text_encoder", "folder/vae", VEL_ERROR_FAMILY, "text encoders of the same kind" },
  { NULL, "sdxl-folder/unet", "folder/text_encoder\ntold/text_encoder\nsdxl-folder/text_encoder_2", "folder/vae", VEL_ERROR_FAMILY,
    "at most two" },
  { "folder", NULL, "sdxl", NULL, VEL_ERROR_FAMILY, "are two text encoders" },
  { "folder", "sdxl-folder/unet", NULL, NULL, VEL_ERROR_FAMILY, "reads text states of width 128" },
  { "sdxl-folder", NULL, "two-levels", NULL, VEL_ERROR_FAMILY, "is a text encoder of width 128; those of" },
  /* no part at all */
  { "stranger/lora", NULL, NULL, NULL, VEL_ERROR_FAMILY, "has no UNet: it is a LoRA, which changes a model and is none" },
  { "folder", "stranger/lora", NULL, NULL, VEL_ERROR_FORMAT, "holds no UNet: it is a LoRA" },
  { "folder", NULL, NULL, "stranger/controlnet", VEL_ERROR_FORMAT, "holds no VAE: it is a ControlNet" },
  { "folder", NULL, "stranger/embedding", NULL, VEL_ERROR_FORMAT, "holds no text encoder: it is an embedding, which --embedding takes" },
  { "folder", NULL, NULL, "stranger/nothing", VEL_ERROR_FORMAT, "holds no VAE: it is something that is not known here" },
  { "folder", "stranger/hollow", NULL, NULL, VEL_ERROR_FAMILY, "hollow.safetensors\" takes 2 channels and makes 0" },
};

static void
test_refused (void)
{
  static const char *const models[] = { "folder", "told", "sd2-folder", "sdxl-folder" };
  g_autofree char *vocabulary = NULL, *sdxl = g_build_filename (folder, "sdxl", "whole", NULL);
  g_autofree char *wide = g_build_filename (folder, "two-levels", "whole", NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (models); i++) {
    g_free (vocabulary);
    vocabulary = write_parts (models[i]);
  }
  g_free (tiny_model_write ("sdxl", sdxl));
  g_free (tiny_model_write ("two-levels", wide));
  write_strangers ();
  for (gsize i = 0; i < G_N_ELEMENTS (refused); i++) {
    g_autoptr (VelValues) request = new_request (vocabulary);
    g_autoptr (VelResult) result = NULL;
    g_autoptr (GError) error = NULL;

    set_place (request, "model", refused[i].model);
    set_place (request, "unet", refused[i].unet);
    set_place (request, "text_encoder", refused[i].text);
    set_place (request, "vae", refused[i].vae);
    result = vel_engine_generate (engine, request, NULL, NULL, NULL, FALSE, NULL, &error);
    g_assert_null (result);
    g_assert_error (error, VEL_ERROR, refused[i].code);
    if (!strstr (error->message, refused[i].says))
      g_error ("“%s” was expected in: %s", refused[i].says, error->message);
    g_assert_null (strchr (error->message, '\n'));
  }
}

int
main (int argc, char **argv)
{
  static const char *const models[] = { "folder", "sd2", "sd2-folder", "sdxl", "sdxl-folder", "refiner" };
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("velatura-parts-XXXXXX", NULL);
  g_setenv ("XDG_DATA_HOME", folder, TRUE);
  engine = vel_engine_new ("cpu", &(VelDeviceOptions){ .threads = 2 }, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (models); i++) {
    g_autofree char *path = g_strconcat ("/pipeline/parts/", models[i], NULL);

    g_test_add_data_func (path, models[i], test_model);
  }
  g_test_add_func ("/pipeline/parts/replaced", test_replaced);
  g_test_add_func ("/pipeline/parts/refused", test_refused);
  status = g_test_run ();
  vel_engine_free (engine);
  tiny_remove_tree (folder);
  g_free (folder);
  return status;
}
