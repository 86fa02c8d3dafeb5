/* Where the window's settings come from.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/settings.h"
#include "engine/error.h"
#include "engine/paths.h"

#include <glib/gi18n.h>

static GSettingsSchema *
look_up_in (const char *folder)
{
  g_autoptr (GSettingsSchemaSource) source =
    g_settings_schema_source_new_from_directory (folder, g_settings_schema_source_get_default (), TRUE, NULL);

  return source != NULL ? g_settings_schema_source_lookup (source, VEL_APP_ID, FALSE) : NULL;
}

GSettings *
vel_settings_new (GError **error)
{
  GSettingsSchemaSource *usual = g_settings_schema_source_get_default ();
  g_autoptr (GSettingsSchema) schema = NULL;

  if (g_str_has_prefix (vel_paths_get_plugins (), VEL_BUILD_ROOT G_DIR_SEPARATOR_S))
    schema = look_up_in (VEL_BUILD_ROOT "/resources");
  if (schema == NULL && usual != NULL)
    schema = g_settings_schema_source_lookup (usual, VEL_APP_ID, TRUE);
  if (schema == NULL)
    schema = look_up_in (VEL_DATA_DIR "/../glib-2.0/schemas");
  if (schema == NULL) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_STORAGE,
                 _("The description of the settings (%s.gschema.xml) was not found: install the program again, or start it with ./run"),
                 VEL_APP_ID);
    return NULL;
  }
  return g_settings_new_full (schema, NULL, NULL);
}
