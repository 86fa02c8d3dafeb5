/* NovelAI: JSON under "Comment", the model under "Source".  SPDX-License-Identifier: Apache-2.0
 *
 * Its documentation, "Image Generation"; in its prompts {x} is stronger and [x] weaker by 1.05, 1.3::x:: by a number, and ( ) are letters.
 */
#include "config.h"

#include "engine/formats/settings.h"

#include "engine/formats/json-tree.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#define MAX_DEPTH 50

/* Text of one weight, as A1111 writes it: brackets that NovelAI takes for letters are escaped. */
static void
append_weighted (GString *out, const char *text, gsize bytes, double weight)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  gboolean plain = fabs (weight - 1) < 1e-9;

  if (bytes == 0)
    return;
  if (!plain)
    g_string_append_c (out, '(');
  for (gsize i = 0; i < bytes; i++) {
    if (strchr ("()", text[i]))
      g_string_append_c (out, '\\');
    g_string_append_c (out, text[i]);
  }
  if (!plain)
    g_string_append_printf (out, ":%s)", g_ascii_formatd (number, sizeof number, "%.8g", weight));
}

/* "1.3::" at `at`: a number and two colons, not within a word. Returns: its length, or 0 */
static gsize
weight_mark (const char *start, const char *at, double *weight)
{
  char *end;

  if ((!g_ascii_isdigit (*at) && *at != '-' && *at != '.') || (at > start && (g_ascii_isalnum (at[-1]) || at[-1] == '.')))
    return 0;
  *weight = g_ascii_strtod (at, &end);
  return end > at && strspn (at, "-.0123456789") >= (gsize) (end - at) && end[0] == ':' && end[1] == ':' && isfinite (*weight)
             ? (gsize) (end + 2 - at)
             : 0;
}

/* Returns: (transfer full): a prompt in A1111's language */
static char *
translate (const char *prompt)
{
  GString *out = g_string_new (NULL);
  const char *from = prompt, *at = prompt;
  double number = 1, weight;
  int depth = 0; /* of { less those of [ */

  while (*at) {
    gsize mark = weight_mark (prompt, at, &weight), skip = mark;
    gboolean closes = !mark && number != 1 && at[0] == ':' && at[1] == ':', bracket = strchr ("{}[]", *at) != NULL;

    if (!mark && !closes && !bracket) {
      at++;
      continue;
    }
    append_weighted (out, from, at - from, number * pow (1.05, depth));
    if (mark)
      number = weight;
    else if (closes) {
      number = 1;
      skip = 2;
    } else {
      depth = CLAMP (depth + (*at == '{' || *at == ']' ? 1 : -1), -MAX_DEPTH, MAX_DEPTH);
      skip = 1;
    }
    at += skip;
    from = at;
  }
  append_weighted (out, from, at - from, number * pow (1.05, depth));
  return g_string_free (out, FALSE);
}

static void
set_prompt (VelSettings *self, const char *key, const char *prompt, const json_t *structured)
{
  const json_t *caption = json_object_get (structured, "caption");
  const char *base = json_string_value (json_object_get (caption, "base_caption"));
  g_autofree char *translated = NULL;
  g_autoptr (GString) whole = g_string_new (prompt ? prompt : base ? base : "");
  json_t *character;
  gsize i, n = 0;

  json_array_foreach (json_object_get (caption, "char_captions"), i, character)
  {
    const char *text = json_string_value (json_object_get (character, "char_caption"));

    if (text && *text) {
      g_string_append_printf (whole, ", %s", text);
      n++;
    }
  }
  if (n > 0)
    vel_settings_note (self, _ ("The prompt has %u characters with places of their own; here their texts are one after another"),
                       (guint) n);
  translated = translate (whole->str);
  vel_settings_set (self, key, translated);
}

/* "native" is whatever the sampler brings. ddim_v3 and nai_smea are its own. */
static void
set_sampler (VelSettings *self, const json_t *root)
{
  const char *sampler = json_string_value (json_object_get (root, "sampler"));
  const char *schedule = json_string_value (json_object_get (root, "noise_schedule"));

  if (sampler && g_str_has_prefix (sampler, "ddim"))
    sampler = "ddim";
  vel_settings_set_sampler (self, sampler);
  if (schedule && !g_str_equal (schedule, "native"))
    vel_settings_set_schedule (self, schedule);
  else
    vel_settings_set_schedule (self, "normal");
}

static void
note_rest (VelSettings *self, const json_t *root)
{
  static const char *const switches[] = { "sm", "sm_dyn", "autoSmea", "dynamic_thresholding", "deliberate_euler_ancestral_bug" };
  const json_t *rescale = json_object_get (root, "cfg_rescale"), *above = json_object_get (root, "skip_cfg_above_sigma");
  const char *request = json_string_value (json_object_get (root, "request_type"));

  for (gsize i = 0; i < G_N_ELEMENTS (switches); i++)
    if (json_is_true (json_object_get (root, switches[i])))
      vel_settings_note_missing (self, switches[i], json_object_get (root, switches[i]));
  if (vel_json_real (rescale, 0) != 0)
    vel_settings_note_missing (self, "cfg_rescale", rescale);
  if (json_is_number (above))
    vel_settings_note_missing (self, "skip_cfg_above_sigma", above);
  if (json_array_size (json_object_get (root, "reference_strength_multiple")) > 0 || json_object_get (root, "reference_strength"))
    vel_settings_note (self, _ ("The pictures it was guided by are not in the file"));
  if (request && !g_str_equal (request, "PromptGenerateRequest"))
    vel_settings_note (self, _ ("The picture it started from is not in the file"));
}

static gboolean
is_novelai (GHashTable *text, const json_t *root)
{
  const char *software = g_hash_table_lookup (text, "Software");

  return json_is_object (root) &&
         (software ? g_str_equal (software, "NovelAI") : json_object_get (root, "uc") && json_object_get (root, "scale"));
}

static void
read_root (VelSettings *self, const json_t *root, const char *description)
{
  const json_t *width = json_object_get (root, "width"), *height = json_object_get (root, "height");
  const char *prompt = json_string_value (json_object_get (root, "prompt")),
             *request = json_string_value (json_object_get (root, "request_type"));

  set_prompt (self, "Prompt", prompt ? prompt : description, json_object_get (root, "v4_prompt"));
  set_prompt (self, "Negative prompt", json_string_value (json_object_get (root, "uc")), json_object_get (root, "v4_negative_prompt"));
  vel_settings_set_json (self, "Steps", json_object_get (root, "steps"));
  set_sampler (self, root);
  vel_settings_set_json (self, "CFG scale", json_object_get (root, "scale"));
  vel_settings_set_json (self, "Seed", json_object_get (root, "seed"));
  if (width && height)
    vel_settings_set_size (self, width, height);
  else if (self->file->width > 0) {
    g_autofree char *size = g_strdup_printf ("%ux%u", self->file->width, self->file->height);

    vel_settings_set (self, "Size", size);
  }
  if (request && strstr (request, "Image2Image"))
    vel_settings_set_json (self, "Denoising strength", json_object_get (root, "strength"));
  note_rest (self, root);
}

static gboolean
read_texts (VelSettings *self, GHashTable *text)
{
  const char *comment = g_hash_table_lookup (text, "Comment"), *source = g_hash_table_lookup (text, "Source");
  json_t *root = comment ? vel_json_tree (comment) : NULL;
  gboolean is = is_novelai (text, root);

  if (is) {
    read_root (self, root, g_hash_table_lookup (text, "Description"));
    vel_settings_set (self, "RNG", "NV");
    if (source) {
      vel_settings_set (self, "Source", source);
      vel_settings_note (self, _ ("NovelAI's own model, “%s”, can not be had: choose another one"), source);
    }
  }
  json_decref (root);
  return is;
}

const VelSettingsProgram vel_settings_novelai = { "NovelAI", read_texts };
