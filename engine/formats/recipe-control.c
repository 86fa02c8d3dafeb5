/* ControlNet's settings.  SPDX-License-Identifier: Apache-2.0
 * Mikubill/sd-webui-controlnet internal_controlnet/external_code.py ControlNetUnit.serialize, scripts/infotext.py. */
#include "config.h"

#include "engine/formats/recipe-control.h"

#include <glib/gi18n-lib.h>
#include <stdio.h>
#include <string.h>

#include "engine/formats/shown.h"
#include "engine/registry.h"

#define KEY "ControlNet "

static const char *const modes[VEL_N_CONTROL_MODES] = { "Balanced", "My prompt is more important", "ControlNet is more important" };
/* By VelResizeMode. */
static const char *const resizes[] = { "Just Resize", "Crop and Resize", "Resize and Fill" };

char *
vel_recipe_control_to_a1111 (const VelControlWish *wish, const char *title)
{
  char weight[G_ASCII_DTOSTR_BUF_SIZE], start[G_ASCII_DTOSTR_BUF_SIZE], end[G_ASCII_DTOSTR_BUF_SIZE];

  return g_strdup_printf ("Module: %s, Model: %s, Weight: %s, Resize Mode: %s, Guidance Start: %s, Guidance End: %s, Pixel Perfect: %s, "
                          "Control Mode: %s",
                          wish->preprocessor ? wish->preprocessor->id : "none", title ? title : wish->model,
                          g_ascii_formatd (weight, sizeof weight, "%.6g", wish->use.weight), resizes[wish->resize],
                          g_ascii_formatd (start, sizeof start, "%.6g", wish->use.start),
                          g_ascii_formatd (end, sizeof end, "%.6g", wish->use.end), wish->preprocessor ? "True" : "False",
                          modes[wish->use.mode]);
}

gboolean
vel_recipe_control_is_key (const char *key)
{
  return g_str_has_prefix (key, KEY) && g_ascii_isdigit (key[strlen (KEY)]) &&
         strspn (key + strlen (KEY), "0123456789") == strlen (key + strlen (KEY));
}

/* Returns: (transfer full) (nullable) what follows "key: " up to the next comma, whatever the key's case */
static char *
find_field (const char *value, const char *key)
{
  g_auto (GStrv) fields = g_strsplit (value, ", ", 64);

  for (guint i = 0; fields[i]; i++) {
    char *colon = strstr (fields[i], ": ");

    if (!colon)
      continue;
    *colon = '\0';
    if (g_ascii_strcasecmp (g_strstrip (fields[i]), key) == 0)
      return g_strdup (colon + 2);
  }
  return NULL;
}

static void
read_share (const char *text, double low, double high, double *out)
{
  char *end;
  double number = text ? g_ascii_strtod (text, &end) : 0;

  if (text && end != text && number >= low && number <= high)
    *out = number;
}

static void
read_range (const char *value, VelControlUse *use)
{
  g_autofree char *start = find_field (value, "Guidance Start"), *end = find_field (value, "Guidance End");
  const char *both = strstr (value, "starting/ending: ("), *comma = both ? strchr (both, ',') : NULL;

  read_share (start, 0, 1, &use->start);
  read_share (end, 0, 1, &use->end);
  if (comma) { /* of 2023 */
    read_share (strchr (both, '(') + 1, 0, 1, &use->start);
    read_share (comma + 1, 0, 1, &use->end);
  }
}

static guint
find_word (const char *const *words, guint n, const char *text)
{
  for (guint i = 0; text && i < n; i++)
    if (g_ascii_strcasecmp (words[i], text) == 0)
      return i;
  return 0;
}

/* The model without its hash, and without what would end it on the command line. Returns: (transfer full) */
static char *
read_model (const char *value)
{
  char *model = find_field (value, "Model"), *hash = model ? strstr (model, " [") : NULL;

  if (hash)
    *hash = '\0';
  return model ? g_strdelimit (model, ":\n", '_') : g_strdup ("MODEL");
}

char *
vel_recipe_control_explain (const char *key, const char *value)
{
  g_autofree char *module = find_field (value, "Module"), *older = find_field (value, "preprocessor");
  g_autofree char *weight = find_field (value, "Weight"), *mode = find_field (value, "Control Mode"),
                  *resize = find_field (value, "Resize Mode");
  VelControlWish wish = { .model = read_model (value), .picture = (char *) "IMAGE", .use = { .weight = 1, .end = 1 } };
  g_autofree char *option = NULL, *shown = NULL, *shown_module = vel_shown (module ? module : older ? older : "none");
  gboolean prepared = g_ascii_strcasecmp (shown_module, "none") != 0;

  read_share (weight, 0, 10, &wish.use.weight);
  read_range (value, &wish.use);
  wish.use.mode = find_word (modes, G_N_ELEMENTS (modes), mode);
  wish.resize = find_word (resizes, G_N_ELEMENTS (resizes), resize);
  wish.preprocessor = prepared ? vel_registry_find_preprocessor (shown_module) : NULL;
  option = vel_control_wish_to_string (&wish);
  shown = vel_shown (option);
  g_free (wish.model);
  if (prepared && !wish.preprocessor)
    return g_strdup_printf (_ ("“%s” needs its picture again, as “%s” prepared it: --control “%s”"), key, shown_module, shown);
  return g_strdup_printf (_ ("“%s” needs its picture again: --control “%s”"), key, shown);
}

void
vel_recipe_control_leave_out (VelValues *request, GPtrArray *problems)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) wishes = vel_control_wishes_parse (vel_values_get (request, "control"), &error);
  g_autoptr (GString) kept = g_string_new (NULL);

  if (error)
    g_ptr_array_add (problems, g_strdup (error->message));
  for (guint i = 0; wishes && i < wishes->len; i++) {
    VelControlWish *wish = wishes->pdata[i];
    gboolean is_here = g_file_test (wish->picture, G_FILE_TEST_EXISTS);
    g_autofree char *text = NULL, *shown = NULL, *key = g_strdup_printf (KEY "%u", i);

    if (!is_here) {
      g_free (wish->picture);
      wish->picture = g_strdup ("IMAGE");
    }
    text = vel_control_wish_to_string (wish);
    shown = vel_shown (text);
    if (is_here)
      g_string_append_printf (kept, "%s%s", kept->len ? "\n" : "", text);
    else
      g_ptr_array_add (problems, g_strdup_printf (_ ("“%s” needs its picture again: --control “%s”"), key, shown));
  }
  vel_values_set (request, "control", kept->len ? kept->str : NULL, NULL);
}
