/* SwarmUI: JSON under "parameters", {"sui_image_params": {…}, "sui_models": […]}.  SPDX-License-Identifier: Apache-2.0
 *
 * Its documentation, "Image Metadata Format": no key is ever there for sure, and numbers may be strings. It paints with ComfyUI. */
#include "config.h"

#include "engine/formats/settings.h"

#include "engine/formats/json-tree.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* What is read by name below or says nothing about the picture. */
static const char *const known[] = {
  "prompt",
  "negativeprompt",
  "model",
  "seed",
  "steps",
  "cfgscale",
  "width",
  "height",
  "aspectratio",
  "sampler",
  "scheduler",
  "comfyuisampler",
  "comfyuischeduler",
  "autowebuisampler",
  "automaticvae",
  "vae",
  "clipstopatlayer",
  "loras",
  "loraweights",
  "loratencweights",
  "swarm_version",
  "date",
  "generation_time",
  "images",
  "nopreviews",
  "donotsave",
  "personalnote",
  "batchsize",
  "debugregionalprompting",
  "presets",
  "resolution",
  "sidelength",
  "initimagecreativity",
  "initimage",
  NULL,
};

static const json_t *
either (const json_t *object, const char *first, const char *second)
{
  const json_t *found = json_object_get (object, first);

  return found ? found : json_object_get (object, second);
}

/* Lists are JSON lists, or text with commas. Returns: (transfer full) */
static GStrv
list (const json_t *value)
{
  g_autoptr (GStrvBuilder) items = g_strv_builder_new ();
  json_t *item;
  gsize i;

  if (json_is_string (value))
    return g_strsplit (json_string_value (value), ",", 100);
  json_array_foreach (value, i, item)
  {
    g_autofree char *text = vel_json_text (item);

    if (text && i < 100)
      g_strv_builder_add (items, text);
  }
  return g_strv_builder_end (items);
}

static void
add_loras (VelSettings *self, const json_t *params)
{
  g_auto (GStrv) names = list (json_object_get (params, "loras")), weights = list (json_object_get (params, "loraweights"));
  g_auto (GStrv) text_weights = list (json_object_get (params, "loratencweights"));
  guint n_weights = g_strv_length (weights), n_text = g_strv_length (text_weights);

  for (guint i = 0; names[i]; i++) {
    double weight = i < n_weights ? g_ascii_strtod (weights[i], NULL) : 1;
    double text = i < n_text ? g_ascii_strtod (text_weights[i], NULL) : weight;

    if (*g_strstrip (names[i]))
      vel_settings_add_lora (self, names[i], weight, text);
  }
}

/* "0x" and 64 digits over the tensors alone: its first twelve are AutoV3. */
static void
set_model_hash (VelSettings *self, const json_t *models)
{
  json_t *model;
  gsize i;

  json_array_foreach (models, i, model)
  {
    const char *param = json_string_value (json_object_get (model, "param")), *hash = json_string_value (json_object_get (model, "hash"));

    if (param && hash && g_str_equal (param, "model") && g_str_has_prefix (hash, "0x") && strlen (hash) >= 14) {
      g_autofree char *short_hash = g_strndup (hash + 2, 12);

      vel_settings_set (self, "Model hash", short_hash);
    }
  }
}

static void
note_rest (VelSettings *self, const json_t *params)
{
  const char *key;
  json_t *value;

  json_object_foreach ((json_t *) params, key, value)
  {
    if (!g_strv_contains (known, key))
      vel_settings_note_missing (self, key, value);
  }
  if (json_object_get (params, "initimage"))
    vel_settings_note (self, _ ("The picture it started from is not in the file"));
  if (strstr (vel_recipe_fields_get (self->fields, "Prompt"), "<segment:") ||
      strstr (vel_recipe_fields_get (self->fields, "Prompt"), "<object:"))
    vel_settings_note (self, _ ("The prompt has parts for regions, which are not painted apart here"));
}

static gboolean
read_texts (VelSettings *self, GHashTable *text)
{
  const char *found = g_hash_table_lookup (text, VEL_RECIPE_A1111);
  json_t *root = found ? vel_json_tree (found) : NULL;
  const json_t *params = json_object_get (root, "sui_image_params"), *skip = json_object_get (params, "clipstopatlayer");

  if (!json_is_object (params)) {
    json_decref (root);
    return FALSE;
  }
  vel_settings_set_json (self, "Prompt", json_object_get (params, "prompt"));
  vel_settings_set_json (self, "Negative prompt", json_object_get (params, "negativeprompt"));
  vel_settings_set_json (self, "Steps", json_object_get (params, "steps"));
  vel_settings_set_sampler (self, json_string_value (either (params, "sampler", "comfyuisampler")));
  if (!vel_recipe_fields_get (self->fields, "Sampler"))
    vel_settings_set_sampler (self, json_string_value (json_object_get (params, "autowebuisampler")));
  if (!vel_recipe_fields_get (self->fields, "Sampler"))
    vel_settings_set_sampler (self, "euler"); /* SwarmUI's own for Stable Diffusion */
  vel_settings_set_schedule (self, json_string_value (either (params, "scheduler", "comfyuischeduler")));
  if (!vel_recipe_fields_get (self->fields, "Schedule type"))
    vel_settings_set_schedule (self, "normal");
  vel_settings_set_json (self, "CFG scale", json_object_get (params, "cfgscale"));
  vel_settings_set_json (self, "Seed", json_object_get (params, "seed"));
  vel_settings_set_size (self, json_object_get (params, "width"), json_object_get (params, "height"));
  set_model_hash (self, json_object_get (root, "sui_models"));
  vel_settings_set_file (self, "Model", json_string_value (json_object_get (params, "model")));
  vel_settings_set_file (self, "VAE", json_string_value (json_object_get (params, "vae")));
  if (json_object_get (params, "initimage"))
    vel_settings_set_json (self, "Denoising strength", json_object_get (params, "initimagecreativity"));
  if (skip && vel_json_real (skip, 0) <= -1) {
    g_autofree char *layers = g_strdup_printf ("%.0f", MIN (-vel_json_real (skip, -1), 100));

    vel_settings_set (self, "Clip skip", layers);
  }
  vel_settings_set (self, "RNG", "CPU");
  vel_settings_set (self, "Render as", "comfyui");
  add_loras (self, params);
  note_rest (self, params);
  vel_settings_set_json (self, "Version", json_object_get (params, "swarm_version"));
  json_decref (root);
  return TRUE;
}

const VelSettingsProgram vel_settings_swarmui = { "SwarmUI", read_texts };
