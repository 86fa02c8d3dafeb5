/* Easy Diffusion: one PNG keyword per setting, or the same as one JSON object in other containers; in its own names or in those of its
 * page.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/formats/settings.h"

#include "engine/formats/json-tree.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* Where the settings are: an object, or the picture's texts. */
typedef struct {
  const json_t *root; /* (nullable) */
  GHashTable *text;
} Source;

/* Returns: (transfer full) (nullable) */
static char *
get (const Source *self, const char *name, const char *label)
{
  const json_t *value = json_object_get (self->root, name);
  const char *found;

  if (self->root)
    return vel_json_text (value ? value : json_object_get (self->root, label));
  found = g_hash_table_lookup (self->text, name);
  return g_strdup (found ? found : g_hash_table_lookup (self->text, label));
}

static const struct {
  const char *name, *label, *key;
} plain[] = {
  { "prompt", "Prompt", "Prompt" },
  { "negative_prompt", "Negative Prompt", "Negative prompt" },
  { "num_inference_steps", "Steps", "Steps" },
  { "guidance_scale", "Guidance Scale", "CFG scale" },
  { "seed", "Seed", "Seed" },
};

/* Lists are "['a', 'b']" or JSON. A list of one weight for a list of one name is the usual case; several are paired. */
static GStrv
split (const char *text)
{
  g_autofree char *bare = g_strdup (text ? text : "");
  g_auto (GStrv) parts = g_strsplit (g_strdelimit (bare, "[]'\"", ' '), ",", 100);
  g_autoptr (GStrvBuilder) kept = g_strv_builder_new ();

  for (guint i = 0; parts[i]; i++)
    if (*g_strstrip (parts[i]) && !g_str_equal (parts[i], "None"))
      g_strv_builder_add (kept, parts[i]);
  return g_strv_builder_end (kept);
}

static char *
get_list (const Source *self, const char *name, const char *label)
{
  const json_t *value = json_object_get (self->root, name);

  if (self->root && !value)
    value = json_object_get (self->root, label);
  return json_is_array (value) ? vel_json_any_text (value) : get (self, name, label);
}

static void
add_loras (VelSettings *self, const Source *source)
{
  g_autofree char *names = get_list (source, "use_lora_model", "LoRA model"), *weights = get_list (source, "lora_alpha", "LoRA Strength");
  g_auto (GStrv) name = split (names), weight = split (weights);
  guint n = g_strv_length (weight);

  for (guint i = 0; name[i]; i++) {
    double w = i < n ? g_ascii_strtod (weight[i], NULL) : 1;

    vel_settings_add_lora (self, name[i], w, w);
  }
}

static gboolean
is_true (const char *text)
{
  return text && g_ascii_strcasecmp (text, "true") == 0;
}

static gboolean
read_texts (VelSettings *self, GHashTable *text)
{
  const char *found = g_hash_table_lookup (text, VEL_RECIPE_A1111);
  json_t *root = found ? vel_json_tree (found) : NULL;
  const Source source = { root, text };
  g_autofree char *model = get (&source, "use_stable_diffusion_model", "Stable Diffusion model"),
                  *steps = get (&source, "num_inference_steps", "Steps"), *sampler = get (&source, "sampler_name", "Sampler"),
                  *vae = get (&source, "use_vae_model", "VAE model"), *skip = get (&source, "clip_skip", "Clip Skip"),
                  *width = get (&source, "width", "Width"), *height = get (&source, "height", "Height"),
                  *strength = get (&source, "prompt_strength", "Prompt Strength");
  gboolean is = model && steps;

  for (gsize i = 0; is && i < G_N_ELEMENTS (plain); i++) {
    g_autofree char *value = get (&source, plain[i].name, plain[i].label);

    vel_settings_set (self, plain[i].key, value);
  }
  if (is) {
    json_t *w = json_string (width ? width : ""), *h = json_string (height ? height : "");

    vel_settings_set_sampler (self, sampler);
    vel_settings_set_size (self, w, h);
    vel_settings_set_file (self, "Model", model);
    vel_settings_set_file (self, "VAE", vae);
    vel_settings_set (self, "Clip skip", is_true (skip) ? "2" : NULL);
    if (strength) {
      vel_settings_set (self, "Denoising strength", strength);
      vel_settings_note (self, _ ("The picture it started from is not in the file"));
    }
    vel_settings_set (self, "RNG", "CPU");
    add_loras (self, &source);
    json_decref (w);
    json_decref (h);
  }
  json_decref (root);
  return is;
}

const VelSettingsProgram vel_settings_easydiffusion = { "Easy Diffusion", read_texts };
