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
  status = g_test_run ();
  vel_engine_free (engine);
  tiny_remove_tree (folder);
  g_free (folder);
  return status;
}
