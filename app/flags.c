/* Flags and help from option tables.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/flags.h"

#include <glib/gi18n.h>
#include <stdio.h>
#include <string.h>

VelFlags *
vel_flags_new (const VelUsage *usage, VelValues *own, VelValues *shared)
{
  VelFlags *self = g_new0 (VelFlags, 1);

  self->usage = usage;
  self->sets[0] = own ? g_object_ref (own) : NULL;
  self->sets[1] = shared ? g_object_ref (shared) : NULL;
  self->given = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->words = g_ptr_array_new ();
  return self;
}

void
vel_flags_free (VelFlags *self)
{
  for (guint i = 0; i < VEL_FLAGS_SETS; i++)
    g_clear_object (&self->sets[i]);
  g_hash_table_unref (self->given);
  g_ptr_array_unref (self->words);
  g_free (self);
}

/* Help */

#define HELP_COLUMN 26
#define HELP_WIDTH 100

static void
print_wrapped (const char *text)
{
  g_auto (GStrv) words = g_strsplit (text, " ", -1);
  glong column = HELP_COLUMN;

  for (guint i = 0; words[i]; i++) {
    glong length = g_utf8_strlen (words[i], -1);

    if (i > 0 && column + 1 + length > HELP_WIDTH) {
      printf ("\n%*s", HELP_COLUMN, "");
      column = HELP_COLUMN;
    } else if (i > 0) {
      printf (" ");
      column++;
    }
    printf ("%s", words[i]);
    column += length;
  }
  printf ("\n");
}

static const char *
value_name (const VelParam *param)
{
  switch (param->type) {
  case VEL_PARAM_INT:
  case VEL_PARAM_SEED:
    return " N";
  case VEL_PARAM_REAL:
    return " X";
  case VEL_PARAM_TEXT:
    return " TEXT";
  case VEL_PARAM_CHOICE:
    return " ID";
  case VEL_PARAM_FILE:
    return " PATH";
  case VEL_PARAM_BOOL:
    break;
  }
  return "";
}

static char *
allowed_values (const VelParam *param)
{
  char low[G_ASCII_DTOSTR_BUF_SIZE], high[G_ASCII_DTOSTR_BUF_SIZE];

  if (param->wanted)
    return g_strdup (gettext (param->wanted));
  if (param->type == VEL_PARAM_CHOICE && g_str_has_prefix (param->choices, "registry:"))
    return g_strdup_printf (_ ("see `velatura list %s`"), param->choices + strlen ("registry:"));
  if (param->type == VEL_PARAM_CHOICE) {
    g_auto (GStrv) choices = g_strsplit (param->choices, "|", -1);

    return g_strjoinv (", ", choices);
  }
  if (param->minimum < param->maximum)
    return g_strdup_printf (_ ("%s to %s"), g_ascii_formatd (low, sizeof low, "%.15g", param->minimum),
                            g_ascii_formatd (high, sizeof high, "%.15g", param->maximum));
  return NULL;
}

static char *
describe_param (const VelParam *param)
{
  const char *help = gettext (param->help && *param->help ? param->help : param->label);
  g_autofree char *allowed = allowed_values (param), *standard = NULL;
  const gboolean has_standard = *param->standard && (param->type != VEL_PARAM_BOOL || g_str_equal (param->standard, "true"));

  if (has_standard)
    standard = g_strdup_printf (_ ("default %s"), param->standard);
  if (!allowed && !standard)
    return g_strdup (help);
  return g_strdup_printf ("%s (%s%s%s)", help, allowed ? allowed : "", allowed && standard ? "; " : "", standard ? standard : "");
}

static void
print_param (const VelParam *param)
{
  g_autofree char *name = g_strdelimit (g_strdup (param->name), "_", '-');
  g_autofree char *flag = g_strconcat ("  --", name, value_name (param), NULL);
  g_autofree char *text = describe_param (param);

  if (strlen (flag) + 2 > HELP_COLUMN)
    printf ("%s\n%*s", flag, HELP_COLUMN, "");
  else
    printf ("%-*s", HELP_COLUMN, flag);
  print_wrapped (text);
}

static void
print_help (VelFlags *self)
{
  printf (_ ("Usage: velatura %s %s\n\n%s\n"), self->usage->verb, self->usage->arguments, gettext (self->usage->summary));
  for (guint i = 0; i < VEL_FLAGS_SETS; i++) {
    const VelParam *table = self->sets[i] ? vel_values_get_table (self->sets[i]) : NULL;

    if (table && table->name)
      printf ("\n");
    for (const VelParam *param = table; param && param->name; param++)
      print_param (param);
  }
  if (self->usage->notes)
    printf ("\n%s", gettext (self->usage->notes));
}

/* Reading */

static VelValues *
set_with (VelFlags *self, const char *name)
{
  for (guint i = 0; i < VEL_FLAGS_SETS; i++)
    if (self->sets[i] && vel_values_find (self->sets[i], name))
      return self->sets[i];
  return NULL;
}

static int
refuse_unknown (VelFlags *self, const char *flag)
{
  if (self->usage->later && g_strv_contains (self->usage->later, flag))
    return vel_verb_misused (_ ("%s is not available in this version"), flag);
  return vel_verb_misused (_ ("%s is no option of `velatura %s`; see velatura %s --help"), flag, self->usage->verb, self->usage->verb);
}

/* next: (nullable) the argument after this one. Returns: arguments used, or 0 after saying what is wrong. */
static int
read_flag (VelFlags *self, const char *argument, const char *next)
{
  const char *equals = strchr (argument, '=');
  g_autofree char *flag = equals ? g_strndup (argument, equals - argument) : g_strdup (argument);
  g_autofree char *name = g_strdelimit (g_strdup (flag + 2), "-", '_');
  const char *value = equals ? equals + 1 : next;
  VelValues *set = set_with (self, name);
  g_autoptr (GError) error = NULL;
  g_autofree char *list = NULL;
  gboolean alone;

  if (!set)
    return refuse_unknown (self, flag), 0;
  alone = vel_values_find (set, name)->type == VEL_PARAM_BOOL && !equals;
  if (alone)
    value = "true";
  if (!value)
    return vel_verb_misused (_ ("%s needs a value"), flag), 0;
  if ((vel_values_find (set, name)->flags & VEL_PARAM_LIST) && g_hash_table_contains (self->given, name))
    value = list = g_strconcat (vel_values_get (set, name), "\n", value, NULL);
  if (!vel_values_set (set, name, value, &error)) /* the message begins with the option's name */
    return vel_verb_misused ("%s%s", flag, error->message + (g_str_has_prefix (error->message, name) ? strlen (name) : 0)), 0;
  g_hash_table_add (self->given, g_steal_pointer (&name));
  return alone || equals ? 1 : 2;
}

int
vel_flags_read (VelFlags *self, int argc, char **argv)
{
  gboolean options_over = FALSE;
  int used;

  for (int i = 1; i < argc; i += used) {
    used = 1;
    if (options_over || argv[i][0] != '-' || argv[i][1] == '\0')
      g_ptr_array_add (self->words, argv[i]);
    else if (g_str_equal (argv[i], "--"))
      options_over = TRUE;
    else if (g_str_equal (argv[i], "--help") || g_str_equal (argv[i], "-h"))
      return print_help (self), VEL_EXIT_DONE;
    else if (argv[i][1] != '-')
      return refuse_unknown (self, argv[i]);
    else if ((used = read_flag (self, argv[i], argv[i + 1])) == 0)
      return VEL_EXIT_USAGE;
  }
  return -1;
}

gboolean
vel_flags_is_given (VelFlags *self, const char *name)
{
  return g_hash_table_contains (self->given, name);
}

int
vel_flags_refuse_words (VelFlags *self)
{
  if (self->words->len == 0)
    return -1;
  return vel_verb_misused (_ ("“%s” is one word too many; see velatura %s --help"), (char *) self->words->pdata[0], self->usage->verb);
}
