/* The settings of a picture: from our JSON, else as settings.h reads them.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/formats/recipe.h"

#include "engine/catalog.h"
#include "engine/formats/metadata.h"
#include "engine/formats/recipe-parts.h"
#include "engine/formats/settings.h"
#include "engine/formats/recipe-control.h"
#include "engine/formats/shown.h"

#include <glib/gi18n-lib.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Returns: (transfer full) (nullable): the whole of our JSON */
static json_t *
load_own (const char *text)
{
  json_t *root = json_loads (text, JSON_REJECT_DUPLICATES, NULL);

  if (json_is_integer (json_object_get (root, "velatura")) && json_is_object (json_object_get (root, "request")))
    return root;
  json_decref (root);
  return NULL;
}

static void
set_or_say (VelValues *request, const char *name, const char *text, GPtrArray *problems)
{
  g_autoptr (GError) error = NULL;

  if (!vel_values_set (request, name, text, &error))
    g_ptr_array_add (problems, g_strdup (error->message));
}

/* The picture's own seeds and size, not those that were asked for: a random one, the family's. */
static gboolean
apply_own (json_t *root, VelValues *request, GPtrArray *problems, GError **error)
{
  char *dumped = json_dumps (json_object_get (root, "request"), JSON_COMPACT);
  g_auto (GStrv) found = NULL;
  gboolean done = vel_values_from_json (request, dumped, &found, error);

  free (dumped);
  if (!done)
    return FALSE;
  for (guint i = 0; found && found[i]; i++)
    g_ptr_array_add (problems, g_strdup (found[i]));
  if (vel_values_find (request, "control"))
    vel_recipe_control_leave_out (request, problems);
  for (const char *const *name = (const char *[]){ "seed", "variation_seed", NULL }; *name; name++)
    if (json_is_string (json_object_get (root, *name)))
      set_or_say (request, *name, json_string_value (json_object_get (root, *name)), problems);
  for (const char *const *name = (const char *[]){ "width", "height", NULL }; *name; name++)
    if (json_is_integer (json_object_get (root, *name))) {
      g_autofree char *size = g_strdup_printf ("%" JSON_INTEGER_FORMAT, json_integer_value (json_object_get (root, *name)));

      set_or_say (request, *name, size, problems);
    }
  return TRUE;
}

static void
apply_settings (const VelSettings *settings, VelValues *request, GPtrArray *parts, GPtrArray *problems)
{
  vel_recipe_fields_apply_with (settings->fields, request, parts, problems);
  for (guint i = 0; i < settings->notes->len; i++)
    g_ptr_array_add (problems, g_strdup (settings->notes->pdata[i]));
}

/* problems: (transfer full) (nullable). */
static void
hand_out (GPtrArray *found, GStrv *problems)
{
  if (!problems)
    return;
  g_ptr_array_add (found, NULL);
  *problems = (GStrv) g_ptr_array_steal (found, NULL);
}

gboolean
vel_recipe_apply (const char *text, VelValues *request, GStrv *problems, GError **error)
{
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (g_free);
  json_t *own = load_own (text);
  g_autoptr (VelSettings) settings = own ? NULL : vel_settings_read_text (text);
  gboolean done = own ? apply_own (own, request, found, error) : settings != NULL;

  if (settings)
    apply_settings (settings, request, NULL, found);
  else if (!own)
    g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("The settings are those of a program whose pictures are not understood"));
  json_decref (own);
  if (done)
    hand_out (found, problems);
  return done;
}

static char *
dup_string (json_t *object, const char *key)
{
  const char *text = json_string_value (json_object_get (object, key));

  return g_strdup (text ? text : "");
}

static char *
dup_field (const VelRecipeFields *fields, const char *key)
{
  const char *text = vel_recipe_fields_get (fields, key);

  return g_strdup (text ? text : "");
}

static guint64
parse_seed (const char *text)
{
  return text ? g_ascii_strtoull (text, NULL, 10) : 0;
}

gboolean
vel_recipe_summarize (VelRecipeSummary *self, const VelMetadata *metadata)
{
  const char *text = g_hash_table_lookup (metadata->text, VEL_RECIPE_OWN);
  json_t *own = text ? load_own (text) : NULL, *request = json_object_get (own, "request");
  g_autoptr (VelSettings) settings = own ? NULL : vel_settings_read (metadata);

  *self = (VelRecipeSummary){ 0 };
  if (own) {
    self->text = g_strdup (text);
    self->seed = parse_seed (json_string_value (json_object_get (own, "seed")));
    self->prompt = dup_string (request, "prompt");
    self->negative = dup_string (request, "negative");
    self->model = dup_string (own, "model");
    json_decref (own);
    return TRUE;
  }
  if (!settings)
    return FALSE;
  self->text = vel_recipe_fields_to_a1111 (settings->fields);
  self->seed = parse_seed (vel_recipe_fields_get (settings->fields, "Seed"));
  self->prompt = dup_field (settings->fields, "Prompt");
  self->negative = dup_field (settings->fields, "Negative prompt");
  self->model = dup_field (settings->fields, "Model");
  return TRUE;
}

void
vel_recipe_summary_clear (VelRecipeSummary *self)
{
  g_free (self->text);
  g_free (self->prompt);
  g_free (self->negative);
  g_free (self->model);
}

/* hash: (transfer full) (nullable): of the model the picture was made with. */
static gboolean
restore (const VelMetadata *metadata, const char *path, VelValues *request, GPtrArray *parts, char **hash, GPtrArray *problems, GError **error)
{
  const char *text = g_hash_table_lookup (metadata->text, VEL_RECIPE_OWN);
  g_autofree char *shown = g_filename_display_name (path);
  g_autoptr (VelSettings) settings = NULL;
  json_t *own = text ? load_own (text) : NULL;
  gboolean done = own && apply_own (own, request, problems, error);

  if (own) {
    if (done && parts)
      vel_recipe_choose_parts (request, parts, problems);
    *hash = g_strdup (json_string_value (json_object_get (own, "model_hash")));
    json_decref (own);
    return done;
  }
  settings = vel_settings_read (metadata);
  if (settings) {
    *hash = g_strdup (vel_recipe_fields_get (settings->fields, "Model hash"));
    apply_settings (settings, request, parts, problems);
  } else if (g_hash_table_lookup (metadata->text, VEL_RECIPE_A1111))
    g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("The settings are those of a program whose pictures are not understood"));
  else
    g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("“%s” does not say how it was made: it has no settings in it"), shown);
  return settings != NULL;
}

/* A model by its name, or by its hash under another name: then the request has that one's path.
 * option: "model" or "refiner". hash: (nullable) */
static void
choose_model (VelValues *request, const char *option, const char *hash, GPtrArray *models, GPtrArray *problems)
{
  const char *name = vel_values_get (request, option);
  const VelCatalogEntry *named = vel_catalog_recognise (models, name, NULL), *entry = vel_catalog_recognise (models, name, hash);
  g_autofree char *shown = vel_shown (name);

  if (named)
    vel_values_set (request, option, named->name, NULL);
  else if (entry)
    vel_values_set (request, option, entry->path, NULL);
  else if (hash && *name)
    g_ptr_array_add (problems, g_strdup_printf (_ ("There is no model named “%s”, nor one with its hash %s"), shown, hash));
  else if (*name)
    g_ptr_array_add (problems, g_strdup_printf (_ ("There is no model named “%s”"), shown));
}

gboolean
vel_recipe_restore (const char *path, VelValues *request, GPtrArray *models, GPtrArray *parts, GStrv *problems, GError **error)
{
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *hash = NULL;
  VelMetadata metadata;
  gboolean done;

  if (!vel_metadata_read (&metadata, path, error))
    return FALSE;
  done = restore (&metadata, path, request, parts, &hash, found, error);
  if (done && models) {
    choose_model (request, "model", hash, models, found);
    choose_model (request, "refiner", NULL, models, found);
  }
  vel_metadata_clear (&metadata);
  if (done)
    hand_out (found, problems);
  return done;
}
