/* Help, version, and what wrong usage is told.  SPDX-License-Identifier: Apache-2.0 */
#include "program.h"

#include <string.h>

#include "engine/formats/safetensors.h"

static void
test_version (void)
{
  const VelOutcome *outcome = vel_program_run (NULL, "--version", NULL);

  g_assert_cmpint (outcome->status, ==, 0);
  g_assert_cmpstr (outcome->out, ==, "velatura 0.1.0\n");
}

/* The program's help names every verb, a verb's help every option of its tables. */
static void
test_help (void)
{
  static const char *const verbs[] = { "generate", "inspect", "convert", "list", "history", "bench", "debug" };
  static const char *const flags[] = { "--prompt TEXT", "--seed N", "--clip-skip N", "--cfg X", "--sampler ID", "--json", "--trace PATH",
                                       "--rho X", "--discard-penultimate", "--unipc-variant ID", "--unipc-order N",
                                       "steadies few of them. (default\n" };
  const VelOutcome *outcome = vel_program_run (NULL, "--help", NULL);

  g_assert_cmpint (outcome->status, ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    g_assert_nonnull (strstr (outcome->out, verbs[i]));
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++) {
    outcome = vel_program_run (NULL, verbs[i], "--help", NULL);
    g_assert_cmpint (outcome->status, ==, 0);
    g_assert_cmpstr (outcome->err, ==, "");
    g_assert_true (g_str_has_prefix (outcome->out, "Usage: velatura "));
  }
  outcome = vel_program_run (NULL, "generate", "--help", NULL);
  for (guint i = 0; i < G_N_ELEMENTS (flags); i++)
    g_assert_nonnull (strstr (outcome->out, flags[i]));
}

static void
test_unknown (void)
{
  vel_assert_refused (vel_program_run (NULL, "paint", NULL), 2, "paint");
  vel_assert_refused (vel_program_run (NULL, "--verbose", NULL), 2, "--verbose");
  vel_assert_refused (vel_program_run (NULL, "generate", "--promt", "x", NULL), 2, "--promt");
  vel_assert_refused (vel_program_run (NULL, "list", "planets", NULL), 2, "planets");
  vel_assert_refused (vel_program_run (NULL, "list", NULL), 2, "models");
  vel_assert_refused (vel_program_run (NULL, "debug", "everything", NULL), 2, "everything");
  vel_assert_refused (vel_program_run (NULL, "history", "burn", NULL), 2, "burn");
  vel_assert_refused (vel_program_run (NULL, "history", "show", NULL), 2, "number");
  vel_assert_refused (vel_program_run (NULL, "inspect", NULL), 2, "file");
  vel_assert_refused (vel_program_run (NULL, "bench", "unet", "luck", NULL), 2, "luck");
  vel_assert_refused (vel_program_run (NULL, "convert", "--output", "x", NULL), 2, "one model");
  vel_assert_refused (vel_program_run (NULL, "convert", "a", "b", "--output", "x", NULL), 2, "one model");
  vel_assert_refused (vel_program_run (NULL, "convert", "a", NULL), 2, "--output");
  vel_assert_refused (vel_program_run (NULL, "convert", "a", "--to", "fp4", "--output", "x", NULL), 2, "fp4");
  vel_assert_refused (vel_program_run (NULL, "bench", "lora", NULL), 2, "--lora FILE");
}

/* What the plan has and this version has not is refused by its name, never ignored. */
static void
test_later (void)
{
  static const char *const verbs[] = { "serve", "worker", "train", "verify" };

  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    vel_assert_refused (vel_program_run (NULL, verbs[i], NULL), 2, verbs[i]);
  vel_assert_refused (vel_program_run (NULL, "generate", "--prompt", "x", "--render-as", "photoshop", NULL), 2, "photoshop");
  vel_assert_refused (vel_program_run (NULL, "generate", "--prompt", "x", "--device", "toaster", NULL), 2, "toaster");
  vel_assert_refused (vel_program_run (NULL, "generate", "--prompt", "x", "--quiet", "--device", "cuda", NULL), 1, "this build has no CUDA backend");
  vel_assert_refused (vel_program_run (NULL, "generate", "--prompt", "x", "--device", "cpu", "--precision", "fp16", "--quiet", NULL), 1, "fp16");
}

/* Values that do not fit are wrong usage, before any work. */
static void
test_values (void)
{
  vel_assert_refused (vel_program_run (NULL, "generate", "--prompt", NULL), 2, "--prompt");
  vel_assert_refused (vel_program_run (NULL, "generate", NULL), 2, "--prompt");
  vel_assert_refused (vel_program_run (NULL, "generate", "--prompt", "x", "--prompt-file", "y", NULL), 2, "--prompt-file");
  vel_assert_refused (vel_program_run (NULL, "generate", "--prompt", "x", "--steps", "0", NULL), 2, "steps");
  vel_assert_refused (vel_program_run (NULL, "generate", "--prompt", "x", "--width", "100", NULL), 2, "width");
  vel_assert_refused (vel_program_run (NULL, "generate", "--prompt", "x", "--sampler", "magic", NULL), 2, "magic");
  vel_assert_refused (vel_program_run (NULL, "generate", "--prompt", "x", "--cfg", "7,5", NULL), 2, "7,5");
  vel_assert_refused (vel_program_run (NULL, "generate", "--prompt", "x", "--seed", "18446744073709551616", NULL), 2, "seed");
  vel_assert_refused (vel_program_run (NULL, "generate", "--prompt", "x", "--no-history", NULL), 2, "--output");
  vel_assert_refused (vel_program_run (NULL, "generate", "--prompt", "x", "y", NULL), 2, "y");
  vel_assert_refused (vel_program_run (NULL, "generate", "--prompt", "x", "--output", "{colour}.png", NULL), 2, "{colour}");
}

/* Files that are not there or not what they should be: the job fails. */
static void
test_files (void)
{
  g_autofree char *taken = vel_program_path ("taken.png");

  g_assert_true (g_file_set_contents (taken, "x", 1, NULL));
  vel_assert_refused (vel_program_run (NULL, "generate", "--prompt-file", "/nowhere.txt", "--output", "y.png", NULL), 1, "nowhere.txt");
  vel_assert_refused (vel_program_run (NULL, "generate", "--prompt", "x", "--model", "/nowhere.safetensors", NULL), 1, "nowhere");
  vel_assert_refused (vel_program_run (NULL, "generate", "--prompt", "x", "--quiet", "--refiner", "/nowhere.safetensors", NULL), 1, "nowhere");
  vel_assert_refused (vel_program_run (NULL, "inspect", "/nowhere.safetensors", NULL), 1, "nowhere");
  vel_assert_refused (vel_program_run (NULL, "inspect", taken, NULL), 1, "taken.png");
  vel_assert_refused (vel_program_run (NULL, "history", "show", "12345", NULL), 1, "12345");
}

/* What people read is in their language; the option's name is not, and stays in front. */
static void
test_chinese (void)
{
  vel_program_speak ("zh_CN");
  vel_assert_refused (vel_program_run (NULL, "generate", "--prompt", "x", "--steps", "0", NULL), 2,
                      "velatura: --steps：不能用“0”，可用的值：从 1 到 150 的整数\n");
  vel_assert_refused (vel_program_run (NULL, "generate", "--prompt", "x", "--emphasis", "loud", NULL), 2,
                      "velatura: --emphasis：不能用“loud”，可用的值：original, no-norm, ignore, none 之一\n");
  vel_assert_refused (vel_program_run (NULL, "history", "show", NULL), 2, "velatura: history show 需要图片的编号\n");
  vel_assert_refused (vel_program_run (NULL, "inspect", "/nowhere.safetensors", NULL), 1, "velatura: 无法打开“/nowhere.safetensors”：");
  vel_program_speak (NULL);
}

static void
test_list (void)
{
  static const char *const samplers[] = { "euler", "euler_a", "heun", "dpmpp_2m", "ddim" };
  static const char *const schedules[] = { "automatic", "normal", "karras", "exponential", "simple", "sgm_uniform" };
  g_autofree char *out = g_strconcat ("\n", vel_program_run (NULL, "list", "samplers", NULL)->out, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (samplers); i++) {
    g_autofree char *line = g_strdup_printf ("\n%s ", samplers[i]);

    g_assert_nonnull (strstr (out, line));
  }
  g_free (out);
  out = g_strconcat ("\n", vel_program_run (NULL, "list", "schedules", NULL)->out, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (schedules); i++) {
    g_autofree char *line = g_strdup_printf ("\n%s ", schedules[i]);

    g_assert_nonnull (strstr (out, line));
  }
  g_assert_true (g_str_has_prefix (vel_program_run (NULL, "list", "devices", NULL)->out, "cpu "));
  g_assert_cmpint (vel_program_run (NULL, "list", "models", "--json", NULL)->status, ==, 0);
  g_assert_cmpint (vel_program_run (NULL, "history", NULL)->status, ==, 0);
}

/* A line each with what it sets; an id that is none of them is told which there are. */
static void
test_presets (void)
{
  g_autofree char *out = g_strconcat ("\n", vel_program_run (NULL, "list", "presets", NULL)->out, NULL);

  g_assert_nonnull (strstr (out, "\nlightning            Lightning, 4 steps: --steps 4 --cfg 1 --sampler euler --schedule sgm_uniform\n"));
  g_assert_nonnull (strstr (vel_program_run (NULL, "list", "presets", "--json", NULL)->out, "\"values\":{\"steps\":\"8\",\"cfg\":\"1.5\",\"sampler\":\"lcm\""));
  vel_assert_refused (vel_program_run (NULL, "generate", "--prompt", "x", "--preset", "warp", NULL), 2, "warp");
  vel_assert_refused (vel_program_run (NULL, "generate", "--prompt", "x", "--preset", "warp", NULL), 2, "turbo, turbo-1, lightning");
}

/* A name that says nothing leaves the word to the title in the file. */
static void
test_preset_of_title (void)
{
  static const float numbers[4] = { 0 };
  g_autofree char *path = vel_program_path ("plain.safetensors");
  g_autoptr (GHashTable) metadata = g_hash_table_new (g_str_hash, g_str_equal);

  g_hash_table_insert (metadata, "modelspec.title", "SDXL Turbo");
  g_assert_true (vel_safetensors_write (path, &(VelTensorOut){ "x", VEL_F32, VEL_SHAPE (2, 2), numbers }, 1, metadata, NULL));
  g_assert_nonnull (strstr (vel_program_run (NULL, "inspect", path, NULL)->out, "\npreset: turbo\n"));
}

/* Those of the data folder; what is none is named and left out. */
static void
test_embeddings (void)
{
  static const float vectors[2 * 768] = { 0 };
  g_autofree char *folder = g_build_filename (g_getenv ("XDG_DATA_HOME"), "velatura", "embeddings", NULL);
  g_autofree char *ink = g_build_filename (folder, "ink.safetensors", NULL), *odd = g_build_filename (folder, "odd.pt", NULL);
  const VelOutcome *outcome;

  g_assert_cmpstr (vel_program_run (NULL, "list", "embeddings", NULL)->out, ==, "");
  g_mkdir_with_parents (folder, 0700);
  g_assert_true (vel_safetensors_write (ink, &(VelTensorOut){ "emb_params", VEL_F32, VEL_SHAPE (2, 768), vectors }, 1, NULL, NULL));
  g_assert_true (g_file_set_contents (odd, "no pickle", -1, NULL));
  outcome = vel_program_run (NULL, "list", "embeddings", "--json", NULL);
  g_assert_cmpint (outcome->status, ==, 0);
  g_assert_true (g_str_has_prefix (outcome->out, "{\"name\":\"ink\",\"family\":\"Stable Diffusion 1\",\"vectors\":2,\"width\":768,\"path\":"));
  g_assert_nonnull (strstr (outcome->err, "odd.pt"));
}

int
main (int argc, char **argv)
{
  vel_program_init (&argc, &argv);
  g_test_add_func ("/usage/version", test_version);
  g_test_add_func ("/usage/help", test_help);
  g_test_add_func ("/usage/unknown", test_unknown);
  g_test_add_func ("/usage/later", test_later);
  g_test_add_func ("/usage/embeddings", test_embeddings);
  g_test_add_func ("/usage/values", test_values);
  g_test_add_func ("/usage/files", test_files);
  g_test_add_func ("/usage/chinese", test_chinese);
  g_test_add_func ("/usage/list", test_list);
  g_test_add_func ("/usage/presets", test_presets);
  g_test_add_func ("/usage/preset-of-title", test_preset_of_title);
  return vel_program_finish ();
}
