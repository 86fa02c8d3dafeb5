/* Settings as text: A1111's line, key for key as its 1.10 writes it.  SPDX-License-Identifier: Apache-2.0
 *
 * modules/processing.py, create_infotext; modules/sd_samplers_common.py, Sampler.initialize, for the keys of samplers. */
#include "engine/formats/recipe.h"

#include "engine/formats/recipe-asked.h"
#include "engine/formats/recipe-control.h"
#include "engine/formats/recipe-spelling.h"
#include "engine/formats/settings.h"
#include "engine/registry.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* value: (nullable) then nothing is written */
static void
append_pair (GString *out, const char *key, const char *value)
{
  g_autofree char *quoted = value && *value ? vel_recipe_quote (value) : NULL;

  if (quoted)
    g_string_append_printf (out, "%s%s: %s", out->len > 0 ? ", " : "", key, quoted);
}

/* A1111's UniPC is another one than ours of that name. */
static const char *
sampler_label (const VelSampler *sampler)
{
  const char *theirs = vel_recipe_their_spelling ("sampler", sampler->id);

  return theirs != sampler->id ? theirs : sampler->label;
}

/* Returns: (nullable): NULL where "automatic" is no schedule but the plain table */
static const VelSchedule *
find_schedule (const char *id, const VelSampler *sampler)
{
  return vel_registry_find_schedule (g_str_equal (id, "automatic") && sampler && sampler->schedule ? sampler->schedule : id);
}

/* "Automatic" is written where it means the plain table; where a sampler brings a schedule of its own A1111 names that. */
static const char *
schedule_label (const char *id, const VelSampler *sampler)
{
  const VelSchedule *schedule = find_schedule (id, sampler);

  if (schedule && vel_recipe_has_spelling ("unipc_skip_type", schedule->id))
    return "Automatic"; /* UniPC's own, which it names apart */
  return schedule ? schedule->label : g_str_equal (id, "automatic") ? "Automatic" : id;
}

/* rows: (nullable) */
static double
standard_of (const VelPluginParam *rows, const char *name, double otherwise)
{
  for (; rows && rows->name; rows++)
    if (g_str_equal (rows->name, name))
      return rows->standard;
  return otherwise;
}

static double
param_standard (const VelSampler *sampler, const char *name, double otherwise)
{
  return standard_of (sampler ? sampler->params : NULL, name, otherwise);
}

static gboolean
has_param (const VelSampler *sampler, const char *name)
{
  return !isnan (param_standard (sampler, name, NAN));
}

/* What the sampler works with: what was set, else its own default. */
static double
effective (VelValues *request, const VelSampler *sampler, const char *name)
{
  return vel_values_is_set (request, name) ? vel_values_get_real (request, name) : param_standard (sampler, name, 0);
}

/* A1111's is_sampler_using_eta_noise_seed_delta: the offset moves the noise of others too, but it is written for these alone. */
static gboolean
writes_seed_delta (VelValues *request, const VelSampler *sampler)
{
  static const char *const flagged[] = { "euler_a", "dpm2_a", "dpmpp_2s_a", "dpm_fast", "dpm_adaptive", NULL };

  return sampler && g_strv_contains (flagged, sampler->id) && effective (request, sampler, "eta") != 0;
}

/* Only what the sampler has, and only where it is not the default. */
static void
append_sampler_numbers (GString *out, VelValues *request, const VelSampler *sampler)
{
  static const struct {
    const char *key, *name;
    double standard;
  } numbers[] = {
    { "Sigma churn", "s_churn", 0 }, { "Sigma tmin", "s_tmin", 0 }, { "Sigma tmax", "s_tmax", INFINITY }, { "Sigma noise", "s_noise", 1 }
  };

  if (has_param (sampler, "eta") && effective (request, sampler, "eta") != param_standard (sampler, "eta", 0))
    append_pair (out, g_str_equal (sampler->id, "ddim") ? "Eta DDIM" : "Eta", vel_values_get (request, "eta"));
  for (gsize i = 0; i < G_N_ELEMENTS (numbers); i++)
    if (has_param (sampler, numbers[i].name) && vel_values_is_set (request, numbers[i].name) &&
        vel_values_get_real (request, numbers[i].name) != numbers[i].standard)
      append_pair (out, numbers[i].key, vel_values_get (request, numbers[i].name));
}

/* What changes noise levels, of the samplers and schedules on which A1111 lets it. */
static void
append_levels (GString *out, VelValues *request, const VelSampler *sampler)
{
  const VelSchedule *schedule = find_schedule (vel_values_get (request, "schedule"), sampler);
  guint32 flags = sampler ? sampler->flags : 0;
  double rho = standard_of (schedule ? schedule->params : NULL, "rho", NAN);

  if (vel_values_get_bool (request, "discard_penultimate") && !(flags & VEL_SAMPLER_DISCARD_PENULTIMATE))
    append_pair (out, "Discard penultimate sigma", "True");
  if (flags & VEL_SAMPLER_OWN_TIMESTEPS)
    return;
  if (schedule && vel_values_get_real (request, "sigma_min") > 0)
    append_pair (out, "Schedule min sigma", vel_values_get (request, "sigma_min"));
  if (schedule && vel_values_get_real (request, "sigma_max") > 0)
    append_pair (out, "Schedule max sigma", vel_values_get (request, "sigma_max"));
  if (!isnan (rho) && vel_values_is_set (request, "rho") && vel_values_get_real (request, "rho") != rho)
    append_pair (out, "Schedule rho", vel_values_get (request, "rho"));
  if (schedule && g_str_equal (schedule->id, "beta")) { /* always, there */
    append_pair (out, "Beta schedule alpha", vel_values_is_set (request, "beta_alpha") ? vel_values_get (request, "beta_alpha") : "0.6");
    append_pair (out, "Beta schedule beta", vel_values_is_set (request, "beta_beta") ? vel_values_get (request, "beta_beta") : "0.6");
  }
  if (vel_values_get_bool (request, "sgm_noise") && !vel_values_is_set (request, "init") && !(flags & VEL_SAMPLER_VARIANCE_PRESERVING))
    append_pair (out, "SGM noise multiplier", "True");
}

/* What A1111's settings of UniPC would have to be, where they are not as they come. */
static void
append_unipc (GString *out, VelValues *request, const VelSampler *sampler)
{
  static const char *const variants[] = { "bh1", "bh2", "vary_coeff" };
  const VelSchedule *schedule = find_schedule (vel_values_get (request, "schedule"), sampler);
  const char *variant = vel_values_get (request, "unipc_variant");
  g_autofree char *order = NULL;

  if (!has_param (sampler, "unipc_order"))
    return;
  if (!vel_values_is_set (request, "unipc_variant"))
    variant = variants[CLAMP ((int) param_standard (sampler, "unipc_variant", 0), 0, 2)];
  if (!g_str_equal (variant, "bh1"))
    append_pair (out, "UniPC variant", variant);
  if (schedule && vel_recipe_has_spelling ("unipc_skip_type", schedule->id)) /* by this our two are told apart */
    append_pair (out, "UniPC skip type", vel_recipe_their_spelling ("unipc_skip_type", schedule->id));
  order = g_strdup_printf ("%d", (int) effective (request, sampler, "unipc_order"));
  if (!g_str_equal (order, "3"))
    append_pair (out, "UniPC order", order);
  if (!vel_values_get_bool (request, "unipc_lower_order_final"))
    append_pair (out, "UniPC lower order final", "False");
}

/* A1111 names the emphasis only where there are brackets for it to act on. */
static gboolean
has_emphasis (VelValues *request)
{
  return strpbrk (vel_values_get (request, "prompt"), "([") || strpbrk (vel_values_get (request, "negative"), "([");
}

static gboolean
has_second_pass (VelValues *request)
{
  return vel_values_is_set (request, "hires") || vel_values_is_set (request, "hires_resize");
}

/* Only where it is not the first pass's. label: (nullable) */
static void
append_other (GString *out, const char *key, const char *label, const char *first)
{
  if (g_strcmp0 (label, first) != 0)
    append_pair (out, key, label);
}

static void
append_second_pass (GString *out, VelValues *request)
{
  const char *id = vel_values_get (request, vel_values_is_set (request, "hires_sampler") ? "hires_sampler" : "sampler");
  const char *schedule = vel_values_get (request, vel_values_is_set (request, "hires_schedule") ? "hires_schedule" : "schedule");
  const VelSampler *first = vel_registry_find_sampler (vel_values_get (request, "sampler")), *second = vel_registry_find_sampler (id);
  g_autofree char *upscaler = vel_settings_stem (vel_values_get (request, "hires_upscaler"));

  if (!has_second_pass (request))
    return;
  append_other (out, "Hires sampler", second ? sampler_label (second) : id, first ? sampler_label (first) : NULL);
  append_other (out, "Hires prompt", vel_values_get (request, "hires_prompt"), vel_values_get (request, "prompt"));
  append_other (out, "Hires negative prompt", vel_values_get (request, "hires_negative"), vel_values_get (request, "negative"));
  append_other (out, "Hires schedule type", schedule_label (schedule, second),
                schedule_label (vel_values_get (request, "schedule"), first));
  if (vel_values_is_set (request, "hires_resize"))
    append_pair (out, "Hires resize", vel_values_get (request, "hires_resize"));
  else
    append_pair (out, "Hires upscale", vel_values_get (request, "hires"));
  append_pair (out, "Hires steps", vel_values_get (request, "hires_steps"));
  if (vel_values_is_set (request, "init")) /* SD.Next's word: A1111 has one strength, and no second pass over a picture */
    append_pair (out, "Hires strength", vel_values_get (request, "hires_strength"));
  append_pair (out, "Hires upscaler", vel_recipe_their_spelling ("hires_upscaler", upscaler));
}

/* A1111 writes all of them. */
static void
append_soft_inpainting (GString *out, VelValues *request)
{
  static const char *const pairs[][2] = { { "Soft inpainting schedule bias", "soft_bias" },
                                          { "Soft inpainting preservation strength", "soft_preservation" },
                                          { "Soft inpainting transition contrast boost", "soft_boost" },
                                          { "Soft inpainting mask influence", "soft_influence" },
                                          { "Soft inpainting difference threshold", "soft_threshold" },
                                          { "Soft inpainting difference contrast", "soft_contrast" } };

  if (!vel_values_get_bool (request, "soft_inpainting"))
    return;
  append_pair (out, "Soft inpainting enabled", "True");
  for (gsize i = 0; i < G_N_ELEMENTS (pairs); i++)
    append_pair (out, pairs[i][0], vel_values_get (request, pairs[i][1]));
}

/* Our own words: A1111's script writes nothing. */
static gboolean
append_outpainting (GString *out, VelValues *request)
{
  static const char *const sides[][2] = {
    { "Outpaint left", "outpaint_left" }, { "Outpaint right", "outpaint_right" }, { "Outpaint top", "outpaint_top" }, { "Outpaint bottom", "outpaint_bottom" }
  };
  gboolean any = FALSE;

  for (gsize i = 0; i < G_N_ELEMENTS (sides); i++)
    if (vel_values_get_int (request, sides[i][1]) > 0) {
      append_pair (out, sides[i][0], vel_values_get (request, sides[i][1]));
      any = TRUE;
    }
  return any;
}

static void
append_inpainting (GString *out, VelValues *request)
{
  gboolean grows = vel_values_is_set (request, "init") && append_outpainting (out, request);
  const char *fill = grows && !vel_values_is_set (request, "fill") ? "fill" : vel_values_get (request, "fill");

  if (!vel_values_is_set (request, "init") || (!vel_values_is_set (request, "mask") && !grows))
    return;
  append_soft_inpainting (out, request);
  if (vel_values_get_bool (request, "mask_invert"))
    append_pair (out, "Mask mode", "Inpaint not masked");
  if (vel_values_get_int (request, "mask_blur") > 0)
    append_pair (out, "Mask blur", vel_values_get (request, "mask_blur"));
  if (g_str_equal (vel_values_get (request, "inpaint_area"), "masked")) {
    append_pair (out, "Inpaint area", "Only masked");
    append_pair (out, "Masked area padding", vel_values_get (request, "masked_padding"));
  }
  if (!g_str_equal (fill, "original") || grows)
    append_pair (out, "Masked content", vel_recipe_their_spelling ("fill", fill));
}

/* In the order of the option's lines, as titles are. */
static void
append_controls (GString *out, VelValues *request, const char *titles)
{
  g_autoptr (GPtrArray) wishes = vel_control_wishes_parse (vel_values_get (request, "control"), NULL);
  g_auto (GStrv) lines = g_strsplit (titles ? titles : "", "\n", -1);
  guint n = g_strv_length (lines);

  for (guint i = 0; wishes && i < wishes->len; i++) {
    g_autofree char *key = g_strdup_printf ("ControlNet %u", i);
    g_autofree char *value = vel_recipe_control_to_a1111 (wishes->pdata[i], i < n ? lines[i] : NULL);

    append_pair (out, key, value);
  }
}

/* A1111 has no step to hand over at, but can count its share in steps. */
static void
append_refiner (GString *out, VelValues *request, const char *title)
{
  guint step = (guint) vel_values_get_int (request, "refiner_step"), steps = vel_recipe_count_refined_steps (request);
  g_autofree char *share = step > 0 ? vel_recipe_share_of_steps (step, steps) : NULL;

  if (share)
    append_pair (out, "Refiner switch by sampling steps", "True");
  append_pair (out, "Refiner", title);
  append_pair (out, "Refiner switch at", share ? share : vel_values_get (request, "refiner_at"));
}

/* In the order in which A1111 comes to them: what is asked, networks, text, steps. */
static void
append_extras (GString *out, VelValues *request, const VelRecipeFacts *facts, const VelSampler *sampler)
{
  const char *emphasis = vel_values_get (request, "emphasis");

  append_second_pass (out, request);
  append_inpainting (out, request);
  append_controls (out, request, facts->controls);
  append_pair (out, "Lora hashes", facts->lora_hashes);
  append_pair (out, "TI hashes", facts->embedding_hashes);
  if (!g_str_equal (emphasis, "original") && has_emphasis (request))
    append_pair (out, "Emphasis", vel_recipe_their_spelling ("emphasis", emphasis));
  if (vel_values_is_set (request, "init") && vel_values_get_real (request, "noise_multiplier") != 1)
    append_pair (out, "Noise multiplier", vel_values_get (request, "noise_multiplier"));
  if ((vel_values_is_set (request, "init") || has_second_pass (request)) && vel_values_get_real (request, "extra_noise") > 0)
    append_pair (out, "Extra noise", vel_values_get (request, "extra_noise"));
  append_levels (out, request, sampler);
  append_sampler_numbers (out, request, sampler);
  append_unipc (out, request, sampler);
  if (facts->refiner)
    append_refiner (out, request, facts->refiner);
  if (vel_values_get_bool (request, "old_timelines"))
    append_pair (out, "Old prompt editing timelines", "True");
  if (!g_str_equal (vel_values_get (request, "render_as"), "a1111")) /* our own word: A1111 can not */
    append_pair (out, "Render as", vel_values_get (request, "render_as"));
}

/* A1111 itself knows both axes alone; an extension of it has one. */
static void
append_tiling (GString *out, VelValues *request)
{
  const char *axes = vel_values_get (request, "tiling_axes");

  if (!vel_values_get_bool (request, "tiling"))
    return;
  if (g_str_equal (axes, "both"))
    append_pair (out, "Tiling", "True");
  else {
    append_pair (out, "Tile X", g_str_equal (axes, "x") ? "True" : "False");
    append_pair (out, "Tile Y", g_str_equal (axes, "y") ? "True" : "False");
  }
}

/* As Forge names them, which has them in one list with the VAEs. */
static void
append_text_encoders (GString *out, VelValues *request)
{
  g_auto (GStrv) paths = g_strsplit (vel_values_get (request, "text_encoder"), "\n", -1);

  for (guint i = 0; paths[i]; i++) {
    g_autofree char *key = g_strdup_printf ("Module %u", i + 1), *name = vel_settings_stem (paths[i]);

    append_pair (out, key, name);
  }
}

/* The settings line; what stands between RNG and Version are A1111's extras. */
static char *
build_settings (VelValues *request, const VelRecipeFacts *facts)
{
  GString *out = g_string_new (NULL);
  const char *sampler_id = vel_values_get (request, "sampler");
  const VelSampler *sampler = vel_registry_find_sampler (sampler_id);
  g_autofree char *seed = g_strdup_printf ("%" G_GUINT64_FORMAT, facts->seed);
  g_autofree char *variation = g_strdup_printf ("%" G_GUINT64_FORMAT, facts->variation_seed);
  g_autofree char *size = g_strdup_printf ("%ux%u", vel_recipe_asked_width (facts), vel_recipe_asked_height (facts));
  g_autofree char *vae = g_path_get_basename (vel_values_get (request, "vae"));
  g_autofree char *unet = vel_settings_stem (vel_values_get (request, "unet"));

  append_pair (out, "Steps", vel_values_get (request, "steps"));
  append_pair (out, "Sampler", sampler ? sampler_label (sampler) : sampler_id);
  append_pair (out, "Schedule type", schedule_label (vel_values_get (request, "schedule"), sampler));
  append_pair (out, "CFG scale", vel_values_get (request, "cfg"));
  if (vel_values_is_set (request, "init") && vel_values_is_set (request, "image_cfg"))
    append_pair (out, "Image CFG scale", vel_values_get (request, "image_cfg"));
  append_pair (out, "Seed", seed);
  append_pair (out, "Size", size);
  append_pair (out, "Model hash", facts->model_hash);
  append_pair (out, "Model", facts->model_name);
  append_pair (out, "VAE hash", vel_values_is_set (request, "vae") ? facts->vae_hash : NULL);
  append_pair (out, "VAE", vel_values_is_set (request, "vae") ? vae : NULL);
  append_pair (out, "UNet", vel_values_is_set (request, "unet") && vel_values_is_set (request, "model") ? unet : NULL);
  append_text_encoders (out, request);
  if (vel_recipe_varies (request)) {
    append_pair (out, "Variation seed", variation);
    append_pair (out, "Variation seed strength", vel_values_get (request, "variation_strength"));
  }
  if (vel_values_is_set (request, "seed_resize"))
    append_pair (out, "Seed resize from", vel_values_get (request, "seed_resize"));
  if (vel_values_is_set (request, "init") || has_second_pass (request))
    append_pair (out, "Denoising strength", vel_values_get (request, vel_values_is_set (request, "init") ? "strength" : "hires_strength"));
  if (vel_values_is_set (request, "init") && vel_values_is_set (request, "mask_weight"))
    append_pair (out, "Conditional mask weight", vel_values_get (request, "mask_weight"));
  if (vel_values_get_int (request, "clip_skip") > 1)
    append_pair (out, "Clip skip", vel_values_get (request, "clip_skip"));
  if (vel_values_get_int (request, "ensd") != 0 && writes_seed_delta (request, sampler))
    append_pair (out, "ENSD", vel_values_get (request, "ensd"));
  if (!g_str_has_prefix (vel_values_get (request, "rng"), "cuda:")) /* A1111's own default, which it leaves out */
    append_pair (out, "RNG", vel_recipe_their_spelling ("rng", vel_values_get (request, "rng")));
  append_tiling (out, request);
  append_extras (out, request, facts, sampler);
  append_pair (out, "Version", facts->version);
  return g_string_free (out, FALSE);
}

char *
vel_recipe_to_a1111 (VelValues *request, const VelRecipeFacts *facts)
{
  const char *negative = vel_values_get (request, "negative");
  g_autofree char *settings = build_settings (request, facts);

  return g_strstrip (
      g_strconcat (vel_values_get (request, "prompt"), facts->lora_tags ? facts->lora_tags : "", *negative ? "\nNegative prompt: " : "", negative, "\n", settings, NULL));
}

char *
vel_recipe_fields_to_a1111 (const VelRecipeFields *self)
{
  const char *prompt = vel_recipe_fields_get (self, "Prompt"), *negative = vel_recipe_fields_get (self, "Negative prompt");
  g_autoptr (GString) line = g_string_new (NULL);

  for (guint i = 0; self->keys[i]; i++)
    if (!g_str_equal (self->keys[i], "Prompt") && !g_str_equal (self->keys[i], "Negative prompt") &&
        !g_str_has_suffix (self->keys[i], "-1") && !g_str_has_suffix (self->keys[i], "-2"))
      append_pair (line, self->keys[i], self->values[i]);
  return g_strstrip (g_strconcat (prompt ? prompt : "", negative && *negative ? "\nNegative prompt: " : "", negative ? negative : "", "\n",
                                  line->str, NULL));
}
