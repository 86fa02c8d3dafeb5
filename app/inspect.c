/* velatura inspect: what a file is.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Everything is gathered into one JSON object, which is printed as it is or as lines for people. */
#include "config.h"

#include <gio/gio.h>
#include <glib/gi18n.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "app/flags.h"
#include "app/inspect.h"
#include "engine/formats/json-tree.h"
#include "engine/formats/metadata.h"

static const VelParam own_table[] = {
  { "json", N_ ("JSON"), "", N_ ("One JSON object per file."), VEL_PARAM_BOOL, .standard = "false" },
  { NULL },
};

static const VelUsage usage = { "inspect", "FILE… [--json]",
                                N_ ("Says what a file is: a model's family, sizes, type and metadata; the settings a picture was made with.") };

static void
print_list (json_t *list, int indent)
{
  gsize i;
  json_t *value;

  printf (":\n");
  json_array_foreach (list, i, value) {
    g_autofree char *text = vel_json_any_text (value);

    printf ("%*s", indent, "");
    vel_verb_print (text);
    printf ("\n");
  }
}

/* Lines for people; a nested object is indented, a list has a line for each of its values, null is left out. */
static void
print_lines (json_t *object, int indent)
{
  const char *key;
  json_t *value;

  json_object_foreach (object, key, value) {
    g_autofree char *label = indent ? g_strdup (key) : g_strdelimit (g_strdup (key), "_", ' ');
    g_autofree char *text = NULL;

    if (json_is_null (value) || (json_is_array (value) && json_array_size (value) == 0))
      continue;
    printf ("%*s", indent, "");
    vel_verb_print (label);
    if (json_is_array (value)) {
      print_list (value, indent + 2);
      continue;
    }
    printf (json_is_object (value) ? ":\n" : ": ");
    if (json_is_object (value)) {
      print_lines (value, indent + 2);
      continue;
    }
    if (!json_is_string (value))
      text = json_dumps (value, JSON_ENCODE_ANY | JSON_REAL_PRECISION (9));
    vel_verb_print (text ? text : json_string_value (value));
    printf ("\n");
  }
}

static gboolean
inspect_file (const char *path, gboolean as_json, GError **error)
{
  json_t *found = vel_metadata_is_picture (path) ? vel_inspect_picture (path, error) : vel_inspect_model (path, error);

  if (!found)
    return FALSE;
  if (as_json) {
    json_dumpf (found, stdout, JSON_COMPACT);
    printf ("\n");
  } else
    print_lines (found, 0);
  json_decref (found);
  return TRUE;
}

static VelExit
run (int argc, char **argv)
{
  g_autoptr (VelValues) own = vel_values_new (own_table);
  g_autoptr (VelFlags) flags = vel_flags_new (&usage, own, NULL);
  VelExit result = VEL_EXIT_DONE;
  int status = vel_flags_read (flags, argc, argv);

  if (status >= 0)
    return status;
  if (flags->words->len == 0)
    return vel_verb_misused (_ ("inspect needs a file"));
  for (guint i = 0; i < flags->words->len; i++) {
    g_autoptr (GError) error = NULL;

    if (i > 0 && !vel_values_get_bool (own, "json"))
      printf ("\n");
    if (!inspect_file (flags->words->pdata[i], vel_values_get_bool (own, "json"), &error))
      result = vel_verb_fail (error);
  }
  return result;
}

const VelVerb vel_verb_inspect = { "inspect", N_ ("says what a file is"), run };
