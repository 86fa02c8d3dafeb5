/* The three programs.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/sampling/rules.h"

static const VelMeaning same[] = { { NULL, NULL } };

static const char *const comfyui_discard[] = { "dpm2", "dpm2_a", "unipc", NULL };
static const VelMeaning comfyui_samplers[] = { { "ddim", "euler" }, { NULL, NULL } };
static const VelMeaning comfyui_schedules[] = {
  { "automatic", "normal" }, { "beta", "beta_table" }, { "kl_optimal", "kl_optimal_zero" }, { NULL, NULL },
};

static const char *const nothing[] = { NULL };
static const VelMeaning diffusers_schedules[] = { { "automatic", "leading" }, { "normal", "leading" }, { NULL, NULL } };

static const VelRules all[] = {
  { .id = "a1111", .colours_reversed = TRUE, .mask_input = TRUE, .zero_for_empty = TRUE, .samplers = same, .schedules = same },
  { .id = "comfyui",
    .together = TRUE,
    .first_from_cpu = TRUE,
    .steps_anew = TRUE,
    .path_of_run = TRUE,
    .nearest_time = TRUE,
    .language = VEL_PROMPT_COMFYUI,
    .over_picture = VEL_OVER_PICTURE_ALL,
    .start = VEL_SCALE_ROOT_AT_TOP,
    .discard = comfyui_discard,
    .samplers = comfyui_samplers,
    .schedules = comfyui_schedules },
  { .id = "diffusers",
    .together = TRUE,
    .zero_for_empty = TRUE,
    .language = VEL_PROMPT_DIFFUSERS,
    .over_picture = VEL_OVER_PICTURE_SHARE,
    .start = VEL_SCALE_ROOT,
    .discard = nothing,
    .samplers = same,
    .schedules = diffusers_schedules },
};

const VelRules *
vel_rules_find (const char *id)
{
  for (gsize i = 0; i < G_N_ELEMENTS (all); i++)
    if (g_strcmp0 (all[i].id, id) == 0)
      return &all[i];
  return &all[0];
}

const char *
vel_rules_mean (const VelMeaning *meanings, const char *name)
{
  for (; meanings->asked; meanings++)
    if (g_str_equal (meanings->asked, name))
      return meanings->meant;
  return name;
}
