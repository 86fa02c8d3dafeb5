/* Values of one table of options, by name, as text that was checked.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/params.h"

#include <glib/gi18n-lib.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/formats/shown.h"
#include "engine/param-check.h"

typedef struct {
  const VelParam *table;
  guint n_rows;
  char **texts;      /* [n_rows] NULL: the default holds */
  json_t *unknown;   /* object of names not in the table, as they were found */
} VelValuesPrivate;

G_DEFINE_TYPE_WITH_PRIVATE (VelValues, vel_values, G_TYPE_OBJECT)

static guint changed_signal;

VelValues *
vel_values_new (const VelParam *table)
{
  VelValues *self = g_object_new (VEL_TYPE_VALUES, NULL);
  VelValuesPrivate *values = vel_values_get_instance_private (self);

  values->table = table;
  while (table[values->n_rows].name != NULL)
    values->n_rows++;
  values->texts = g_new0 (char *, values->n_rows);
  values->unknown = json_object ();
  return self;
}

VelValues *
vel_values_dup (VelValues *self)
{
  VelValuesPrivate *from = vel_values_get_instance_private (self);
  VelValues *copy = vel_values_new (from->table);
  VelValuesPrivate *to = vel_values_get_instance_private (copy);

  for (guint i = 0; i < from->n_rows; i++)
    to->texts[i] = g_strdup (from->texts[i]);
  json_object_update (to->unknown, from->unknown);
  return copy;
}

const VelParam *
vel_values_get_table (VelValues *self)
{
  VelValuesPrivate *values = vel_values_get_instance_private (self);

  return values->table;
}

const VelParam *
vel_values_find (VelValues *self, const char *name)
{
  VelValuesPrivate *values = vel_values_get_instance_private (self);

  for (guint i = 0; i < values->n_rows; i++)
    if (g_str_equal (values->table[i].name, name))
      return &values->table[i];
  return NULL;
}

static void
tell (VelValues *self, const char *name)
{
  g_signal_emit (self, changed_signal, g_quark_from_string (name), name);
}

/* text: (transfer full) checked; NULL or "": the default */
static void
store (VelValues *self, const VelParam *row, char *text)
{
  VelValuesPrivate *values = vel_values_get_instance_private (self);
  char **place = &values->texts[row - values->table];

  if (text != NULL && *text == '\0')
    g_clear_pointer (&text, g_free);
  if (g_strcmp0 (*place, text) == 0) {
    g_free (text);
    return;
  }
  g_free (*place);
  *place = text;
  tell (self, row->name);
}

/* value: (nullable) borrowed. A name from a file makes no new quark: quarks are never freed. */
static void
store_unknown (VelValues *self, const char *name, json_t *value)
{
  VelValuesPrivate *values = vel_values_get_instance_private (self);
  json_t *before = json_object_get (values->unknown, name);

  if (before == value || (before != NULL && value != NULL && json_equal (before, value)))
    return;
  if (value != NULL)
    json_object_set (values->unknown, name, value);
  else
    json_object_del (values->unknown, name);
  g_signal_emit (self, changed_signal, g_quark_try_string (name), name);
}

gboolean
vel_values_set (VelValues *self, const char *name, const char *text, GError **error)
{
  const VelParam *row = vel_values_find (self, name);
  char *checked;

  if (row == NULL) {
    json_t *value = text != NULL && *text != '\0' ? json_string (text) : NULL;

    if (value == NULL && text != NULL && *text != '\0') {
      /* Translators: an option's name, which must stay in front */
      g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST, _ ("%s: the value is not text in UTF-8"), name);
      return FALSE;
    }
    store_unknown (self, name, value);
    json_decref (value);
    return TRUE;
  }
  checked = vel_param_check (row, text, error);
  if (checked == NULL)
    return FALSE;
  store (self, row, checked);
  return TRUE;
}

void
vel_values_set_int (VelValues *self, const char *name, gint64 value)
{
  const VelParam *row = vel_values_find (self, name);
  gboolean unset;

  g_return_if_fail (row != NULL && (row->type == VEL_PARAM_INT || row->type == VEL_PARAM_BOOL));
  if (row->type == VEL_PARAM_BOOL) {
    store (self, row, g_strdup (value != 0 ? "true" : "false"));
    return;
  }
  unset = value == 0 && row->minimum > 0 && *row->standard == '\0';
  if (row->minimum != 0 || row->maximum != 0)
    value = CLAMP (value, (gint64) row->minimum, (gint64) row->maximum);
  if (row->step > 1)
    value -= (value - (gint64) row->minimum) % (gint64) row->step;
  store (self, row, unset ? NULL : g_strdup_printf ("%" G_GINT64_FORMAT, value));
}

void
vel_values_set_real (VelValues *self, const char *name, double value)
{
  const VelParam *row = vel_values_find (self, name);
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_return_if_fail (row != NULL && row->type == VEL_PARAM_REAL && isfinite (value));
  if (row->minimum != 0 || row->maximum != 0)
    value = CLAMP (value, row->minimum, row->maximum);
  g_ascii_dtostr (text, sizeof text, value);
  store (self, row, vel_param_check (row, text, NULL));
}

void
vel_values_reset (VelValues *self)
{
  VelValuesPrivate *values = vel_values_get_instance_private (self);

  json_object_clear (values->unknown);
  for (guint i = 0; i < values->n_rows; i++)
    store (self, &values->table[i], NULL);
}

const char *
vel_values_get (VelValues *self, const char *name)
{
  VelValuesPrivate *values = vel_values_get_instance_private (self);
  const VelParam *row = vel_values_find (self, name);
  const char *text;

  if (row != NULL) {
    text = values->texts[row - values->table];
    return text != NULL ? text : row->standard;
  }
  text = json_string_value (json_object_get (values->unknown, name));
  return text != NULL ? text : "";
}

gint64
vel_values_get_int (VelValues *self, const char *name)
{
  return g_ascii_strtoll (vel_values_get (self, name), NULL, 10);
}

guint64
vel_values_get_seed (VelValues *self, const char *name)
{
  return g_ascii_strtoull (vel_values_get (self, name), NULL, 10);
}

double
vel_values_get_real (VelValues *self, const char *name)
{
  return g_ascii_strtod (vel_values_get (self, name), NULL);
}

gboolean
vel_values_get_bool (VelValues *self, const char *name)
{
  return g_str_equal (vel_values_get (self, name), "true");
}

gboolean
vel_values_is_set (VelValues *self, const char *name)
{
  VelValuesPrivate *values = vel_values_get_instance_private (self);
  const VelParam *row = vel_values_find (self, name);

  if (row != NULL)
    return values->texts[row - values->table] != NULL;
  return json_object_get (values->unknown, name) != NULL;
}

/* Text by name: a seed of 64 bits is more than a JSON number carries in most readers. */
char *
vel_values_to_json (VelValues *self)
{
  VelValuesPrivate *values = vel_values_get_instance_private (self);
  json_t *object = json_object ();
  char *dumped, *json;

  for (guint i = 0; i < values->n_rows; i++) {
    g_autofree char *valid = NULL;

    if (values->texts[i] == NULL || (values->table[i].flags & VEL_PARAM_TECHNICAL) != 0)
      continue;
    valid = g_utf8_make_valid (values->texts[i], -1); /* of a path */
    json_object_set_new (object, values->table[i].name, json_string (valid));
  }
  json_object_update (object, values->unknown);
  dumped = json_dumps (object, JSON_COMPACT);
  json_decref (object);
  json = g_strdup (dumped);
  free (dumped);
  return json;
}

/* Returns: (transfer full) (nullable) what a JSON value is as an option's text */
static char *
text_of_json (const json_t *value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  switch (json_typeof (value)) {
  case JSON_STRING:
    return g_strdup (json_string_value (value));
  case JSON_INTEGER:
    return g_strdup_printf ("%" JSON_INTEGER_FORMAT, json_integer_value (value));
  case JSON_REAL:
    return g_strdup (g_ascii_dtostr (text, sizeof text, json_real_value (value)));
  case JSON_TRUE:
    return g_strdup ("true");
  case JSON_FALSE:
    return g_strdup ("false");
  case JSON_NULL:
    return g_strdup ("");
  default:
    return NULL;
  }
}

/* Technical options are not a picture's: a file someone sent must not say where to write or how many threads to use. */
static void
take_row (VelValues *self, const VelParam *row, json_t *value, GPtrArray *problems)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  char *checked;

  if ((row->flags & VEL_PARAM_TECHNICAL) != 0)
    return;
  text = value != NULL ? text_of_json (value) : g_strdup ("");
  if (text == NULL)
    /* Translators: an option's name, which must stay in front */
    g_set_error (&error, VEL_ERROR, VEL_ERROR_REQUEST, _ ("%s: the value is neither text nor a number"), row->name);
  checked = error == NULL ? vel_param_check (row, text, &error) : NULL;
  if (checked == NULL)
    g_ptr_array_add (problems, g_strdup (error->message));
  store (self, row, checked);
}

static void
take_unknown (VelValues *self, json_t *object)
{
  VelValuesPrivate *values = vel_values_get_instance_private (self);
  const char *name;
  json_t *value;

  json_object_clear (values->unknown);
  json_object_foreach (object, name, value)
    if (vel_values_find (self, name) == NULL)
      store_unknown (self, name, value);
}

gboolean
vel_values_from_json (VelValues *self, const char *json, GStrv *problems, GError **error)
{
  VelValuesPrivate *values = vel_values_get_instance_private (self);
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (g_free);
  json_error_t where;
  json_t *object = json_loads (json, JSON_REJECT_DUPLICATES, &where);

  if (!json_is_object (object)) {
    if (object != NULL) {
      g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("The settings are JSON, but not an object"));
    } else {
      g_autofree char *shown = vel_shown (where.text);

      g_set_error (error, VEL_ERROR, VEL_ERROR_FORMAT, _ ("The settings are no JSON (line %d: %s)"), where.line, shown);
    }
    json_decref (object);
    return FALSE;
  }
  take_unknown (self, object);
  for (guint i = 0; i < values->n_rows; i++)
    take_row (self, &values->table[i], json_object_get (object, values->table[i].name), found);
  json_decref (object);
  if (problems != NULL) {
    g_ptr_array_add (found, NULL);
    *problems = (GStrv) g_ptr_array_free (g_steal_pointer (&found), FALSE);
  }
  return TRUE;
}

static void
vel_values_finalize (GObject *object)
{
  VelValuesPrivate *values = vel_values_get_instance_private (VEL_VALUES (object));

  for (guint i = 0; i < values->n_rows; i++)
    g_free (values->texts[i]);
  g_free (values->texts);
  json_decref (values->unknown);
  G_OBJECT_CLASS (vel_values_parent_class)->finalize (object);
}

static void
vel_values_class_init (VelValuesClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = vel_values_finalize;
  changed_signal = g_signal_new ("changed", VEL_TYPE_VALUES, G_SIGNAL_RUN_LAST | G_SIGNAL_DETAILED, 0, NULL, NULL, NULL,
                                 G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void
vel_values_init (VelValues *self)
{
}
