/* Tiny models: each weight a formula of a seed, the tensor's name and the element's index.  SPDX-License-Identifier: Apache-2.0
 * tests/golden/pictures/make.py has the same formula. */
#include "tests/support/tiny-model.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <zlib.h>

#include "engine/formats/safetensors.h"
#include "engine/pipeline/request.h"
#include "kernels/half.h"

char *
tiny_model_golden (const char *relative)
{
  return g_test_build_filename (G_TEST_DIST, "golden", "pictures", relative, NULL);
}

static guint32
mix32 (guint32 x)
{
  x ^= x >> 16;
  x *= 0x21f0aaad;
  x ^= x >> 15;
  x *= 0x735a2d97;
  return x ^ x >> 15;
}

static gpointer
make_values (const char *seed, const char *name, VelType type, gsize count, double spread, double mean)
{
  g_autofree char *text = g_strdup_printf ("%s/%s", seed, name);
  guint32 key = (guint32) crc32 (0, (const Bytef *) text, (uInt) strlen (text));
  gpointer values = g_malloc (count * vel_type_size (type));

  for (gsize i = 0; i < count; i++) {
    guint32 bits = mix32 ((guint32) i * 0x9e3779b1u + key) >> 8;
    float value = (float) (mean + spread * sqrt (3.0) * (bits * (2.0 / 16777216.0) - 1.0));

    if (type == VEL_F16)
      ((guint16 *) values)[i] = vel_half_from_float (value);
    else if (type == VEL_BF16)
      ((guint16 *) values)[i] = vel_bfloat_from_float (value);
    else
      ((float *) values)[i] = value;
  }
  return values;
}

/* row: [file, name, original name, shape, spread, mean] */
static VelTensorOut
make_tensor (json_t *row, const char *seed, VelType type)
{
  json_t *sizes = json_array_get (row, 3);
  VelShape shape = { .n = (unsigned) json_array_size (sizes) };

  for (unsigned i = 0; i < shape.n; i++)
    shape.size[i] = json_integer_value (json_array_get (sizes, i));
  return (VelTensorOut) { g_strdup (json_string_value (json_array_get (row, 1))), type, shape,
                          make_values (seed, json_string_value (json_array_get (row, 2)), type, (gsize) vel_shape_count (shape),
                                       json_number_value (json_array_get (row, 4)), json_number_value (json_array_get (row, 5))) };
}

static void
write_file (const char *folder, const char *file, GArray *tensors)
{
  g_autofree char *path = g_build_filename (folder, file, NULL);
  g_autofree char *parent = g_path_get_dirname (path);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (parent, 0700), ==, 0);
  vel_safetensors_write (path, (const VelTensorOut *) (gpointer) tensors->data, tensors->len, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < tensors->len; i++) {
    g_free ((char *) g_array_index (tensors, VelTensorOut, i).name);
    g_free ((gpointer) g_array_index (tensors, VelTensorOut, i).data);
  }
  g_array_set_size (tensors, 0);
}

/* The index of a sharded UNet names each tensor's file. */
static void
write_index (json_t *rows, const char *folder)
{
  g_autofree char *path = g_build_filename (folder, "unet", "diffusion_pytorch_model.safetensors.index.json", NULL);
  json_t *map = json_object (), *index;
  json_t *row;
  size_t i;

  json_array_foreach (rows, i, row)
  {
    const char *file = json_string_value (json_array_get (row, 0));

    if (g_str_has_prefix (file, "unet/"))
      json_object_set_new (map, json_string_value (json_array_get (row, 1)), json_string (file + strlen ("unet/")));
  }
  index = json_pack ("{s:o, s:o}", "metadata", json_object (), "weight_map", map);
  g_assert_cmpint (json_dump_file (index, path, 0), ==, 0);
  json_decref (index);
}

/* JSON files of a folder, by name. configs: (nullable) */
static void
write_configs (json_t *configs, const char *folder)
{
  const char *name;
  json_t *value;

  json_object_foreach (configs, name, value)
  {
    g_autofree char *path = g_build_filename (folder, name, NULL), *parent = g_path_get_dirname (path);

    g_assert_cmpint (g_mkdir_with_parents (parent, 0700), ==, 0);
    g_assert_cmpint (json_dump_file (value, path, 0), ==, 0);
  }
}

static void
copy_vocabulary (const char *folder)
{
  static const char *const files[] = { "vocab.json", "merges.txt" };

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  for (gsize i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *relative = g_build_filename ("vocabulary", files[i], NULL);
    g_autofree char *from = tiny_model_golden (relative);
    g_autofree char *to = g_build_filename (folder, files[i], NULL);
    g_autofree char *text = NULL;
    gsize length;

    g_assert_true (g_file_get_contents (from, &text, &length, NULL));
    g_assert_true (g_file_set_contents (to, text, (gssize) length, NULL));
  }
}

char *
tiny_model_write (const char *name, const char *folder)
{
  g_autofree char *relative = g_strdup_printf ("models/%s.json", name);
  g_autofree char *path = tiny_model_golden (relative);
  json_t *recipe = json_load_file (path, 0, NULL), *rows, *row;
  g_autoptr (GArray) tensors = g_array_new (FALSE, FALSE, sizeof (VelTensorOut));
  const char *file = NULL, *dtype;
  gboolean is_folder;
  VelType type;
  size_t i;

  g_assert_nonnull (recipe);
  dtype = json_string_value (json_object_get (recipe, "dtype"));
  type = g_str_equal (dtype, "F16") ? VEL_F16 : g_str_equal (dtype, "BF16") ? VEL_BF16 : VEL_F32;
  rows = json_object_get (recipe, "tensors");
  json_array_foreach (rows, i, row)
  {
    VelTensorOut tensor = make_tensor (row, json_string_value (json_object_get (recipe, "seed")), type);
    const char *next = json_string_value (json_array_get (row, 0));

    if (file && !g_str_equal (file, next))
      write_file (folder, file, tensors);
    file = next;
    g_array_append_val (tensors, tensor);
  }
  is_folder = !g_str_equal (file, "model.safetensors");
  write_file (folder, file, tensors);
  if (is_folder) {
    g_autofree char *vocabulary = g_build_filename (folder, "tokenizer", NULL);
    g_autofree char *model_index = g_build_filename (folder, "model_index.json", NULL);
    g_autofree char *unet_config = g_build_filename (folder, "unet", "config.json", NULL);

    write_index (rows, folder);
    copy_vocabulary (vocabulary);
    g_assert_true (g_file_set_contents (model_index, "{\"_class_name\": \"StableDiffusionPipeline\"}", -1, NULL));
    g_assert_true (g_file_set_contents (unet_config, "{\"sample_size\": 12}", -1, NULL));
    write_configs (json_object_get (recipe, "configs"), folder);
  } else {
    copy_vocabulary (folder);
  }
  json_decref (recipe);
  return is_folder ? g_strdup (folder) : g_build_filename (folder, "model.safetensors", NULL);
}

VelValues *
tiny_model_request (json_t *options)
{
  VelValues *request = vel_request_new ();
  const char *name;
  json_t *value;

  json_object_foreach (options, name, value)
  {
    g_autofree char *text = NULL;
    g_autoptr (GError) error = NULL;

    if (g_str_equal (name, "bar") || g_str_equal (name, "model") || g_str_equal (name, "refiner") || g_str_equal (name, "control"))
      continue;
    if (g_str_equal (name, "init") || g_str_equal (name, "mask") || g_str_equal (name, "embedding") || g_str_equal (name, "lora"))
      text = tiny_model_golden (json_string_value (value));
    else if (g_str_equal (name, "hires_upscaler") && strchr (json_string_value (value), '.') != NULL)
      text = g_test_build_filename (G_TEST_DIST, "golden", "upscalers", json_string_value (value), NULL);
    else
      text = json_is_string (value) ? g_strdup (json_string_value (value)) : json_dumps (value, JSON_ENCODE_ANY | JSON_REAL_PRECISION (15));
    vel_values_set (request, name, text, &error);
    g_assert_no_error (error);
  }
  return request;
}

char *
tiny_model_control (const char *text, const char *(*path_of) (const char *name))
{
  g_auto (GStrv) parts = g_strsplit (text, ":", 3);
  g_autofree char *picture = tiny_model_golden (parts[1]);

  return g_strconcat (path_of (parts[0]), ":", picture, parts[2] ? ":" : "", parts[2], NULL);
}

void
tiny_remove_tree (const char *path)
{
  g_autoptr (GDir) folder = g_dir_open (path, 0, NULL);
  const char *name;

  while (folder && (name = g_dir_read_name (folder))) {
    g_autofree char *child = g_build_filename (path, name, NULL);

    tiny_remove_tree (child);
  }
  g_remove (path);
}
