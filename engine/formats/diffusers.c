/* A diffusers model folder.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/formats/diffusers.h"

#include "engine/error.h"
#include "engine/formats/shown.h"

#include <glib/gi18n-lib.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_JSON (16u << 20)
#define MAX_SHARDS 1000

gboolean
vel_diffusers_is_model (const char *path)
{
  g_autofree char *unet = g_build_filename (path, "unet", NULL);

  return g_file_test (unet, G_FILE_TEST_IS_DIR);
}

/* A JSON object of a small file. Returns: (transfer full); NULL with a phrase in `problem` */
static json_t *
load_object (const char *path, const char **problem)
{
  struct stat status;
  json_t *root;

  *problem = _ ("it can not be read");
  if (stat (path, &status) != 0 || !S_ISREG (status.st_mode))
    return NULL;
  *problem = _ ("it is too large");
  if (status.st_size > MAX_JSON)
    return NULL;
  *problem = _ ("it is no JSON object");
  root = json_load_file (path, JSON_REJECT_DUPLICATES, NULL);
  if (json_is_object (root))
    return root;
  json_decref (root);
  return NULL;
}

char *
vel_diffusers_get_config (const char *folder, const char *file, const char *key)
{
  g_autofree char *path = g_build_filename (folder, file, NULL);
  const char *problem;
  json_t *root = load_object (path, &problem);
  json_t *found = json_object_get (root, key);
  char *value;

  if (json_is_integer (found))
    value = g_strdup_printf ("%" JSON_INTEGER_FORMAT, json_integer_value (found));
  else if (json_is_boolean (found))
    value = g_strdup (json_is_true (found) ? "true" : "false");
  else
    value = g_strdup (json_string_value (found));
  json_decref (root);
  return value;
}

static gboolean G_GNUC_PRINTF (3, 4)
fail (GError **error, const char *path, const char *format, ...)
{
  g_autofree char *shown = g_filename_display_name (path), *what = NULL;
  va_list arguments;

  va_start (arguments, format);
  what = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  /* Translators: a file; a phrase such as “it is too large” */
  g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("“%s” is no usable index of a model's files: %s"), shown, what);
  return FALSE;
}

/* A file of the same folder: nothing that leads out of it. */
static gboolean
is_plain_name (const char *name)
{
  return *name && *name != '.' && !strchr (name, '/') && !strchr (name, '\\');
}

/* Opens each file that the map names, once, and checks that every tensor is where the map says. */
static gboolean
open_shards (const char *index_path, json_t *map, GPtrArray *files, GCancellable *cancellable, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (index_path);
  g_autoptr (GHashTable) by_name = g_hash_table_new (g_str_hash, g_str_equal);
  const char *tensor;
  json_t *value;

  json_object_foreach (map, tensor, value) {
    const char *name = json_string_value (value);
    g_autofree char *shown = vel_shown (tensor), *shown_file = vel_shown (name ? name : "");
    VelTensorFile *file;

    if (!name || !is_plain_name (name))
      return fail (error, index_path, _ ("for tensor “%s” it names “%s”, which is no file beside it"), shown, shown_file);
    file = g_hash_table_lookup (by_name, name);
    if (!file) {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      if (files->len == MAX_SHARDS)
        return fail (error, index_path, _ ("it names more than %d files"), MAX_SHARDS);
      file = vel_tensor_file_open (path, cancellable, error);
      if (!file)
        return FALSE;
      g_ptr_array_add (files, file);
      g_hash_table_insert (by_name, (gpointer) name, file);
    }
    if (!vel_tensor_file_find (file, tensor))
      return fail (error, index_path, _ ("tensor “%s” is not in “%s”"), shown, shown_file);
  }
  return TRUE;
}

static gboolean
open_index (const char *path, GPtrArray *files, GCancellable *cancellable, GError **error)
{
  const char *problem;
  json_t *root = load_object (path, &problem), *map = json_object_get (root, "weight_map");
  gboolean done;

  if (!root)
    return fail (error, path, "%s", problem);
  done = json_is_object (map) ? open_shards (path, map, files, cancellable, error) : fail (error, path, _ ("it has no weight_map"));
  json_decref (root);
  return done;
}

/* Whether a file is a component's, of whatever variant: "diffusion_pytorch_model.VARIANT.safetensors", or the index of such in shards. */
static gboolean
is_variant (const char *name)
{
  static const char *const starts[] = { "diffusion_pytorch_model.", "model.", "pytorch_model." };
  gboolean is = FALSE;

  for (guint i = 0; i < G_N_ELEMENTS (starts); i++)
    is |= g_str_has_prefix (name, starts[i]);
  if (!is || strchr (name, '-')) /* a shard */
    return FALSE;
  return g_str_has_suffix (name, ".safetensors") || g_str_has_suffix (name, ".bin") ||
         (g_str_has_suffix (name, ".json") && (strstr (name, ".safetensors.index.") || strstr (name, ".bin.index.")));
}

/* The first variant by name, safetensors before PyTorch's own. Returns: (transfer full) (nullable) */
static char *
find_variant (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  g_autofree char *best = NULL;
  const char *name;

  while (dir && (name = g_dir_read_name (dir))) {
    gboolean is_safe = strstr (name, ".safetensors") != NULL, best_is_safe = best && strstr (best, ".safetensors");

    if (is_variant (name) && (!best || (is_safe == best_is_safe ? strcmp (name, best) < 0 : is_safe))) {
      g_free (best);
      best = g_strdup (name);
    }
  }
  return best ? g_build_filename (path, best, NULL) : NULL;
}

char *
vel_diffusers_find (const char *folder, const char *component)
{
  /* In the order diffusers prefers them: full precision, then the fp16 variant; one file, then shards; PyTorch's own files last. */
  static const char *const names[] = {
    "diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.safetensors.index.json",
    "model.safetensors", "model.safetensors.index.json",
    "diffusion_pytorch_model.fp16.safetensors", "diffusion_pytorch_model.safetensors.index.fp16.json",
    "diffusion_pytorch_model.fp16.safetensors.index.json",
    "model.fp16.safetensors", "model.safetensors.index.fp16.json", "model.fp16.safetensors.index.json",
    "diffusion_pytorch_model.bin", "diffusion_pytorch_model.bin.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json",
    "diffusion_pytorch_model.fp16.bin", "pytorch_model.fp16.bin",
  };

  g_autofree char *path = g_build_filename (folder, component, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *file = g_build_filename (path, names[i], NULL);

    if (g_file_test (file, G_FILE_TEST_EXISTS))
      return g_steal_pointer (&file);
  }
  return find_variant (path);
}

GPtrArray *
vel_diffusers_open (const char *folder, const char *component, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) files = g_ptr_array_new_with_free_func ((GDestroyNotify) vel_tensor_file_unref);
  g_autofree char *name = vel_diffusers_find (folder, component);
  VelTensorFile *file;

  if (!name)
    return g_steal_pointer (&files);
  if (g_str_has_suffix (name, ".json"))
    return open_index (name, files, cancellable, error) ? g_steal_pointer (&files) : NULL;
  file = vel_tensor_file_open (name, cancellable, error);
  if (!file)
    return NULL;
  g_ptr_array_add (files, file);
  return g_steal_pointer (&files);
}
