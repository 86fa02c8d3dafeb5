/* Reading and writing one.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/control/wish.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "engine/control/hint.h"
#include "engine/error.h"
#include "engine/registry.h"

static const char *const resizes[] = { "stretch", "fill", "fit", NULL };

void
vel_control_wish_free (gpointer data)
{
  VelControlWish *self = data;

  if (!self)
    return;
  g_free (self->model);
  g_free (self->picture);
  g_clear_object (&self->params);
  g_free (self->table);
  g_free (self);
}

static gboolean
refuse (GError **error, const char *key, const char *value, const char *wanted)
{
  g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST, _ ("“%.100s” is no %s of --control; %s is wanted"), value, key, wanted);
  return FALSE;
}

static gboolean
read_number (const char *key, const char *value, double low, double high, double *out, GError **error)
{
  g_autofree char *wanted = g_strdup_printf (_ ("a number from %g to %g"), low, high);
  char *end;
  double number = g_ascii_strtod (value, &end);

  if (end == value || *end || !isfinite (number) || number < low || number > high)
    return refuse (error, key, value, wanted);
  *out = number;
  return TRUE;
}

static gboolean
read_mode (VelControlWish *self, const char *value, GError **error)
{
  for (VelControlMode mode = 0; mode < VEL_N_CONTROL_MODES; mode++)
    if (g_str_equal (value, vel_control_mode_get_id (mode))) {
      self->use.mode = mode;
      return TRUE;
    }
  return refuse (error, "mode", value, _ ("balanced, prompt or control"));
}

static gboolean
read_key (VelControlWish *self, const char *key, const char *value, GError **error)
{
  if (g_str_equal (key, "weight"))
    return read_number (key, value, 0, 10, &self->use.weight, error);
  if (g_str_equal (key, "start"))
    return read_number (key, value, 0, 1, &self->use.start, error);
  if (g_str_equal (key, "end"))
    return read_number (key, value, 0, 1, &self->use.end, error);
  if (g_str_equal (key, "mode"))
    return read_mode (self, value, error);
  if (g_str_equal (key, "resize")) {
    if (!g_strv_contains (resizes, value))
      return refuse (error, key, value, _ ("fit, fill or stretch"));
    self->resize = vel_resize_mode_from_string (value);
    return TRUE;
  }
  if (g_str_equal (key, "preprocessor"))
    return TRUE; /* it was the first to be read */
  if (self->params && vel_values_find (self->params, key))
    return vel_values_set (self->params, key, value, error);
  g_set_error (
      error, VEL_ERROR, VEL_ERROR_REQUEST,
      _ ("--control has no key “%.100s”; weight, start, end, mode, resize and preprocessor are known, and what the preprocessor has"), key);
  return FALSE;
}

static gboolean
read_preprocessor (VelControlWish *self, const char *name, GError **error)
{
  if (g_str_equal (name, "none"))
    return TRUE;
  self->preprocessor = vel_registry_find_preprocessor (name);
  if (!self->preprocessor) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST,
                 _ ("There is no preprocessor “%.100s”; `velatura list preprocessors` shows what there is"), name);
    return FALSE;
  }
  self->table = vel_hint_dup_table (self->preprocessor);
  self->params = vel_values_new (self->table);
  return TRUE;
}

/* The preprocessor first: other keys may be its own. */
static gboolean
read_keys (VelControlWish *self, const char *text, GError **error)
{
  g_auto (GStrv) pairs = g_strsplit (text, ",", -1);

  for (guint i = 0; pairs[i]; i++)
    if (g_str_has_prefix (g_strstrip (pairs[i]), "preprocessor=") && !self->preprocessor &&
        !read_preprocessor (self, pairs[i] + strlen ("preprocessor="), error))
      return FALSE;
  for (guint i = 0; pairs[i]; i++) {
    char *value = strchr (pairs[i], '=');

    if (!value)
      return refuse (error, "key=value", pairs[i], "weight=0.8,start=0,end=0.5");
    *value++ = '\0';
    if (!read_key (self, g_strstrip (pairs[i]), g_strstrip (value), error))
      return FALSE;
  }
  return TRUE;
}

/* Where the model's name ends: at the only colon, or of several at the one with files on both sides. (nullable) */
static char *
find_colon (char *text)
{
  char *first = strchr (text, ':');

  for (char *colon = first; colon; colon = strchr (colon + 1, ':')) {
    g_autofree char *before = g_strndup (text, (gsize) (colon - text));

    if (g_file_test (before, G_FILE_TEST_EXISTS) && g_file_test (colon + 1, G_FILE_TEST_EXISTS))
      return colon;
  }
  return first;
}

/* Keys stand last: what follows the last colon and has a "=" before any "/". */
static char *
find_keys (char *text)
{
  char *last = strrchr (text, ':'), *equals = last ? strchr (last, '=') : NULL, *slash = last ? strchr (last, '/') : NULL;

  return equals && (!slash || equals < slash) && strchr (text, ':') != last ? last : NULL;
}

VelControlWish *
vel_control_wish_parse (const char *text, GError **error)
{
  g_autoptr (VelControlWish) self = g_new0 (VelControlWish, 1);
  g_autofree char *left = g_strdup (text);
  char *keys = find_keys (left), *colon;

  self->use = (VelControlUse){ .weight = 1, .end = 1 };
  if (keys) {
    *keys++ = '\0';
    if (!read_keys (self, keys, error))
      return NULL;
  }
  colon = find_colon (left);
  if (!colon || colon == left || !colon[1]) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST,
                 _ ("--control “%.200s” names no ControlNet and picture; MODEL:IMAGE is wanted, or MODEL:IMAGE:weight=0.8"), text);
    return NULL;
  }
  *colon = '\0';
  self->model = g_strdup (left);
  self->picture = g_strdup (colon + 1);
  return g_steal_pointer (&self);
}

static void
append_number (GString *out, const char *key, double value, double usual)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE];

  if (value != usual)
    g_string_append_printf (out, "%c%s=%s", strchr (out->str, '=') ? ',' : ':', key,
                            g_ascii_formatd (number, sizeof number, "%.6g", value));
}

static void
append_word (GString *out, const char *key, const char *value)
{
  g_string_append_printf (out, "%c%s=%s", strchr (out->str, '=') ? ',' : ':', key, value);
}

char *
vel_control_wish_to_string (const VelControlWish *self)
{
  GString *keys = g_string_new (NULL);
  char *text;

  append_number (keys, "weight", self->use.weight, 1);
  append_number (keys, "start", self->use.start, 0);
  append_number (keys, "end", self->use.end, 1);
  if (self->use.mode != VEL_CONTROL_BALANCED)
    append_word (keys, "mode", vel_control_mode_get_id (self->use.mode));
  if (self->resize != VEL_RESIZE_STRETCH)
    append_word (keys, "resize", resizes[self->resize]);
  if (self->preprocessor)
    append_word (keys, "preprocessor", self->preprocessor->id);
  for (const VelParam *row = self->table; row && row->name; row++)
    if (vel_values_is_set (self->params, row->name))
      append_word (keys, row->name, vel_values_get (self->params, row->name));
  text = g_strdup_printf ("%s:%s%s", self->model, self->picture, keys->str);
  g_string_free (keys, TRUE);
  return text;
}

GPtrArray *
vel_control_wishes_parse (const char *lines, GError **error)
{
  g_autoptr (GPtrArray) wishes = g_ptr_array_new_with_free_func (vel_control_wish_free);
  g_auto (GStrv) texts = g_strsplit (lines, "\n", -1);

  for (guint i = 0; texts[i]; i++) {
    VelControlWish *wish = *texts[i] ? vel_control_wish_parse (texts[i], error) : NULL;

    if (*texts[i] && !wish)
      return NULL;
    if (wish)
      g_ptr_array_add (wishes, wish);
  }
  return g_steal_pointer (&wishes);
}
