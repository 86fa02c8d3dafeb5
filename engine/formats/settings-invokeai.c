/* InvokeAI: "invokeai_metadata" since 3.0, "sd-metadata" of 2.x, and the command line of 1.x under "Dream".
 * SPDX-License-Identifier: Apache-2.0
 *
 * invokeai/app/invocations/metadata.py, CoreMetadataInvocation; ldm/invoke/args.py, metadata_dumps and dream_prompt_str. */
#include "config.h"

#include "engine/formats/settings.h"

#include "engine/formats/json-tree.h"
#include "engine/registry.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* Its names of samplers that no other program has; "_k" at the end is Karras' schedule. */
static const struct {
  const char *theirs, *ours;
} samplers[] = {
  { "pndm", "plms" },        { "kdpm_2", "dpm2" },        { "kdpm_2_a", "dpm2_a" },        { "k_dpm_2", "dpm2" },
  { "k_dpm_2_a", "dpm2_a" }, { "k_dpmpp_2", "dpmpp_2m" }, { "k_dpmpp_2_a", "dpmpp_2s_a" }, { "dpmpp_2s", "dpmpp_2s" },
};

static void
set_scheduler (VelSettings *self, const char *name)
{
  g_autofree char *head = g_strdup (name);
  gboolean karras = head && g_str_has_suffix (head, "_k");

  if (!head)
    return;
  if (karras)
    head[strlen (head) - 2] = 0;
  for (gsize i = 0; i < G_N_ELEMENTS (samplers); i++)
    if (g_str_equal (head, samplers[i].theirs)) {
      g_free (head);
      head = g_strdup (samplers[i].ours);
    }
  if (g_str_equal (head, "dpmpp_2s")) /* not ancestral, and nobody else's */
    vel_settings_set (self, "Sampler", head);
  else
    vel_settings_set_sampler (self, head);
  vel_settings_set_schedule (self, karras ? "karras" : "normal");
}

/* "fox++", "(fox)1.3" and ".and()" are its own language, compel. */
static void
note_weights (VelSettings *self, const char *prompt)
{
  static GRegex *weights;

  if (g_once_init_enter (&weights)) {
    GRegex *made =
        g_regex_new ("[\\w)\"]([+]+|-{2,})([\\s,).]|$)|\\)-([\\s,).]|$)|\\)[0-9.]|\\.(and|blend|swap)\\s*\\(", G_REGEX_OPTIMIZE, 0, NULL);

    g_once_init_leave (&weights, made);
  }
  if (prompt && g_regex_match (weights, prompt, 0, NULL))
    vel_settings_note (self, _ ("The prompt has weights in InvokeAI's way, like “word++”, which are plain text here: write (word:1.21)"));
}

/* Of several versions the model is {"name"}, {"model_name"} or text. */
static const char *
name_of (const json_t *model)
{
  const char *name = json_string_value (model);

  if (!name)
    name = json_string_value (json_object_get (model, "name"));
  return name ? name : json_string_value (json_object_get (model, "model_name"));
}

static void
add_loras (VelSettings *self, const json_t *loras)
{
  json_t *lora;
  gsize i;

  json_array_foreach (loras, i, lora)
  {
    const json_t *model = json_object_get (lora, "model");
    const char *name = name_of (model ? model : json_object_get (lora, "lora"));
    double weight = vel_json_real (json_object_get (lora, "weight"), 1);

    if (name)
      vel_settings_add_lora (self, name, weight, weight);
  }
}

/* Lists of what was used beside the model, each with a model of its own. */
static void
note_helpers (VelSettings *self, const json_t *root)
{
  static const struct {
    const char *key, *model, *label;
  } helpers[] = {
    { "controlnets", "control_model", "ControlNet" },
    { "ipAdapters", "ip_adapter_model", "IP-Adapter" },
    { "t2iAdapters", "t2i_adapter_model", "T2I-Adapter" },
  };
  gsize i, k;
  json_t *helper;

  for (k = 0; k < G_N_ELEMENTS (helpers); k++)
    json_array_foreach (json_object_get (root, helpers[k].key), i, helper)
    {
      const char *name = name_of (json_object_get (helper, helpers[k].model));

      vel_settings_note (self, _ ("%s “%s” is not taken over: its picture is not in the file"), helpers[k].label, name ? name : "");
    }
}

static void
note_rest (VelSettings *self, const json_t *root)
{
  const json_t *canvas = json_object_get (root, "canvas_v2_metadata");
  static const char *const keys[] = { "cfg_rescale_multiplier", "hrf_enabled", "positive_style_prompt",
                                      "negative_style_prompt",  "refiner_model" };

  if (json_is_true (json_object_get (root, "seamless_x")))
    vel_settings_set (self, "Tile X", "True");
  if (json_is_true (json_object_get (root, "seamless_y")))
    vel_settings_set (self, "Tile Y", "True");
  note_helpers (self, root);
  for (gsize i = 0; i < G_N_ELEMENTS (keys); i++) {
    const json_t *value = json_object_get (root, keys[i]);
    const char *text = json_string_value (value);

    if ((text && *text) || json_is_true (value) || json_is_object (value) || json_number_value (value) != 0)
      vel_settings_note_missing (self, keys[i], json_is_object (value) && name_of (value) ? json_object_get (value, "name") : value);
  }
  if (json_object_get (root, "init_image"))
    vel_settings_note (self, _ ("The picture it started from is not in the file"));
  if (json_array_size (json_object_get (root, "ref_images")) > 0 || json_array_size (json_object_get (canvas, "controlLayers")) > 0 ||
      json_array_size (json_object_get (canvas, "referenceImages")) > 0)
    vel_settings_note (self, _ ("The pictures it was guided by are not in the file"));
}

static gboolean
read_metadata (VelSettings *self, const json_t *root)
{
  const char *device = json_string_value (json_object_get (root, "rand_device"));
  const json_t *skip = json_object_get (root, "clip_skip"), *vae = json_object_get (root, "vae");
  double skipped = vel_json_real (skip, 0);

  if (!json_object_get (root, "positive_prompt") && !json_object_get (root, "scheduler") && !json_object_get (root, "generation_mode"))
    return FALSE;
  vel_settings_set_json (self, "Prompt", json_object_get (root, "positive_prompt"));
  vel_settings_set_json (self, "Negative prompt", json_object_get (root, "negative_prompt"));
  vel_settings_set_json (self, "Steps", json_object_get (root, "steps"));
  set_scheduler (self, json_string_value (json_object_get (root, "scheduler")));
  vel_settings_set_json (self, "CFG scale", json_object_get (root, "cfg_scale"));
  vel_settings_set_json (self, "Seed", json_object_get (root, "seed"));
  vel_settings_set_size (self, json_object_get (root, "width"), json_object_get (root, "height"));
  vel_settings_set_file (self, "Model", name_of (json_object_get (root, "model")));
  vel_settings_set_file (self, "VAE", vae ? name_of (vae) : NULL);
  if (json_object_get (root, "init_image"))
    vel_settings_set_json (self, "Denoising strength", json_object_get (root, "strength"));
  if (skipped >= 1 && skipped < 100) {
    g_autofree char *layers = g_strdup_printf ("%.0f", skipped + 1); /* it counts those that are left out */

    vel_settings_set (self, "Clip skip", layers);
  }
  vel_settings_set (self, "RNG", device && !g_str_equal (device, "cpu") ? "NV" : "CPU");
  add_loras (self, json_object_get (root, "loras"));
  note_weights (self, vel_recipe_fields_get (self->fields, "Prompt"));
  note_weights (self, vel_recipe_fields_get (self->fields, "Negative prompt"));
  note_rest (self, root);
  vel_settings_set_json (self, "Version", json_object_get (root, "app_version"));
  return TRUE;
}

/* In old prompts what stands in square brackets is the negative prompt, wherever it stands. */
static void
split_prompt (VelSettings *self, const char *prompt)
{
  g_autoptr (GString) positive = g_string_new (NULL), negative = g_string_new (NULL);
  GString *out = positive;

  for (; *prompt; prompt++)
    if (*prompt == '[' && out == positive) {
      out = negative;
      if (negative->len > 0)
        g_string_append (negative, ", ");
    } else if (*prompt == ']' && out == negative)
      out = positive;
    else
      g_string_append_c (out, *prompt);
  vel_settings_set (self, "Prompt", g_strstrip (positive->str));
  vel_settings_set (self, "Negative prompt", g_strstrip (negative->str));
}

/* The letters of the old command line. */
static const struct {
  const char *option, *key;
} options[] = { { "-s", "Steps" }, { "-S", "Seed" }, { "-C", "CFG scale" }, { "-f", "Denoising strength" } };

static gboolean
read_dream (VelSettings *self, const char *text)
{
  const char *close = *text == '"' ? strrchr (text + 1, '"') : NULL, *width = NULL, *height = NULL, *sampler = "k_lms";
  g_autofree char *prompt = close ? g_strndup (text + 1, close - text - 1) : NULL;
  g_auto (GStrv) words = close ? g_strsplit_set (close + 1, " \t", 200) : NULL;

  if (!close)
    return FALSE;
  split_prompt (self, prompt);
  for (guint i = 0; words[i] && words[i + 1]; i++) {
    for (gsize k = 0; k < G_N_ELEMENTS (options); k++)
      if (g_str_equal (words[i], options[k].option))
        vel_settings_set (self, options[k].key, words[i + 1]);
    if (g_str_equal (words[i], "-A"))
      sampler = words[i + 1];
    else if (g_str_equal (words[i], "-W"))
      width = words[i + 1];
    else if (g_str_equal (words[i], "-H"))
      height = words[i + 1];
    else if (g_str_equal (words[i], "-G") || g_str_equal (words[i], "-U"))
      vel_settings_note (self, _ ("The finished picture was worked on further, which is not done here: %s"), words[i + 1]);
  }
  set_scheduler (self, sampler);
  if (width && height) {
    g_autofree char *size = g_strdup_printf ("%.6sx%.6s", width, height);

    vel_settings_set (self, "Size", size);
  }
  vel_settings_set (self, "RNG", "NV");
  return TRUE;
}

static gboolean
read_old (VelSettings *self, const json_t *root)
{
  const json_t *image = json_object_get (root, "image"), *prompt = json_object_get (image, "prompt"), *step;
  const char *hash = json_string_value (json_object_get (root, "model_hash"));
  gsize i;

  if (!json_is_object (image))
    return FALSE;
  if (json_is_array (prompt))
    prompt = json_object_get (json_array_get (prompt, 0), "prompt");
  split_prompt (self, json_is_string (prompt) ? json_string_value (prompt) : "");
  vel_settings_set_json (self, "Steps", json_object_get (image, "steps"));
  set_scheduler (self, json_string_value (json_object_get (image, "sampler")));
  vel_settings_set_json (self, "CFG scale", json_object_get (image, "cfg_scale"));
  vel_settings_set_json (self, "Seed", json_object_get (image, "seed"));
  vel_settings_set_size (self, json_object_get (image, "width"), json_object_get (image, "height"));
  if (hash && strlen (hash) == 64) {
    g_autofree char *short_hash = g_strndup (hash, 10);

    vel_settings_set (self, "Model hash", short_hash);
  }
  vel_settings_set_file (self, "Model", json_string_value (json_object_get (root, "model_weights")));
  vel_settings_set (self, "RNG", "NV");
  json_array_foreach (json_object_get (image, "postprocessing"), i, step)
  {
    const char *type = json_string_value (json_object_get (step, "type"));

    vel_settings_note (self, _ ("The finished picture was worked on further, which is not done here: %s"), type ? type : "");
  }
  for (i = 0; i < 2; i++)
    if (vel_json_real (json_object_get (image, i ? "perlin" : "threshold"), 0) != 0)
      vel_settings_note_missing (self, i ? "perlin" : "threshold", json_object_get (image, i ? "perlin" : "threshold"));
  vel_settings_set_json (self, "Version", json_object_get (root, "app_version"));
  return TRUE;
}

/* invokeai/app/invocations/denoise_latents.py: the noise of steps has the seed with all its bits turned over. */
static void
note_step_noise (VelSettings *self)
{
  const char *name = vel_recipe_fields_get (self->fields, "Sampler");
  const VelSampler *sampler = name ? vel_registry_find_sampler (name) : NULL;

  if (sampler && sampler->flags & VEL_SAMPLER_ANCESTRAL)
    vel_settings_note (self, _ ("InvokeAI draws the noise of the sampler's steps from another seed; here it goes on with the picture's"));
}

static gboolean
read_texts (VelSettings *self, GHashTable *text)
{
  const char *metadata = g_hash_table_lookup (text, "invokeai_metadata"), *old = g_hash_table_lookup (text, "sd-metadata");
  const char *dream = g_hash_table_lookup (text, "Dream");
  json_t *root = metadata ? vel_json_tree (metadata) : NULL;
  gboolean is = root && read_metadata (self, root);

  json_decref (root);
  root = !is && old ? vel_json_tree (old) : NULL;
  is = is || (root && read_old (self, root));
  json_decref (root);
  is = is || (dream && read_dream (self, dream));
  if (is) {
    vel_settings_set (self, "Render as", "diffusers");
    note_step_noise (self);
  }
  return is;
}

const VelSettingsProgram vel_settings_invokeai = { "InvokeAI", read_texts };
