/* One option's text: is it allowed, and how is it written.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/param-check.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "engine/formats/shown.h"
#include "engine/registry.h"

static char *
refuse (const VelParam *row, const char *text, const char *wanted, GError **error)
{
  g_autofree char *shown = vel_shown (text);

  /* Translators: an option's name, which must stay in front; what was given; what is allowed, such as “a number from 0 to 1” */
  g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST, _ ("%s: “%s” can not be used, wanted is %s"), row->name, shown, wanted);
  return NULL;
}

static gboolean
has_range (const VelParam *row)
{
  return row->minimum != 0 || row->maximum != 0;
}

static char *
describe_whole_numbers (const VelParam *row)
{
  if (has_range (row) && row->step > 1)
    return g_strdup_printf (_ ("a whole number from %.15g to %.15g in steps of %.15g"), row->minimum, row->maximum, row->step);
  if (has_range (row))
    return g_strdup_printf (_ ("a whole number from %.15g to %.15g"), row->minimum, row->maximum);
  if (row->step > 1)
    return g_strdup_printf (_ ("a whole number in steps of %.15g"), row->step);
  return g_strdup (_ ("a whole number"));
}

static char *
describe_numbers (const VelParam *row)
{
  return has_range (row) ? g_strdup_printf (_ ("a number from %.15g to %.15g"), row->minimum, row->maximum) : g_strdup (_ ("a number"));
}

static char *
check_bool (const VelParam *row, const char *text, GError **error)
{
  static const char *const yes[] = { "true", "yes", "on", "1" };
  static const char *const no[] = { "false", "no", "off", "0" };

  for (gsize i = 0; i < G_N_ELEMENTS (yes); i++) {
    if (g_ascii_strcasecmp (text, yes[i]) == 0)
      return g_strdup ("true");
    if (g_ascii_strcasecmp (text, no[i]) == 0)
      return g_strdup ("false");
  }
  return refuse (row, text, _ ("true or false"), error);
}

static gboolean
int_fits (const VelParam *row, gint64 value)
{
  if (has_range (row) && ((double) value < row->minimum || (double) value > row->maximum))
    return FALSE;
  return row->step <= 1 || (value - (gint64) row->minimum) % (gint64) row->step == 0;
}

static char *
check_int (const VelParam *row, const char *text, GError **error)
{
  g_autofree char *wanted = describe_whole_numbers (row);
  gint64 value;

  if (!g_ascii_string_to_signed (text, 10, G_MININT64, G_MAXINT64, &value, NULL))
    return refuse (row, text, wanted, error);
  if (value == 0 && row->minimum > 0 && *row->standard == '\0')
    return g_strdup ("");
  if (!int_fits (row, value))
    return refuse (row, text, wanted, error);
  return g_strdup_printf ("%" G_GINT64_FORMAT, value);
}

static char *
check_seed (const VelParam *row, const char *text, GError **error)
{
  guint64 value;

  if (g_str_equal (text, "-1") || g_ascii_strcasecmp (text, "random") == 0)
    return g_strdup ("");
  if (!g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT64, &value, NULL))
    return refuse (row, text, _ ("a whole number from 0 to 18446744073709551615"), error);
  return g_strdup_printf ("%" G_GUINT64_FORMAT, value);
}

static char *
check_real (const VelParam *row, const char *text, GError **error)
{
  g_autofree char *wanted = describe_numbers (row);
  char written[G_ASCII_DTOSTR_BUF_SIZE];
  char *end;
  double value = g_ascii_strtod (text, &end);

  if (end == text || *end != '\0' || !isfinite (value))
    return refuse (row, text, wanted, error);
  if (has_range (row) && (value < row->minimum || value > row->maximum))
    return refuse (row, text, wanted, error);
  /* 0.1 stays "0.1"; where 15 digits do not give the number back, 17 do */
  g_ascii_formatd (written, sizeof written, "%.15g", value);
  if (g_ascii_strtod (written, NULL) != value)
    g_ascii_dtostr (written, sizeof written, value);
  return g_strdup (written);
}

static char *
check_registered (const VelParam *row, const char *kind_name, const char *text, GError **error)
{
  g_autofree const char **ids = NULL;
  g_autofree char *list = NULL, *wanted = NULL;
  VelRegistryKind kind;
  const char *id;

  if (!vel_registry_kind_from_string (kind_name, &kind))
    g_assert_not_reached ();
  id = vel_registry_find_id (kind, text);
  if (id != NULL)
    return g_strdup (id);
  ids = vel_registry_list (kind);
  list = g_strjoinv (", ", (char **) ids);
  wanted = g_strdup_printf (_ ("one of: %s"), list);
  return refuse (row, text, wanted, error);
}

static char *
check_by_row (const VelParam *row, const char *text, GError **error)
{
  char *plain = row->check (text);

  return plain != NULL ? plain : refuse (row, text, _(row->wanted), error);
}

static char *
check_choice (const VelParam *row, const char *text, GError **error)
{
  g_auto (GStrv) choices = NULL;
  g_autofree char *list = NULL, *wanted = NULL;

  if (g_str_has_prefix (row->choices, "registry:"))
    return check_registered (row, row->choices + strlen ("registry:"), text, error);
  choices = g_strsplit (row->choices, "|", -1);
  for (gsize i = 0; choices[i] != NULL; i++)
    if (g_ascii_strcasecmp (choices[i], text) == 0)
      return g_strdup (choices[i]);
  if (row->check != NULL)
    return check_by_row (row, text, error);
  list = g_strjoinv (", ", choices);
  wanted = g_strdup_printf (_ ("one of: %s"), list);
  return refuse (row, text, wanted, error);
}

/* A path may be any bytes; what people read must be text. */
static char *
check_text (const VelParam *row, const char *text, GError **error)
{
  if (row->type == VEL_PARAM_TEXT && !g_utf8_validate (text, -1, NULL))
    return refuse (row, text, _ ("text in UTF-8"), error);
  return g_strdup (text);
}

char *
vel_param_check (const VelParam *row, const char *text, GError **error)
{
  g_autofree char *trimmed = NULL;

  if (text == NULL || *text == '\0')
    return g_strdup ("");
  if (row->type == VEL_PARAM_FILE || (row->type == VEL_PARAM_TEXT && row->check == NULL))
    return check_text (row, text, error);
  trimmed = g_strstrip (g_strdup (text));
  if (*trimmed == '\0')
    return g_strdup ("");
  switch (row->type) {
  case VEL_PARAM_BOOL:
    return check_bool (row, trimmed, error);
  case VEL_PARAM_INT:
    return check_int (row, trimmed, error);
  case VEL_PARAM_SEED:
    return check_seed (row, trimmed, error);
  case VEL_PARAM_REAL:
    return check_real (row, trimmed, error);
  case VEL_PARAM_CHOICE:
    return check_choice (row, trimmed, error);
  case VEL_PARAM_TEXT:
    return check_by_row (row, trimmed, error);
  case VEL_PARAM_FILE:
    break;
  }
  g_assert_not_reached ();
}
