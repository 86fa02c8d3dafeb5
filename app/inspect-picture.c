/* The settings in a picture.
 * SPDX-License-Identifier: Apache-2.0 */
#include "app/inspect.h"

#include "engine/formats/png.h"
#include "engine/formats/recipe.h"

static json_t *
read_settings (const char *parameters)
{
  g_autoptr (VelRecipeFields) fields = vel_recipe_parse_a1111 (parameters);
  json_t *settings = json_object ();

  for (guint i = 0; fields->keys[i]; i++)
    json_object_set_new (settings, fields->keys[i], json_string (fields->values[i]));
  return settings;
}

json_t *
vel_inspect_picture (const char *path, GError **error)
{
  g_autoptr (VelPng) png = vel_png_read (path, TRUE, error);
  g_autofree char *shown = g_filename_display_name (path);
  const char *parameters, *recipe;
  json_t *found;

  if (!png)
    return NULL;
  parameters = g_hash_table_lookup (png->text, VEL_RECIPE_A1111);
  recipe = g_hash_table_lookup (png->text, VEL_RECIPE_OWN);
  found = json_pack ("{s:s,s:s,s:i,s:i}", "file", shown, "container", "png", "width", png->width, "height", png->height);
  json_object_set_new (found, "settings", parameters ? read_settings (parameters) : json_null ());
  if (recipe)
    json_object_set_new (found, "recipe", json_loads (recipe, JSON_REJECT_DUPLICATES, NULL));
  return found;
}
