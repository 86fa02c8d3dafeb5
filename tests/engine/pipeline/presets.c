/* Settings of few steps: what each sets, and which a model's name suggests.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/pipeline/presets.h"

#include <string.h>

#include "engine/pipeline/request.h"

/* Every row's values can be used, and the choices of the command line are the table's ids. */
static void
test_table (void)
{
  g_autoptr (GString) ids = g_string_new (NULL);

  for (const VelPreset *preset = vel_preset_get_table (); preset->id; preset++) {
    g_autoptr (VelValues) request = vel_request_new ();
    g_autoptr (GError) error = NULL;

    g_string_append_printf (ids, "%s%s", ids->len ? "|" : "", preset->id);
    g_assert_true (vel_preset_find (preset->id) == preset);
    g_assert_true (vel_preset_apply (preset, request, NULL, &error));
    g_assert_no_error (error);
    for (const VelPresetValue *value = preset->values; value->name; value++) {
      g_assert_true (vel_values_is_set (request, value->name));
      g_assert_cmpstr (vel_values_get (request, value->name), ==, value->value);
    }
    g_assert_cmpint (vel_values_get_int (request, "steps"), ==, vel_preset_get_steps (preset));
  }
  g_assert_cmpstr (ids->str, ==, VEL_PRESET_CHOICES);
  g_assert_null (vel_preset_find ("dmd"));
}

/* What the model cards say. */
static void
test_numbers (void)
{
  static const struct {
    const char *id, *sampler, *schedule;
    int steps;
    double cfg;
  } cases[] = {
    { "turbo", "euler_a", "sgm_uniform", 4, 1 },     { "turbo-1", "euler_a", "sgm_uniform", 1, 1 },
    { "lightning", "euler", "sgm_uniform", 4, 1 },   { "lightning-8", "euler", "sgm_uniform", 8, 1 },
    { "lcm", "lcm", "sgm_uniform", 8, 1.5 },         { "hyper", "euler", "sgm_uniform", 8, 1 },
    { "tcd", "tcd", "lcm", 4, 1 },                   { "hyper-1", "tcd", "lcm", 1, 1 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (VelValues) request = vel_request_new ();

    g_assert_true (vel_preset_apply (vel_preset_find (cases[i].id), request, NULL, NULL));
    g_assert_cmpstr (vel_values_get (request, "sampler"), ==, cases[i].sampler);
    g_assert_cmpstr (vel_values_get (request, "schedule"), ==, cases[i].schedule);
    g_assert_cmpint (vel_values_get_int (request, "steps"), ==, cases[i].steps);
    g_assert_cmpfloat (vel_values_get_real (request, "cfg"), ==, cases[i].cfg);
  }
}

/* What is excepted stays, and so does everything a preset says nothing of. */
static void
test_except (void)
{
  g_autoptr (VelValues) request = vel_request_new ();
  g_autoptr (GHashTable) except = g_hash_table_new (g_str_hash, g_str_equal);

  g_assert_true (vel_values_set (request, "steps", "6", NULL));
  g_assert_true (vel_values_set (request, "prompt", "a swan", NULL));
  g_hash_table_add (except, (gpointer) "steps");
  g_assert_true (vel_preset_apply (vel_preset_find ("lcm"), request, except, NULL));
  g_assert_cmpint (vel_values_get_int (request, "steps"), ==, 6);
  g_assert_cmpstr (vel_values_get (request, "sampler"), ==, "lcm");
  g_assert_cmpstr (vel_values_get (request, "prompt"), ==, "a swan");
}

/* A table in which a value does not fit is left as it was. */
static void
test_all_or_none (void)
{
  static const VelParam rows[] = {
    { "steps", "", "", "", VEL_PARAM_INT, VEL_PARAM_NONE, 1, 150, 1, .standard = "20" },
    { "cfg", "", "", "", VEL_PARAM_REAL, VEL_PARAM_NONE, 2, 30, 0.5, .standard = "7" },
    { NULL },
  };
  g_autoptr (VelValues) request = vel_values_new (rows);
  g_autoptr (GError) error = NULL;

  g_assert_false (vel_preset_apply (vel_preset_find ("turbo"), request, NULL, &error));
  g_assert_error (error, VEL_ERROR, VEL_ERROR_REQUEST);
  g_assert_false (vel_values_is_set (request, "steps"));
}

static void
test_guess (void)
{
  static const struct {
    const char *name, *id;
  } cases[] = {
    { "sd_xl_turbo_1.0_fp16.safetensors", "turbo" },
    { "sdxlturbo", "turbo" },
    { "DreamShaperXL_Turbo_v2.1", "turbo" },
    { "sd_turbo_1step", "turbo-1" },
    { "sdxl_lightning_4step.safetensors", "lightning" },
    { "sdxl_lightning_2step.safetensors", "lightning-2" },
    { "sdxl_lightning_8step.safetensors", "lightning-8" },
    { "juggernautXL_v9Rdphoto2Lightning", "lightning" },
    { "LCM_Dreamshaper_v7_4k", "lcm" },
    { "dreamshaperLCM", "lcm" },
    { "photon-lcm.safetensors", "lcm" },
    { "Hyper-SDXL-8steps", "hyper" },
    { "Hyper-SD15-4steps", "hyper-4" },
    { "realvisXL_HyperV4", "hyper" },
    { "hypersdxl", "hyper" },
    { "Hyper-SDXL-1step-Unet", "hyper-1" },
    { "TCD-SDXL-v1", "tcd" },
    { "sd15_tcd_4step", "tcd" },
    /* none of them */
    { NULL, NULL },
    { "", NULL },
    { "v1-5-pruned-emaonly", NULL },
    { "hyperrealism_v3", NULL },
    { "HyperrealismXL", NULL },
    { "sdxl_lightning_1step_x0", NULL },
    { "Hyper-SDXL-12steps-CFG", NULL },
    { "Hyper-SDXL-8steps-CFG", NULL },
    { "turbo 99999999999999999999 steps", "turbo" },
    { "calcmodel", NULL },
    { "watcdog", NULL },
    { "\xff\xfeturbo", "turbo" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    const VelPreset *preset = vel_preset_guess (cases[i].name);
    g_autofree char *shown = g_strescape (cases[i].name ? cases[i].name : "", NULL);

    g_test_message ("%s", shown);
    g_assert_cmpstr (preset ? preset->id : NULL, ==, cases[i].id);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/presets/table", test_table);
  g_test_add_func ("/presets/numbers", test_numbers);
  g_test_add_func ("/presets/except", test_except);
  g_test_add_func ("/presets/all-or-none", test_all_or_none);
  g_test_add_func ("/presets/guess", test_guess);
  return g_test_run ();
}
