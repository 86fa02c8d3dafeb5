/* The settings in a picture.
 * SPDX-License-Identifier: Apache-2.0 */
#include "app/inspect.h"

#include "engine/formats/settings.h"
#include "engine/pipeline/request.h"

static json_t *
describe_fields (const VelRecipeFields *fields)
{
  json_t *settings = json_object ();

  for (guint i = 0; fields->keys[i]; i++)
    json_object_set_new (settings, fields->keys[i], json_string (fields->values[i]));
  return settings;
}

/* What would not be taken over, as if the picture were opened. */
static json_t *
describe_notes (const VelSettings *settings)
{
  g_autoptr (VelValues) request = vel_request_new ();
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  json_t *notes = json_array ();

  vel_recipe_fields_apply (settings->fields, request, problems);
  for (guint i = 0; i < problems->len; i++)
    json_array_append_new (notes, json_string (problems->pdata[i]));
  for (guint i = 0; i < settings->notes->len; i++)
    json_array_append_new (notes, json_string (settings->notes->pdata[i]));
  return notes;
}

json_t *
vel_inspect_picture (const char *path, GError **error)
{
  g_autofree char *shown = g_filename_display_name (path);
  g_autoptr (VelSettings) settings = NULL;
  VelMetadata metadata;
  const char *recipe;
  json_t *found;

  if (!vel_metadata_read (&metadata, path, error))
    return NULL;
  found = json_pack ("{s:s,s:s,s:i,s:i}", "file", shown, "container", metadata.container, "width", metadata.width, "height", metadata.height);
  settings = vel_settings_read (&metadata);
  json_object_set_new (found, "program", settings ? json_string (settings->program) : json_null ());
  json_object_set_new (found, "settings", settings ? describe_fields (settings->fields) : json_null ());
  recipe = g_hash_table_lookup (metadata.text, VEL_RECIPE_OWN);
  if (recipe)
    json_object_set_new (found, "recipe", json_loads (recipe, JSON_REJECT_DUPLICATES, NULL));
  else if (settings)
    json_object_set_new (found, "notes", describe_notes (settings));
  vel_metadata_clear (&metadata);
  return found;
}
