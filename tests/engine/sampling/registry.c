/* Which modules are taken, which are left out, and by what names they are found.  SPDX-License-Identifier: Apache-2.0
 *
 * VELATURA_PLUGIN_PATH names a folder with a good module and one of every kind of broken one, then the program's own. */
#include "engine/registry.h"

#include <string.h>

#include "engine/pipeline/request.h"
#include "engine/sampling/plugin-params.h"

static gboolean
has_problem (const char *module, const char *phrase)
{
  const char *const *problems = vel_registry_get_problems ();

  for (gsize i = 0; problems[i] != NULL; i++)
    if (strstr (problems[i], module) != NULL && strstr (problems[i], phrase) != NULL)
      return TRUE;
  return FALSE;
}

static void
test_left_out (void)
{
  const char *const *problems = vel_registry_get_problems ();

  for (gsize i = 0; problems[i] != NULL; i++)
    g_test_message ("%s", problems[i]);
  g_assert_true (has_problem ("/later.", "plugin interface 5"));
  g_assert_true (has_problem ("/hollow.", "no function"));
  g_assert_true (has_problem ("/shouting.", "id"));
  g_assert_true (has_problem ("/moody.", "default of a param"));
  g_assert_true (has_problem ("/other.", "none of vel_sampler"));
  g_assert_true (has_problem ("/twice.", "“heun” too"));
  g_assert_true (has_problem ("/text.", "can not be loaded"));
  g_assert_true (has_problem ("/choosy.", "choices"));
  g_assert_true (has_problem ("/before.", "plugin interface 3"));
  g_assert_true (has_problem ("/idle.", "no function"));
  g_assert_cmpuint (g_strv_length ((char **) problems), ==, 10);
  g_assert_null (vel_registry_find_sampler ("moody"));
  g_assert_null (vel_registry_find_schedule ("hollow"));
  g_assert_null (vel_registry_find_preprocessor ("idle"));
}

static void
test_user_first (void)
{
  const VelSampler *heun = vel_registry_find_sampler ("heun");

  g_assert_cmpstr (heun->label, ==, "Häun");
  g_assert_true (vel_registry_find_sampler ("MY HEUN") == heun);
  g_assert_true (vel_registry_find_sampler ("the_other") == heun);
}

static void
expect_ids (VelRegistryKind kind, const char *const (*names)[2], gsize n)
{
  for (gsize i = 0; i < n; i++) {
    const char *id = vel_registry_find_id (kind, names[i][0]);

    if (g_strcmp0 (id, names[i][1]) != 0)
      g_error ("“%s” is %s, wanted is %s", names[i][0], id ? id : "nothing", names[i][1]);
  }
}

/* Every sampler that A1111 and ComfyUI both have, by A1111's label and aliases, ComfyUI's name and k-diffusion's function. */
static void
test_spellings (void)
{
  static const char *const samplers[][2] = {
    { "Euler a", "euler_a" }, { "euler_a", "euler_a" }, { "euler-a", "euler_a" }, { "k_euler_a", "euler_a" }, { "k_euler_ancestral", "euler_a" },
    { "euler_ancestral", "euler_a" }, { "sample_euler_ancestral", "euler_a" },
    { "Euler", "euler" }, { "k_euler", "euler" }, { "sample_euler", "euler" },
    { "LMS", "lms" }, { "k_lms", "lms" }, { "sample_lms", "lms" },
    { "heun", "heun" },
    { "DPM2", "dpm2" }, { "k_dpm_2", "dpm2" }, { "dpm_2", "dpm2" }, { "sample_dpm_2", "dpm2" },
    { "DPM2 a", "dpm2_a" }, { "k_dpm_2_a", "dpm2_a" }, { "dpm_2_ancestral", "dpm2_a" }, { "sample_dpm_2_ancestral", "dpm2_a" },
    { "DPM++ 2S a", "dpmpp_2s_a" }, { "k_dpmpp_2s_a", "dpmpp_2s_a" }, { "dpmpp_2s_ancestral", "dpmpp_2s_a" },
    { "sample_dpmpp_2s_ancestral", "dpmpp_2s_a" },
    { "DPM++ 2M", "dpmpp_2m" }, { "k_dpmpp_2m", "dpmpp_2m" }, { "dpmpp_2m", "dpmpp_2m" }, { "sample_dpmpp_2m", "dpmpp_2m" },
    { "DPM++ SDE", "dpmpp_sde" }, { "k_dpmpp_sde", "dpmpp_sde" }, { "dpmpp_sde_gpu", "dpmpp_sde" }, { "sample_dpmpp_sde", "dpmpp_sde" },
    { "DPM++ 2M SDE", "dpmpp_2m_sde" }, { "k_dpmpp_2m_sde", "dpmpp_2m_sde" }, { "dpmpp_2m_sde_gpu", "dpmpp_2m_sde" },
    { "sample_dpmpp_2m_sde", "dpmpp_2m_sde" },
    { "DPM++ 2M SDE Heun", "dpmpp_2m_sde_heun" }, { "k_dpmpp_2m_sde_heun", "dpmpp_2m_sde_heun" },
    { "dpmpp_2m_sde_heun", "dpmpp_2m_sde_heun" }, { "dpmpp_2m_sde_heun_gpu", "dpmpp_2m_sde_heun" },
    { "DPM++ 3M SDE", "dpmpp_3m_sde" }, { "k_dpmpp_3m_sde", "dpmpp_3m_sde" }, { "dpmpp_3m_sde_gpu", "dpmpp_3m_sde" },
    { "sample_dpmpp_3m_sde", "dpmpp_3m_sde" },
    { "DPM fast", "dpm_fast" }, { "k_dpm_fast", "dpm_fast" }, { "sample_dpm_fast", "dpm_fast" },
    { "DPM adaptive", "dpm_adaptive" }, { "k_dpm_ad", "dpm_adaptive" }, { "sample_dpm_adaptive", "dpm_adaptive" },
    { "DDIM", "ddim" }, { "PLMS", "plms" }, { "DDPM", "ddpm" }, { "Restart", "restart" },
    { "UniPC", "unipc" }, { "uni_pc", "unipc" }, { "uni_pc_bh2", "unipc" }, { "UniPC (A1111)", "unipc_original" },
    { "LCM", "lcm" }, { "k_lcm", "lcm" }, { "sample_lcm", "lcm" }, { "TCD", "tcd" },
    { "HeunPP2", "heunpp2" }, { "IPNDM", "ipndm" }, { "IPNDM_V", "ipndm_v" }, { "DEIS", "deis" }, { "res_multistep", "res_multistep" },
  };
  static const char *const schedules[][2] = {
    { "Automatic", "automatic" }, { "automatic", "automatic" }, { "Uniform", "normal" }, { "Normal", "normal" }, { "discrete", "normal" },
    { "Karras", "karras" }, { "Exponential", "exponential" }, { "Polyexponential", "polyexponential" }, { "SGM Uniform", "sgm_uniform" },
    { "sgm_uniform", "sgm_uniform" }, { "SGMUniform", "sgm_uniform" }, { "KL Optimal", "kl_optimal" }, { "kl_optimal", "kl_optimal" },
    { "Align Your Steps", "align_your_steps" }, { "Simple", "simple" }, { "DDIM", "ddim" }, { "ddim_uniform", "ddim" }, { "Beta", "beta" },
    { "linear_quadratic", "linear_quadratic" }, { "LCM", "lcm" }, { "logSNR", "log_snr" },
  };

  expect_ids (VEL_REGISTRY_SAMPLERS, samplers, G_N_ELEMENTS (samplers));
  expect_ids (VEL_REGISTRY_SCHEDULES, schedules, G_N_ELEMENTS (schedules));
  g_assert_null (vel_registry_find_id (VEL_REGISTRY_SAMPLERS, "eule"));
  g_assert_null (vel_registry_find_id (VEL_REGISTRY_SAMPLERS, ""));
}

static void
test_automatic (void)
{
  static const char *const usual[][2] = {
    { "dpmpp_2m_sde", "exponential" }, { "dpmpp_sde", "karras" }, { "dpm2", "karras" }, { "lms", "normal" }, { "restart", "karras" },
    { "euler", "normal" }, { "euler_a", "normal" }, { "heun", "normal" }, { "dpmpp_2m", "karras" }, { "ddim", "normal" },
    { "tcd", "lcm" }, { "lcm", "normal" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (usual); i++) {
    const VelSampler *sampler = vel_registry_find_sampler (usual[i][0]);

    g_assert_cmpstr (vel_registry_resolve_schedule ("automatic", sampler)->id, ==, usual[i][1]);
    g_assert_cmpstr (vel_registry_resolve_schedule ("Simple", sampler)->id, ==, "simple");
  }
  g_assert_null (vel_registry_find_schedule ("automatic"));
}

static void
test_lists (void)
{
  g_autofree const char **samplers = vel_registry_list (VEL_REGISTRY_SAMPLERS);
  g_autofree const char **schedules = vel_registry_list (VEL_REGISTRY_SCHEDULES);
  g_autofree char *sampler_line = g_strjoinv (" ", (char **) samplers);
  g_autofree char *schedule_line = g_strjoinv (" ", (char **) schedules);
  VelRegistryKind kind;

  g_assert_cmpstr (sampler_line, ==, "ddim ddpm deis dpm_adaptive dpm_fast dpmpp_2m dpmpp_2m_sde dpmpp_2m_sde_heun dpmpp_2s_a dpmpp_3m_sde dpmpp_sde "
                   "dpm2 dpm2_a euler euler_a heunpp2 heun ipndm ipndm_v lcm lms plms res_multistep restart tcd unipc unipc_original");
  g_assert_cmpstr (schedule_line, ==, "automatic align_your_steps beta beta_table ddim exponential karras kl_optimal kl_optimal_zero lcm leading "
                   "linear_quadratic log_snr normal polyexponential sgm_uniform simple time_uniform time_quadratic");
  g_assert_cmpstr (vel_registry_get_label (VEL_REGISTRY_SAMPLERS, "dpmpp_2m"), ==, "DPM++ 2M");
  g_assert_cmpstr (vel_registry_get_label (VEL_REGISTRY_SCHEDULES, "automatic"), ==, "Automatic");
  g_assert_true (vel_registry_kind_from_string ("schedules", &kind) && kind == VEL_REGISTRY_SCHEDULES);
  g_assert_false (vel_registry_kind_from_string ("upscalers", &kind));
}

/* A plugin's number is an option like any other. */
static void
test_option (void)
{
  g_autoptr (VelValues) request = vel_request_new ();
  const VelParam *mood = vel_values_find (request, "mood");
  guint n = 0;

  g_assert_nonnull (mood);
  g_assert_cmpstr (mood->label, ==, "Mood");
  g_assert_true (vel_values_set (request, "mood", "-0.25", NULL));
  g_assert_false (vel_values_set (request, "mood", "2", NULL));
  g_assert_cmpfloat (vel_values_get_real (request, "mood"), ==, -0.25);
  for (const VelParam *row = vel_request_get_table (); row->name != NULL; row++)
    n += g_str_equal (row->name, "eta");
  g_assert_cmpuint (n, ==, 1);
}

/* Each kind becomes an option of that type, and the plugin gets a number for it. */
static void
test_kinds (void)
{
  const VelPluginParam *params = vel_registry_find_sampler ("heun")->params;
  static const struct {
    const char *name, *text;
    double standard, number;
    const char *refused;
  } cases[] = {
    { "mood", "-0.25", 0.5, -0.25, "2" },
    { "turns", "3", 2, 3, "2.5" },
    { "shy", "false", 1, 0, "perhaps" },
    { "way", "left", 1, 0, "up" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (VelValues) request = vel_request_new ();

    g_assert_cmpstr (params[i].name, ==, cases[i].name);
    g_assert_cmpfloat (vel_plugin_param_get (&params[i], NULL), ==, cases[i].standard);
    g_assert_cmpfloat (vel_plugin_param_get (&params[i], request), ==, cases[i].standard);
    g_assert_false (vel_values_set (request, cases[i].name, cases[i].refused, NULL));
    g_assert_true (vel_values_set (request, cases[i].name, cases[i].text, NULL));
    g_assert_cmpfloat (vel_plugin_param_get (&params[i], request), ==, cases[i].number);
  }
}

/* A schedule's number too; of two schedules that have one of the same name each keeps its own default and range. */
static void
test_schedule_option (void)
{
  g_autoptr (VelValues) request = vel_request_new ();
  g_autofree double *before = vel_plugin_params_dup (vel_registry_find_schedule ("karras")->params, request), *after = NULL;

  g_assert_cmpstr (vel_values_find (request, "rho")->group, ==, "sampling");
  g_assert_cmpfloat (before[0], ==, 7);
  g_assert_cmpfloat (vel_plugin_param_get (vel_registry_find_schedule ("polyexponential")->params, request), ==, 1);
  g_assert_true (vel_values_set (request, "rho", "3", NULL));
  after = vel_plugin_params_dup (vel_registry_find_schedule ("karras")->params, request);
  g_assert_cmpfloat (after[0], ==, 3);
  g_assert_null (vel_plugin_params_dup (NULL, request));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/registry/left-out", test_left_out);
  g_test_add_func ("/registry/user-first", test_user_first);
  g_test_add_func ("/registry/spellings", test_spellings);
  g_test_add_func ("/registry/automatic", test_automatic);
  g_test_add_func ("/registry/lists", test_lists);
  g_test_add_func ("/registry/option", test_option);
  g_test_add_func ("/registry/kinds", test_kinds);
  g_test_add_func ("/registry/schedule-option", test_schedule_option);
  return g_test_run ();
}
