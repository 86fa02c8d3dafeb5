/* A1111's keys become our options.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/formats/recipe.h"

#include "engine/formats/recipe-control.h"
#include "engine/formats/recipe-parts.h"
#include "engine/formats/recipe-spelling.h"
#include "engine/formats/shown.h"
#include "engine/registry.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAX_PROBLEMS 200
#define MAX_TOLD 1000 /* bytes of one sentence */

/* Keys that are one of our options each, and are read as they stand. An option that this build does not have makes a note. */
static const struct {
  const char *key, *name;
} plain_keys[] = {
  { "Prompt", "prompt" },
  { "Negative prompt", "negative" },
  { "Steps", "steps" },
  { "CFG scale", "cfg" },
  { "Image CFG scale", "image_cfg" },
  { "Seed", "seed" },
  { "Size-1", "width" },
  { "Size-2", "height" },
  { "Model", "model" },
  { "Refiner", "refiner" },
  { "Refiner switch at", "refiner_at" },
  { "Prediction", "prediction" },
  { "Denoising strength", "strength" },
  { "Clip skip", "clip_skip" },
  { "Hires upscale", "hires" },
  { "Hires resize", "hires_resize" },
  { "Hires upscaler", "hires_upscaler" },
  { "Hires steps", "hires_steps" },
  { "Hires strength", "hires_strength" }, /* SD.Next's */
  { "Hires sampler", "hires_sampler" },
  { "Hires schedule type", "hires_schedule" },
  { "Hires prompt", "hires_prompt" },
  { "Hires negative prompt", "hires_negative" },
  { "Mask mode", "mask_invert" },
  { "Mask blur", "mask_blur" },
  { "Masked content", "fill" },
  { "Inpaint area", "inpaint_area" },
  { "Masked area padding", "masked_padding" },
  { "Conditional mask weight", "mask_weight" },
  { "Noise multiplier", "noise_multiplier" },
  { "Extra noise", "extra_noise" },
  { "Outpaint left", "outpaint_left" },
  { "Outpaint right", "outpaint_right" },
  { "Outpaint top", "outpaint_top" },
  { "Outpaint bottom", "outpaint_bottom" },
  { "Soft inpainting enabled", "soft_inpainting" },
  { "Soft inpainting schedule bias", "soft_bias" },
  { "Soft inpainting preservation strength", "soft_preservation" },
  { "Soft inpainting transition contrast boost", "soft_boost" },
  { "Soft inpainting mask influence", "soft_influence" },
  { "Soft inpainting difference threshold", "soft_threshold" },
  { "Soft inpainting difference contrast", "soft_contrast" },
  { "Variation seed", "variation_seed" },
  { "Variation seed strength", "variation_strength" },
  { "Seed resize from", "seed_resize" },
  { "Variation strength", "variation_strength" }, /* SD.Next's words for two of these */
  { "Sampler eta delta", "ensd" },
  { "ENSD", "ensd" },
  { "Eta", "eta" },
  { "Eta DDIM", "eta" },
  { "Sigma churn", "s_churn" },
  { "Sigma tmin", "s_tmin" },
  { "Sigma tmax", "s_tmax" },
  { "Sigma noise", "s_noise" },
  { "Schedule rho", "rho" },
  { "Schedule min sigma", "sigma_min" },
  { "Schedule max sigma", "sigma_max" },
  { "Beta schedule alpha", "beta_alpha" },
  { "Beta schedule beta", "beta_beta" },
  { "Discard penultimate sigma", "discard_penultimate" },
  { "SGM noise multiplier", "sgm_noise" },
  { "UniPC variant", "unipc_variant" },
  { "UniPC order", "unipc_order" },
  { "UniPC lower order final", "unipc_lower_order_final" },
  { "Render as", "render_as" },
  { "Tiling", "tiling" },
  { "Old prompt editing timelines", "old_timelines" },
};

/* What says nothing about how to make the picture again, or is handled by name below. */
static const char *const silent_keys[] = {
  "Sampler",
  "Schedule type",
  "Refiner switch by sampling steps",
  "UniPC skip type",
  "RNG",
  "Tile X",
  "Tile Y",
  "Emphasis",
  "Size",
  "Model hash",
  "VAE hash",
  "Lora hashes",
  "TI hashes",
  "Version",
  "User",
  "Batch size",
  "Batch pos",
  "Init image hash",
  "Hashes",
  "Civitai resources",
  "Civitai metadata",
  "Created Date",
  "App",
  "Pipeline",
  "Operations",
  "Backend",
  "Parser",
  "Template",
  "Negative Template",
  "Lora weights",
  "Raw prompt",
  "Raw negative prompt",
  "Source",
  "Batch",
  "Index",
  "Comment",
  NULL,
};

/* Values that mean what is done here anyway. */
static const struct {
  const char *key, *value;
} usual[] = {
  { "VAE Encoder", "Full" },
  { "VAE Decoder", "Full" },
  { "FP8 weight", "Disable" },
  { "Tiling", "False" },
  { "Eta", "None" },
  { "Face restoration", "None" },
  { "Hypernet", "None" },
  { "Noise multiplier", "1" },
  { "Noise multiplier", "1.0" },
  { "Conditional mask weight", "1" },
  { "Conditional mask weight", "1.0" },
  { "Variation seed strength", "0" },
  { "Token merging ratio", "0" },
  { "NGMS", "0" },
  { "Diffusion in Low Bits", "Automatic" },
  { "Batch count", "1" },
  { "Schedule rho", "0" },
  { "Schedule min sigma", "0" },
  { "Schedule max sigma", "0" },
};

static void G_GNUC_PRINTF (2, 3) add_problem (GPtrArray *problems, const char *format, ...)
{
  va_list arguments;

  if (problems->len >= MAX_PROBLEMS)
    return;
  va_start (arguments, format);
  g_ptr_array_add (problems, g_strdup_vprintf (format, arguments));
  va_end (arguments);
}

/* A value that does not fit leaves the default and a sentence. */
static gboolean
try_set (VelValues *request, const char *name, const char *text, GPtrArray *problems)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *trimmed = g_strstrip (g_strdup (text));
  const VelParam *row = vel_values_find (request, name);

  if (row && vel_values_set (request, name, row->type == VEL_PARAM_TEXT ? text : trimmed, &error))
    return TRUE;
  if (!row)
    return FALSE;
  add_problem (problems, "%s", error->message);
  return FALSE;
}

/* Before 1.9 A1111 wrote both in one: "DPM++ 2M SDE Karras", "DPM++ 2M SGM Uniform". schedule: set to the last words if they are one. */
static const VelSampler *
find_sampler (const char *label, const char **schedule)
{
  g_autofree char *head = g_strstrip (g_strdup (label));
  const VelSampler *sampler = vel_registry_find_sampler (head);
  char *cut = head + strlen (head);

  for (int words = 0; !sampler && words < 2; words++) {
    while (cut > head && cut[-1] != ' ')
      cut--;
    if (cut == head)
      break;
    if (vel_registry_find_schedule (cut)) {
      *schedule = vel_registry_find_schedule (cut)->id;
      cut[-1] = 0;
      sampler = vel_registry_find_sampler (head);
      cut[-1] = ' '; /* "Uniform" is a schedule too, and "SGM Uniform" another */
    }
    cut--;
  }
  return sampler;
}

static void
apply_sampler (const VelRecipeFields *fields, VelValues *request, GPtrArray *problems)
{
  const char *label = vel_recipe_fields_get (fields, "Sampler"), *type = vel_recipe_fields_get (fields, "Schedule type");
  const char *schedule = NULL;
  const VelSampler *sampler = label ? find_sampler (label, &schedule) : NULL;
  g_autofree char *shown = vel_shown (label ? label : "");

  if (sampler)
    try_set (request, "sampler", sampler->id, problems);
  else if (label)
    add_problem (problems, _ ("The sampler “%s” is not available here; %s is used instead"), shown, vel_values_get (request, "sampler"));
  if (schedule)
    try_set (request, "schedule", schedule, problems);
  if (type)
    try_set (request, "schedule", type, problems);
  if (type && g_ascii_strcasecmp (type, "Uniform") == 0) { /* A1111 writes them, but it is the plain table, which they do not change */
    vel_values_set (request, "sigma_min", NULL, NULL);
    vel_values_set (request, "sigma_max", NULL, NULL);
  }
}

/* A1111's and Forge's UniPC, known by their versions, goes over timesteps of its own, whatever schedule they name; so does ours that says
 * which. */
static void
apply_unipc (const VelRecipeFields *fields, VelValues *request, GPtrArray *problems)
{
  const char *version = vel_recipe_fields_get (fields, "Version"), *skip_type = vel_recipe_fields_get (fields, "UniPC skip type");
  gboolean theirs = version && (*version == 'v' || *version == 'f') && g_ascii_isdigit (version[1]);

  if (!g_str_equal (vel_values_get (request, "sampler"), "unipc") || (!theirs && !skip_type))
    return;
  try_set (request, "sampler", "unipc_original", problems);
  try_set (request, "schedule", skip_type ? vel_recipe_our_spelling ("unipc_skip_type", skip_type) : "automatic", problems);
}

/* standard: what a missing key means. */
static void
apply_spelled (const VelRecipeFields *fields, const char *key, const char *standard, const char *name, VelValues *request,
               GPtrArray *problems)
{
  const char *found = vel_recipe_fields_get (fields, key);

  try_set (request, name, vel_recipe_our_spelling (name, found ? found : standard), problems);
}

static gboolean
is_usual (const char *key, const char *value)
{
  for (gsize i = 0; i < G_N_ELEMENTS (usual); i++)
    if (g_str_equal (usual[i].key, key) && g_ascii_strcasecmp (usual[i].value, value) == 0)
      return TRUE;
  return FALSE;
}

static gboolean
is_silent (const char *key)
{
  gsize n = strlen (key);

  return g_strv_contains (silent_keys, key) || vel_recipe_is_part_key (key) || (n > 2 && (g_str_has_suffix (key, "-1") || g_str_has_suffix (key, "-2")));
}

/* The one strength that A1111 writes is the second pass's where there is one. */
static gboolean
has_one_strength (const VelRecipeFields *fields)
{
  return !vel_recipe_fields_get (fields, "Hires strength") &&
         (vel_recipe_fields_get (fields, "Hires upscale") || vel_recipe_fields_get (fields, "Hires upscaler") ||
          vel_recipe_fields_get (fields, "Hires resize"));
}

/* Returns: (nullable): our option for a key, where this build has it */
static const char *
option_of (const VelRecipeFields *fields, const char *key, VelValues *request)
{
  for (gsize i = 0; i < G_N_ELEMENTS (plain_keys); i++)
    if (g_str_equal (plain_keys[i].key, key)) {
      const char *name = plain_keys[i].name;

      if (g_str_equal (name, "strength") && has_one_strength (fields))
        name = "hires_strength";
      return vel_values_find (request, name) ? name : NULL;
    }
  return NULL;
}

/* One sentence for what has no option here; keys of one extension, which begin with the same word, share it. done: keys told already. */
static void
tell_missing (const VelRecipeFields *fields, guint first, VelValues *request, GHashTable *done, GPtrArray *problems)
{
  gsize n = strcspn (fields->keys[first], " ") + 1;
  g_autofree char *word = g_strndup (fields->keys[first], n);
  g_autoptr (GString) all = g_string_new (NULL);
  guint count = 0;

  for (guint i = first; fields->keys[i]; i++) {
    const char *key = fields->keys[i];

    if ((i > first && !g_str_has_prefix (key, word)) || option_of (fields, key, request) || is_silent (key) || vel_recipe_control_is_key (key) ||
        is_usual (key, fields->values[i]))
      continue;
    g_hash_table_add (done, (char *) key);
    count++;
    if (all->len < MAX_TOLD) {
      g_autofree char *shown = vel_shown (fields->values[i]), *shown_key = vel_shown (key);

      g_string_append_printf (all, "%s%s: %s", all->len > 0 ? ", " : "", shown_key, shown);
    } else if (!g_str_has_suffix (all->str, "…"))
      g_string_append (all, ", …");
  }
  if (count == 1)
    /* Translators: a setting's name and value */
    add_problem (problems, _ ("“%s” is not taken over: there is no such option here"), all->str);
  else
    /* Translators: several settings, names and values */
    add_problem (problems, _ ("“%s” are not taken over: there are no such options here"), all->str);
}

static void
apply_rest (const VelRecipeFields *fields, guint i, VelValues *request, GHashTable *done, GPtrArray *problems)
{
  const char *key = fields->keys[i];

  if (is_silent (key) || is_usual (key, fields->values[i]) || g_hash_table_contains (done, key))
    return;
  if (vel_recipe_control_is_key (key)) {
    g_autofree char *sentence = vel_recipe_control_explain (key, fields->values[i]);

    add_problem (problems, "%s", sentence);
  } else {
    tell_missing (fields, i, request, done, problems);
  }
}

/* A refiner is named with its hash behind it, "sd_xl_refiner_1.0 [7440042bbd]". */
static void
apply_option (VelValues *request, const char *option, const char *value, GPtrArray *problems)
{
  g_autofree char *name = g_strdup (value);
  char *hash = g_str_equal (option, "refiner") ? strstr (name, " [") : NULL;

  if (hash && g_str_has_suffix (hash, "]"))
    *hash = '\0';
  try_set (request, option, vel_recipe_our_spelling (option, name), problems);
}

/* Where A1111 hands over by steps, "Refiner switch at" is a share of those. */
static void
apply_refiner (const VelRecipeFields *self, VelValues *request)
{
  const char *by_steps = vel_recipe_fields_get (self, "Refiner switch by sampling steps");
  guint steps = vel_recipe_count_refined_steps (request);

  if (!by_steps || g_ascii_strcasecmp (by_steps, "True") != 0 || !vel_values_is_set (request, "refiner"))
    return;
  vel_values_set_int (request, "refiner_step", MAX (1, (gint64) ceil (vel_values_get_real (request, "refiner_at") * steps - 1e-9)));
  vel_values_set (request, "refiner_at", NULL, NULL);
}

/* Single axes, as the extension "Asymmetric tiling" names them. */
static void
apply_tiling (const VelRecipeFields *self, VelValues *request)
{
  const char *x = vel_recipe_fields_get (self, "Tile X"), *y = vel_recipe_fields_get (self, "Tile Y");
  gboolean is_x = x && g_ascii_strcasecmp (x, "True") == 0, is_y = y && g_ascii_strcasecmp (y, "True") == 0;

  if (!is_x && !is_y)
    return;
  vel_values_set (request, "tiling", "true", NULL);
  if (is_x != is_y)
    vel_values_set (request, "tiling_axes", is_x ? "x" : "y", NULL);
}

/* A1111's own backcompat: what was made before 1.6 and changes with the steps had other times. */
static void
apply_age (const VelRecipeFields *self, VelValues *request)
{
  const char *version = vel_recipe_fields_get (self, "Version");
  unsigned major, minor;

  if (version && sscanf (version, "v%u.%u.", &major, &minor) == 2 && major == 1 && minor < 6 && strchr (vel_values_get (request, "prompt"), '['))
    vel_values_set (request, "old_timelines", "true", NULL);
}

void
vel_recipe_fields_apply_with (const VelRecipeFields *self, VelValues *request, GPtrArray *parts, GPtrArray *problems)
{
  g_autoptr (GHashTable) done = g_hash_table_new (g_str_hash, g_str_equal);

  vel_values_reset (request);
  for (guint i = 0; self->keys[i]; i++) {
    const char *option = option_of (self, self->keys[i], request);

    if (option && !is_usual (self->keys[i], self->values[i]))
      apply_option (request, option, self->values[i], problems);
    else if (!option)
      apply_rest (self, i, request, done, problems);
  }
  vel_recipe_apply_parts (self, request, parts, problems);
  if (!vel_recipe_fields_get (self, "Steps") && !vel_recipe_fields_get (self, "Seed"))
    return; /* all prompt */
  apply_sampler (self, request, problems);
  apply_unipc (self, request, problems);
  apply_spelled (self, "RNG", "GPU", "rng", request, problems);
  apply_spelled (self, "Emphasis", "Original", "emphasis", request, problems);
  apply_tiling (self, request);
  apply_age (self, request);
  apply_refiner (self, request);
}

void
vel_recipe_fields_apply (const VelRecipeFields *self, VelValues *request, GPtrArray *problems)
{
  vel_recipe_fields_apply_with (self, request, NULL, problems);
}
