/* A1111's `parameters`, and those who write like it: Forge, reForge, SD.Next, Civitai, stable-diffusion.cpp, Fooocus in its second scheme.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A1111 1.10 modules/infotext_utils.py, infotext_versions.py; the others by the keys only they write. */
#include "config.h"

#include "engine/formats/settings.h"

#include "engine/formats/json-tree.h"

#include <glib/gi18n-lib.h>
#include <stdio.h>
#include <string.h>

/* By how "Version" begins. */
static const struct {
  const char *start, *program;
} versions[] = {
  { "Velatura", "Velatura" }, { "ComfyUI", "ComfyUI" }, { "Fooocus", "Fooocus" }, { "stable-diffusion.cpp", "stable-diffusion.cpp" },
  { "reForge", "reForge" },   { "neo", "Forge" },       { "forge", "Forge" },
};

static const char *
program_of (const VelRecipeFields *fields, GHashTable *text)
{
  const char *version = vel_recipe_fields_get (fields, "Version"), *app = vel_recipe_fields_get (fields, "App");

  for (gsize i = 0; version && i < G_N_ELEMENTS (versions); i++)
    if (g_ascii_strncasecmp (version, versions[i].start, strlen (versions[i].start)) == 0)
      return versions[i].program;
  if ((app && g_str_equal (app, "SD.Next")) || vel_recipe_fields_get (fields, "Parser") || vel_recipe_fields_get (fields, "Backend"))
    return "SD.Next";
  if (version && version[0] == 'f' && g_ascii_isdigit (version[1])) /* "f2.0.1v1.10.1-…", or with a dash "f1.7.0-v1.10.1…" */
    return version[1 + strspn (version + 1, "0123456789.")] == '-' ? "reForge" : "Forge";
  if (vel_recipe_fields_get (fields, "Civitai resources"))
    return "Civitai";
  if (g_hash_table_contains (text, "prompt") || g_hash_table_contains (text, "workflow"))
    return "ComfyUI";
  return "A1111";
}

/* "v1.5.2-15-gabc" is 1005002. Returns 0 for what is no version of A1111 */
static guint
version_number (const char *version)
{
  guint major, minor, patch = 0;

  if (!version || sscanf (version, "v%3u.%3u.%3u", &major, &minor, &patch) < 2)
    return 0;
  return major * 1000000 + minor * 1000 + patch;
}

/* infotext_versions.py: what A1111 switches on when it reads an old picture. */
static void
note_old_rules (VelSettings *self)
{
  const char *version = vel_recipe_fields_get (self->fields, "Version"), *prompt = vel_recipe_fields_get (self->fields, "Prompt");
  guint number = version_number (version);

  if (number == 0)
    return;
  if (number < 1006000 && vel_recipe_fields_get (self->fields, "Hires upscale") && strchr (prompt, '['))
    vel_settings_note (self, _ ("A1111 %s counts prompt editing anew in the second pass; here it is done as since 1.6"), version);
  if (number < 1007000)
    vel_settings_note (
        self, _ ("A1111 %s rounds its noise levels to half precision; here they are exact, and the picture differs a little"), version);
  if (number < 1008000 && vel_recipe_fields_get (self->fields, "Refiner"))
    vel_recipe_fields_set (self->fields, "Refiner switch by sampling steps", "True");
}

/* "First pass size" of versions before 2023: the size of the first pass, where "Size" was that of the result. */
static void
restore_first_pass (VelSettings *self)
{
  const char *width = vel_recipe_fields_get (self->fields, "First pass size-1"),
             *height = vel_recipe_fields_get (self->fields, "First pass size-2");
  g_autofree char *whole = g_strdup (vel_recipe_fields_get (self->fields, "Size"));

  if (!width || !height || !whole || g_str_equal (width, "0") || g_str_equal (height, "0"))
    return;
  vel_recipe_fields_set (self->fields, "Size-1", width);
  vel_recipe_fields_set (self->fields, "Size-2", height);
  vel_recipe_fields_set (self->fields, "Hires resize", whole);
}

/* Civitai's own line has JSON without quotes around it, which A1111's rules would tear apart: it is taken out of the text first.
 * Returns: (transfer full) (nullable) */
static json_t *
cut_resources (char *text)
{
  static const char key[] = "Civitai resources: [";
  char *at = strstr (text, key), *from = at ? at + strlen (key) - 1 : NULL, *to = from;
  g_autofree char *list = NULL;
  int depth = 0;

  for (; to && *to && *to != '\n'; to++)
    if (*to == '[' || *to == '{')
      depth++;
    else if ((*to == ']' || *to == '}') && --depth == 0)
      break;
  if (!to || depth != 0 || !*to || *to == '\n')
    return NULL;
  list = g_strndup (from, to + 1 - from);
  memset (at + strlen ("Civitai resources: "), '1', 1);
  memmove (at + strlen ("Civitai resources: ") + 1, to + 1, strlen (to + 1) + 1);
  return vel_json_tree (list);
}

static void
apply_resources (VelSettings *self, const json_t *resources)
{
  gboolean tagged = strstr (vel_recipe_fields_get (self->fields, "Prompt"), "<lora:") != NULL; /* then by its file's name */
  gsize i;
  json_t *resource;

  json_array_foreach (resources, i, resource)
  {
    const char *type = json_string_value (json_object_get (resource, "type"));
    const char *name = json_string_value (json_object_get (resource, "modelName"));
    double weight = vel_json_real (json_object_get (resource, "weight"), 1);

    if (!type || !name)
      continue;
    if (g_str_equal (type, "checkpoint"))
      vel_settings_set (self, "Model", name);
    else if (!tagged &&
             (g_str_equal (type, "lora") || g_str_equal (type, "lycoris") || g_str_equal (type, "locon") || g_str_equal (type, "dora")))
      vel_settings_add_lora (self, name, weight, weight);
  }
}

/* The setting's loras, "name: weight, other: weight", which Fooocus keeps out of the prompt. */
static void
apply_weights (VelSettings *self, const char *weights)
{
  g_auto (GStrv) pairs = g_strsplit (weights, ", ", 100);

  for (guint i = 0; pairs[i]; i++) {
    char *colon = strrchr (pairs[i], ':');
    double weight = colon ? g_ascii_strtod (colon + 1, NULL) : 1;

    if (colon) {
      *colon = 0;
      vel_settings_add_lora (self, pairs[i], weight, weight);
    }
  }
}

/* Keys of those who write like A1111 but not quite. */
static void
translate (VelSettings *self)
{
  const char *hypernet = vel_recipe_fields_get (self->fields, "Hypernet"), *type = vel_recipe_fields_get (self->fields, "Scheduler");
  const char *weights = vel_recipe_fields_get (self->fields, "Lora weights"), *sampler = vel_recipe_fields_get (self->fields, "Sampler");
  gboolean comfy = g_str_equal (self->program, "ComfyUI") || g_str_equal (self->program, "Fooocus");

  if (hypernet && !g_str_equal (hypernet, "None"))
    vel_settings_note (self, _ ("Hypernetworks, like “%s”, are not supported"), hypernet);
  if (type && !vel_recipe_fields_get (self->fields, "Schedule type"))
    vel_settings_set_schedule (self, type);
  if (weights)
    apply_weights (self, weights);
  if (comfy && sampler) {
    g_autofree char *name = g_strdup (sampler);

    if (type && g_str_has_suffix (name, " Karras"))
      name[strlen (name) - strlen (" Karras")] = 0;
    vel_settings_set_sampler (self, name);
  }
  if (comfy) {
    if (!vel_recipe_fields_get (self->fields, "RNG"))
      vel_settings_set (self, "RNG", "CPU");
    vel_settings_set (self, "Render as", "comfyui");
  }
}

/* A JPEG's comment, for those who have no Exif. Returns: (nullable) borrowed */
static const char *
find_text (GHashTable *text)
{
  const char *found = g_hash_table_lookup (text, VEL_RECIPE_A1111), *comment = g_hash_table_lookup (text, "Comment");

  return found ? found : comment && strstr (comment, "Steps: ") && strstr (comment, "Sampler: ") ? comment : NULL;
}

static gboolean
is_json (const char *text)
{
  json_t *tree = vel_json_tree (text);
  gboolean is = tree != NULL;

  json_decref (tree);
  return is;
}

/* A strength without a second pass is over a picture; one beside the second pass's is, if we wrote it. */
static void
note_start (VelSettings *self)
{
  static const char *const second[] = { "Hires upscale", "Hires upscaler", "Hires resize", "First pass size" };

  gboolean own = vel_recipe_fields_get (self->fields, "Hires strength") && g_str_equal (self->program, "Velatura");

  for (gsize i = 0; i < G_N_ELEMENTS (second) && !own; i++)
    if (vel_recipe_fields_get (self->fields, second[i]))
      return;
  if (vel_recipe_fields_get (self->fields, "Denoising strength"))
    vel_settings_note (self, _ ("The picture it started from is not in the file"));
}

static gboolean
read_texts (VelSettings *self, GHashTable *text)
{
  const char *found = find_text (text), *processed = g_hash_table_lookup (text, "postprocessing");
  g_autofree char *copy = NULL;
  json_t *resources;

  if (!found || is_json (found))
    return FALSE;
  copy = g_strdup (found);
  resources = cut_resources (copy);
  vel_recipe_fields_free (self->fields);
  self->fields = vel_recipe_parse_a1111 (copy);
  self->program = program_of (self->fields, text);
  apply_resources (self, resources);
  json_decref (resources);
  translate (self);
  note_start (self);
  restore_first_pass (self);
  if (g_str_equal (self->program, "A1111"))
    note_old_rules (self);
  if (processed)
    vel_settings_note (self, _ ("The finished picture was worked on further, which is not done here: %s"), processed);
  return TRUE;
}

const VelSettingsProgram vel_settings_a1111 = { "A1111", read_texts };
