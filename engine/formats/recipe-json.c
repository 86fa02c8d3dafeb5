/* Settings as our JSON.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/recipe-asked.h"
#include "engine/formats/settings.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static void
set_text (json_t *object, const char *key, const char *text)
{
  g_autofree char *valid = text ? g_utf8_make_valid (text, -1) : NULL;

  if (valid)
    json_object_set_new (object, key, json_string (valid));
}

/* "/a/b.pt" is "b.pt"; of several, a line each, each; and of numbers or a second file behind a colon those too. Returns: (transfer full) */
static char *
without_folders (const char *paths)
{
  GString *out = g_string_new (NULL);

  while (*paths) {
    gsize n = strcspn (paths, ":\n");
    g_autofree char *path = g_strndup (paths, n), *name = n > 0 ? g_path_get_basename (path) : g_strdup ("");

    g_string_append (out, name);
    paths += n;
    if (*paths)
      g_string_append_c (out, *paths++);
  }
  return g_string_free (out, FALSE);
}

/* Files that are found again by their names alone. */
static gboolean
is_named_by_stem (const char *option)
{
  return g_str_equal (option, "refiner") || g_str_equal (option, "hires_upscaler");
}

/* A picture is shown to others: where its maker keeps files is nobody's business. Models are found again by their names. */
static void
forget_folders (json_t *request, const VelParam *table, const char *model_name)
{
  for (const VelParam *row = table; row->name; row++) {
    const char *path =
        row->type == VEL_PARAM_FILE || is_named_by_stem (row->name) ? json_string_value (json_object_get (request, row->name)) : NULL;
    g_autofree char *name = !path ? NULL : is_named_by_stem (row->name) ? vel_settings_stem (path) : without_folders (path);

    if (name)
      json_object_set_new (request, row->name, json_string (g_str_equal (row->name, "model") && model_name ? model_name : name));
  }
}

char *
vel_recipe_to_json (VelValues *request, const VelRecipeFacts *facts)
{
  g_autofree char *values = vel_values_to_json (request), *seed = g_strdup_printf ("%" G_GUINT64_FORMAT, facts->seed);
  g_autofree char *variation = g_strdup_printf ("%" G_GUINT64_FORMAT, facts->variation_seed);
  json_t *root = json_object (), *asked = json_loads (values, 0, NULL);
  char *dumped, *out;

  forget_folders (asked, vel_values_get_table (request), facts->model_name);
  json_object_set_new (root, "velatura", json_integer (1));
  json_object_set_new (root, "request", asked);
  set_text (root, "seed", seed); /* as text: most readers keep 53 bits of a number */
  set_text (root, "variation_seed", vel_recipe_varies (request) ? variation : NULL);
  json_object_set_new (root, "width", json_integer (vel_recipe_asked_width (facts)));
  json_object_set_new (root, "height", json_integer (vel_recipe_asked_height (facts)));
  set_text (root, "model", facts->model_name);
  set_text (root, "model_hash", facts->model_hash);
  set_text (root, "version", facts->version);
  dumped = json_dumps (root, JSON_COMPACT);
  json_decref (root);
  out = g_strdup (dumped);
  free (dumped);
  return out;
}
