/* Fooocus: its own scheme, JSON under "parameters"; before 2.2 the same with the labels of its page under "Comment".
 * SPDX-License-Identifier: Apache-2.0
 *
 * modules/meta_parser.py, FooocusMetadataParser. The scheme "a1111" is a text in A1111's manner and read as one. */
#include "config.h"

#include "engine/formats/settings.h"

#include "engine/formats/json-tree.h"

#include <glib/gi18n-lib.h>
#include <stdio.h>
#include <string.h>

/* A value by its key, else by the label that older versions wrote. */
static const json_t *
find (const json_t *root, const char *key, const char *label)
{
  const json_t *found = json_object_get (root, key);

  return found ? found : json_object_get (root, label);
}

/* The prompt as it was encoded, styles and all: a list of parts. */
static void
set_prompt (VelSettings *self, const json_t *root, const char *key, const char *full, const char *plain, const char *label)
{
  const json_t *parts = json_object_get (root, full);
  g_autoptr (GString) whole = g_string_new (NULL);
  json_t *part;
  gsize i;

  json_array_foreach (parts, i, part)
  {
    if (json_is_string (part))
      g_string_append_printf (whole, "%s%s", whole->len > 0 ? ", " : "", json_string_value (part));
  }
  if (whole->len > 0)
    vel_settings_set (self, key, whole->str);
  else
    vel_settings_set_json (self, key, find (root, plain, label));
  if (json_array_size (parts) > 1)
    /* Translators: Prompt, or Negative prompt */
    vel_settings_note (self, _ ("%s: Fooocus encodes its %u parts, the styles, one by one; here they are one text"), key,
                       (guint) json_array_size (parts));
}

/* "(896, 1152)" */
static void
set_resolution (VelSettings *self, const json_t *value)
{
  const char *text = json_string_value (value);
  guint width, height;

  if (text && sscanf (text, "(%6u, %6u)", &width, &height) == 2) {
    g_autofree char *size = g_strdup_printf ("%ux%u", width, height);

    vel_settings_set (self, "Size", size);
  }
}

/* "name : 0.5", or "True : name : 0.5" */
static void
add_lora (VelSettings *self, const char *text)
{
  g_auto (GStrv) parts = text ? g_strsplit (text, " : ", 3) : NULL;
  guint n = text ? g_strv_length (parts) : 0;

  if (n >= 2 && !(n == 3 && g_str_equal (parts[0], "False")) && !g_str_equal (parts[n - 2], "None")) {
    double weight = g_ascii_strtod (parts[n - 1], NULL);

    vel_settings_add_lora (self, parts[n - 2], weight, weight);
  }
}

static void
add_loras (VelSettings *self, const json_t *root)
{
  json_t *listed = json_object_get (root, "loras"), *lora;
  gsize i;

  if (json_array_size (listed) > 0) {
    json_array_foreach (listed, i, lora)
    {
      const char *name = json_string_value (json_array_get (lora, 0));
      double weight = vel_json_real (json_array_get (lora, 1), 1);

      if (name)
        vel_settings_add_lora (self, name, weight, weight);
    }
    return;
  }
  for (i = 1; i <= 20; i++) {
    g_autofree char *key = g_strdup_printf ("lora_combined_%zu", i), *label = g_strdup_printf ("LoRA %zu", i);

    add_lora (self, json_string_value (find (root, key, label)));
  }
}

static void
note_rest (VelSettings *self, const json_t *root)
{
  static const struct {
    const char *key, *label;
  } rest[] = {
    { "styles", "Styles" },
    { "sharpness", "Sharpness" },
    { "adm_guidance", "ADM Guidance" },
    { "adaptive_cfg", "CFG Mimicking from TSNR" },
    { "freeu", "FreeU" },
    { "inpaint_engine_version", "Inpaint Engine Version" },
    { "inpaint_method", "Inpaint Mode" },
  };
  const char *refiner = json_string_value (find (root, "refiner_model", "Refiner Model"));

  for (gsize i = 0; i < G_N_ELEMENTS (rest); i++) {
    const json_t *value = find (root, rest[i].key, rest[i].label);

    if (value)
      vel_settings_note_missing (self, rest[i].label, value);
  }
  if (refiner && *refiner && !g_str_equal (refiner, "None")) {
    vel_settings_set_file (self, "Refiner", refiner);
    vel_settings_set_json (self, "Refiner switch at", find (root, "refiner_switch", "Refiner Switch"));
  }
}

static void
read_root (VelSettings *self, const json_t *root)
{
  const char *vae = json_string_value (find (root, "vae", "VAE"));

  set_prompt (self, root, "Prompt", "full_prompt", "prompt", "Prompt");
  set_prompt (self, root, "Negative prompt", "full_negative_prompt", "negative_prompt", "Negative Prompt");
  vel_settings_set_json (self, "Steps", find (root, "steps", "Steps"));
  vel_settings_set_sampler (self, json_string_value (find (root, "sampler", "Sampler")));
  vel_settings_set_schedule (self, json_string_value (find (root, "scheduler", "Scheduler")));
  vel_settings_set_json (self, "CFG scale", find (root, "guidance_scale", "Guidance Scale"));
  vel_settings_set_json (self, "Seed", find (root, "seed", "Seed"));
  set_resolution (self, find (root, "resolution", "Resolution"));
  vel_settings_set_json (self, "Model hash", json_object_get (root, "base_model_hash"));
  vel_settings_set_file (self, "Model", json_string_value (find (root, "base_model", "Base Model")));
  if (vae && !g_str_has_prefix (vae, "Default"))
    vel_settings_set_file (self, "VAE", vae);
  vel_settings_set_json (self, "Clip skip", find (root, "clip_skip", "CLIP Skip"));
  vel_settings_set (self, "RNG", "CPU");
  vel_settings_set (self, "Render as", "comfyui"); /* which it is built on */
  add_loras (self, root);
  note_rest (self, root);
  vel_settings_set_json (self, "Version", find (root, "version", "Version"));
}

/* Without a step count, as before 2.2, the performance says it. */
static void
set_usual_steps (VelSettings *self, const json_t *root)
{
  static const struct {
    const char *performance, *steps;
  } usual[] = { { "Quality", "60" }, { "Speed", "30" }, { "Extreme Speed", "8" }, { "Lightning", "4" }, { "Hyper-SD", "4" } };
  const char *performance = json_string_value (find (root, "performance", "Performance"));

  for (gsize i = 0; performance && !vel_recipe_fields_get (self->fields, "Steps") && i < G_N_ELEMENTS (usual); i++)
    if (g_str_equal (usual[i].performance, performance))
      vel_settings_set (self, "Steps", usual[i].steps);
}

static gboolean
read_texts (VelSettings *self, GHashTable *text)
{
  const char *found = g_hash_table_lookup (text, VEL_RECIPE_A1111);
  json_t *root;
  gboolean is;

  if (!found)
    found = g_hash_table_lookup (text, "Comment");
  root = found ? vel_json_tree (found) : NULL;
  is = json_is_object (root) && find (root, "base_model", "Base Model") && find (root, "guidance_scale", "Guidance Scale");
  if (is) {
    read_root (self, root);
    set_usual_steps (self, root);
  }
  json_decref (root);
  return is;
}

const VelSettingsProgram vel_settings_fooocus = { "Fooocus", read_texts };
