/* LoraConfig of PEFT, of a file's networks.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/lora/adapter.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "engine/formats/json-tree.h"
#include "engine/formats/shown.h"

#define IN_FILE "lora_adapter_metadata"
#define BESIDE_FILE "adapter_config.json"

enum { MAX_BESIDE = 8 << 20, MAX_ENDS = 64 };

struct VelLoraAdapter {
  json_t *config;
  gboolean prefixed; /* its keys begin with the network's name */
};

/* As far as a tree may be long. Returns: (transfer full) (nullable) */
static char *
read_beside (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path), *beside = g_build_filename (folder, BESIDE_FILE, NULL);
  g_autofree char *text = g_malloc (MAX_BESIDE + 1);
  g_autoptr (GFile) file = g_file_new_for_path (beside);
  g_autoptr (GFileInputStream) stream = NULL;
  gsize length = 0;

  if (!g_file_test (beside, G_FILE_TEST_IS_REGULAR) || !(stream = g_file_read (file, NULL, NULL)) ||
      !g_input_stream_read_all (G_INPUT_STREAM (stream), text, MAX_BESIDE, &length, NULL, NULL))
    return NULL;
  text[length] = '\0';
  return g_steal_pointer (&text);
}

/* PEFT's folders hold one adapter, under this name. */
static gboolean
is_folder_file (const char *path)
{
  g_autofree char *name = g_path_get_basename (path);

  return g_str_has_prefix (name, "adapter_model.");
}

VelLoraAdapter *
vel_lora_adapter_read (VelTensorFile *file, const char *path, char **problem)
{
  const char *inside = vel_tensor_file_get_metadata (file, IN_FILE);
  g_autofree char *beside = !inside && is_folder_file (path) ? read_beside (path) : NULL;
  json_t *config = inside || beside ? vel_json_tree (inside ? inside : beside) : NULL;
  VelLoraAdapter *self;

  *problem = NULL;
  if (config && json_is_object (config)) {
    self = g_new0 (VelLoraAdapter, 1);
    self->config = config;
    self->prefixed = inside != NULL;
    return self;
  }
  json_decref (config);
  if (inside || beside) {
    g_autofree char *shown = vel_shown (path);

    *problem = g_strdup_printf (_ ("“%s” has settings of its layers (%s) that can not be read: the strength of its layers may not be what "
                                   "was trained"),
                                shown, inside ? IN_FILE : BESIDE_FILE);
  }
  return NULL;
}

void
vel_lora_adapter_free (VelLoraAdapter *self)
{
  if (!self)
    return;
  json_decref (self->config);
  g_free (self);
}

/* Of the network that the layer's name begins with. */
static json_t *
find_setting (const VelLoraAdapter *self, const char *layer, const char *name)
{
  const char *dot = strchr (layer, '.');
  g_autofree char *key = NULL;

  if (!self->prefixed)
    return json_object_get (self->config, name);
  if (!dot || dot - layer > 64)
    return NULL;
  key = g_strdup_printf ("%.*s.%s", (int) (dot - layer), layer, name);
  return json_object_get (self->config, key);
}

/* PEFT looks for the first pattern that is the whole name or follows a dot in it. They are regular expressions, of which those that
 * trainers write are the layers' names; the longest is found first, and names do not contain one another but for shorter ends. */
static json_t *
find_pattern (json_t *patterns, const char *layer)
{
  guint n = 0;

  for (const char *end = layer; end && n < MAX_ENDS; n++) {
    json_t *found = json_object_get (patterns, end);

    if (found)
      return found;
    end = strchr (end, '.');
    end = end ? end + 1 : NULL;
  }
  return NULL;
}

double
vel_lora_adapter_get_alpha (const VelLoraAdapter *self, const char *layer, gboolean *stabilised)
{
  json_t *own = find_pattern (find_setting (self, layer, "alpha_pattern"), layer), *alpha = find_setting (self, layer, "lora_alpha");
  double value = vel_json_real (own ? own : alpha ? alpha : find_setting (self, layer, "alpha"), 0);

  *stabilised = json_is_true (find_setting (self, layer, "use_rslora"));
  return fabs (value) <= 1e6 ? value : 0;
}
