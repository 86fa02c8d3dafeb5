/* Draw Things: JSON in the XMP of the picture, under exif:UserComment.  SPDX-License-Identifier: Apache-2.0
 *
 * Its "Generation Data" has short names, {"c": prompt, "uc": negative prompt, …}. */
#include "config.h"

#include "engine/formats/settings.h"

#include "engine/formats/json-tree.h"
#include "engine/formats/shown.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* The five entities of XML, and characters by number. Returns: (transfer full) */
static char *
unescape (const char *text, gsize bytes)
{
  static const struct {
    const char *name;
    char letter;
  } entities[] = { { "&quot;", '"' }, { "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' }, { "&apos;", '\'' } };
  GString *out = g_string_sized_new (bytes);

  for (const char *at = text, *end = text + bytes; at < end;) {
    gsize skip = 1;

    if (g_str_has_prefix (at, "&#")) {
      gboolean hex = at[2] == 'x';
      char *stop;
      guint64 c = g_ascii_strtoull (at + 2 + hex, &stop, hex ? 16 : 10);

      if (*stop == ';' && c > 0 && c < 0x110000 && g_unichar_validate (c)) {
        g_string_append_unichar (out, c);
        at = stop + 1;
        continue;
      }
    }
    for (gsize i = 0; i < G_N_ELEMENTS (entities) && *at == '&'; i++)
      if (g_str_has_prefix (at, entities[i].name)) {
        g_string_append_c (out, entities[i].letter);
        skip = strlen (entities[i].name);
        break;
      }
    if (skip == 1)
      g_string_append_c (out, *at);
    at += skip;
  }
  return g_string_free (out, FALSE);
}

/* Returns: (transfer full) (nullable): the object within exif:UserComment */
static json_t *
find_comment (const char *xmp)
{
  const char *start = strstr (xmp, "exif:UserComment"), *from = start ? strchr (start, '{') : NULL, *to = from ? strchr (from, '<') : NULL;
  g_autofree char *text = to ? unescape (from, to - from) : NULL;

  return text ? vel_json_tree (text) : NULL;
}

static void
add_loras (VelSettings *self, const json_t *loras)
{
  gsize i;
  json_t *lora;

  json_array_foreach (loras, i, lora)
  {
    const char *name = json_string_value (json_object_get (lora, "model"));
    double weight = vel_json_real (json_object_get (lora, "weight"), 1);

    if (name)
      vel_settings_add_lora (self, name, weight, weight);
  }
}

/* Of its four ways to make noise two are those of others. */
static void
set_noise (VelSettings *self, const char *mode)
{
  g_autofree char *shown = vel_shown (mode ? mode : "");

  if (mode && strstr (mode, "CPU"))
    vel_settings_set (self, "RNG", "CPU");
  else {
    vel_settings_set (self, "RNG", "NV");
    if (!mode || !strstr (mode, "NVIDIA"))
      /* Translators: a name like “Scale Alike” */
      vel_settings_note (self, _ ("Its seed mode “%s” makes noise that nobody else makes"), shown);
  }
}

static gboolean
read_texts (VelSettings *self, GHashTable *text)
{
  const char *xmp = g_hash_table_lookup (text, "XML:com.adobe.xmp");
  json_t *root = xmp ? find_comment (xmp) : NULL;
  double strength = vel_json_real (json_object_get (root, "strength"), 1);

  if (!json_is_string (json_object_get (root, "c")) || !json_object_get (root, "steps")) {
    json_decref (root);
    return FALSE;
  }
  vel_settings_set_json (self, "Prompt", json_object_get (root, "c"));
  vel_settings_set_json (self, "Negative prompt", json_object_get (root, "uc"));
  vel_settings_set_json (self, "Steps", json_object_get (root, "steps"));
  vel_settings_set_json (self, "Sampler", json_object_get (root, "sampler"));
  vel_settings_set_json (self, "CFG scale", json_object_get (root, "scale"));
  vel_settings_set_json (self, "Seed", json_object_get (root, "seed"));
  vel_settings_set_json (self, "Size", json_object_get (root, "size"));
  vel_settings_set_file (self, "Model", json_string_value (json_object_get (root, "model")));
  if (strength < 1) {
    vel_settings_set_json (self, "Denoising strength", json_object_get (root, "strength"));
    vel_settings_note (self, _ ("The picture it started from is not in the file"));
  }
  set_noise (self, json_string_value (json_object_get (root, "seed_mode")));
  add_loras (self, json_object_get (root, "lora"));
  json_decref (root);
  return TRUE;
}

const VelSettingsProgram vel_settings_drawthings = { "Draw Things", read_texts };
