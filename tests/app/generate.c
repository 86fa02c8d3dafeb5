/* Pictures from the command line, with a tiny model.  SPDX-License-Identifier: Apache-2.0 */
#include "program.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "engine/formats/png.h"
#include "engine/formats/safetensors.h"
#include "engine/text/wildcards.h"
#include "tests/support/tiny-model.h"

static char *model;

/* Paints with the tiny model, 64x48, 3 steps, seed 5. Words follow the output, then NULL. */
#define PAINT(output, ...) \
  vel_program_run (NULL, "generate", "--model", model, "--prompt", "a lighthouse", "--width", "64", "--height", "48", "--steps", "3", \
                   "--seed", "5", "--threads", "1", "--output", output, ##__VA_ARGS__, NULL)

static VelPng *
read_picture (const char *path)
{
  g_autoptr (GError) error = NULL;
  VelPng *png = vel_png_read (path, FALSE, &error);

  g_assert_no_error (error);
  return png;
}

static guint
count_files (const char *folder)
{
  g_autoptr (GDir) listing = g_dir_open (folder, 0, NULL);
  guint n = 0;

  while (listing && g_dir_read_name (listing))
    n++;
  return n;
}

/* A picture of that size with its settings, and a line a step on standard error. */
static void
test_picture (void)
{
  g_autofree char *path = vel_program_path ("picture.png");
  const VelOutcome *outcome = PAINT (path);
  g_autoptr (VelPng) png = NULL;
  const char *settings;

  g_assert_cmpint (outcome->status, ==, 0);
  g_assert_cmpstr (outcome->out, ==, "");
  g_assert_nonnull (strstr (outcome->err, "seed 5\n"));
  g_assert_nonnull (strstr (outcome->err, "step 3 of 3"));
  png = read_picture (path);
  g_assert_cmpuint (png->width, ==, 64);
  g_assert_cmpuint (png->height, ==, 48);
  settings = g_hash_table_lookup (png->text, "parameters");
  g_assert_true (g_str_has_prefix (settings, "a lighthouse\nSteps: 3, "));
  g_assert_nonnull (strstr (settings, "Seed: 5, Size: 64x48, "));

  outcome = vel_program_run (NULL, "inspect", path, "--json", NULL);
  g_assert_nonnull (strstr (outcome->out, "\"Prompt\":\"a lighthouse\""));
  g_assert_nonnull (strstr (outcome->out, "\"Size-1\":\"64\""));
}

/* The program speaks the user's language; what it writes does not. */
static void
test_language (void)
{
  g_autofree char *plain = vel_program_path ("plain.png"), *chinese = vel_program_path ("chinese.png"), *a = NULL, *b = NULL;
  const VelOutcome *outcome;
  gsize n, m;

  g_assert_cmpint (PAINT (plain)->status, ==, 0);
  vel_program_speak ("zh_CN");
  outcome = PAINT (chinese);
  vel_program_speak (NULL);
  g_assert_cmpint (outcome->status, ==, 0);
  g_assert_nonnull (strstr (outcome->err, "种子 5\n"));
  g_assert_nonnull (strstr (outcome->err, "第 3 步，共 3 步"));
  g_assert_true (g_file_get_contents (plain, &a, &n, NULL) && g_file_get_contents (chinese, &b, &m, NULL));
  g_assert_cmpmem (a, n, b, m);
}

/* The largest difference of two pictures of 64x48, in steps of 1/255. */
static int
difference (const char *a_path, const char *b_path)
{
  g_autoptr (VelPng) a = read_picture (a_path), b = read_picture (b_path);
  int largest = 0;

  for (guint i = 0; i < 64 * 48 * 3; i++)
    largest = MAX (largest, ABS (a->rgb[i] - b->rgb[i]));
  return largest;
}

/* The same seed gives the same pixels on any number of threads. */
static void
test_threads (void)
{
  g_autofree char *one = vel_program_path ("one.png"), *two = vel_program_path ("two.png");

  g_assert_cmpint (PAINT (one)->status, ==, 0);
  g_assert_cmpint (PAINT (two, "--threads", "2")->status, ==, 0);
  g_assert_cmpint (difference (one, two), ==, 0);
}

/* Picture i of a batch is that of seed + i, pixel for pixel. */
static void
test_batch (void)
{
  g_autofree char *pattern = vel_program_path ("many-{seed}.png"), *five = vel_program_path ("many-5.png"),
                  *six = vel_program_path ("many-6.png"), *alone = vel_program_path ("alone.png");

  g_assert_cmpint (PAINT (pattern, "--batch", "2", "--quiet")->status, ==, 0);
  g_assert_cmpint (PAINT (alone, "--seed", "6")->status, ==, 0);
  g_assert_cmpint (difference (six, alone), ==, 0);
  g_assert_cmpint (difference (five, alone), >, 8);
}

/* A masked part is painted by itself and put back: the picture is as large as its start, and far from the mask it is the start. */
static void
test_masked_part (void)
{
  g_autofree char *start = tiny_model_golden ("start.png"), *mask = tiny_model_golden ("mask.png"), *path = vel_program_path ("part.png");
  g_autoptr (VelPng) before = read_picture (start), png = NULL;

  vel_assert_refused (PAINT (path, "--mask", mask, "--quiet"), 1, "--init");
  g_assert_cmpint (PAINT (path, "--init", start, "--mask", mask, "--inpaint-area", "masked", "--mask-blur", "2")->status, ==, 0);
  png = read_picture (path);
  g_assert_cmpuint (png->width, ==, before->width);
  g_assert_cmpuint (png->height, ==, before->height);
  g_assert_nonnull (strstr (g_hash_table_lookup (png->text, "parameters"), "Size: 64x48, "));
  g_assert_nonnull (strstr (g_hash_table_lookup (png->text, "parameters"), "Inpaint area: Only masked, "));
  g_assert_cmpmem (png->rgb, 88 * 3, before->rgb, 88 * 3);
  g_assert_cmpint (memcmp (png->rgb, before->rgb, 88 * 72 * 3), !=, 0);
}

/* Painted twice: the picture is the larger one, its settings say the first one's size, and steps count through. */
static void
test_second_pass (void)
{
  g_autofree char *pattern = vel_program_path ("large-{seed}.png"), *six = vel_program_path ("large-6.png"),
                  *alone = vel_program_path ("large-alone.png");
  const VelOutcome *outcome = PAINT (pattern, "--hires", "1.5", "--hires-steps", "2", "--hires-upscaler", "lanczos", "--batch", "2");
  g_autoptr (VelPng) png = NULL, other = NULL;

  g_assert_cmpint (outcome->status, ==, 0);
  g_assert_nonnull (strstr (outcome->err, "step 5 of 5"));
  png = read_picture (six);
  g_assert_cmpuint (png->width, ==, 96);
  g_assert_cmpuint (png->height, ==, 72);
  g_assert_nonnull (strstr (g_hash_table_lookup (png->text, "parameters"), "Size: 64x48, "));
  g_assert_nonnull (strstr (g_hash_table_lookup (png->text, "parameters"), "Hires upscale: 1.5, Hires steps: 2, Hires upscaler: Lanczos, "));
  g_assert_cmpint (PAINT (alone, "--seed", "6", "--hires", "1.5", "--hires-steps", "2", "--hires-upscaler", "lanczos")->status, ==, 0);
  other = read_picture (alone);
  g_assert_cmpmem (png->rgb, 96 * 72 * 3, other->rgb, 96 * 72 * 3);
}

/* Variations keep the seed and count their own; the second one's settings alone give the second one. */
static void
test_variations (void)
{
  g_autofree char *pattern = vel_program_path ("varied-{seed}.png"), *first = vel_program_path ("varied-5-1.png"),
                  *second = vel_program_path ("varied-5-2.png"), *alone = vel_program_path ("varied.png"),
                  *plain = vel_program_path ("unvaried.png");

  g_assert_cmpint (PAINT (pattern, "--batch", "2", "--variation-strength", "0.4", "--variation-seed", "8")->status, ==, 0);
  g_assert_cmpint (PAINT (alone, "--variation-strength", "0.4", "--variation-seed", "9")->status, ==, 0);
  g_assert_cmpint (PAINT (plain)->status, ==, 0);
  g_assert_cmpint (difference (second, alone), ==, 0);
  g_assert_cmpint (difference (first, alone), >, 8);
  g_assert_cmpint (difference (plain, alone), >, 8);
}

/* A name that is taken is refused before work begins and stays as it is; --force replaces it. */
static void
test_existing (void)
{
  g_autofree char *path = vel_program_path ("existing.png"), *text = NULL;
  g_autoptr (VelPng) png = NULL;

  g_assert_true (g_file_set_contents (path, "precious", -1, NULL));
  vel_assert_refused (PAINT (path), 1, "--force");
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "precious");
  g_assert_cmpint (PAINT (path, "--force")->status, ==, 0);
  png = read_picture (path);
  g_assert_cmpuint (png->width, ==, 64);
}

/* A job that fails leaves no file, whole or partial. */
static void
test_failure (void)
{
  g_autofree char *folder = vel_program_path ("empty"), *path = g_build_filename (folder, "x.png", NULL),
                  *trace = g_build_filename (folder, "x.safetensors", NULL), *damaged = vel_program_path ("damaged.safetensors");

  g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
  g_assert_true (g_file_set_contents (damaged, "\x10\0\0\0\0\0\0\0{\"a\":1}", 15, NULL));
  vel_assert_refused (PAINT (path, "--model", damaged, "--trace", trace, "--quiet"), 1, "damaged");
  vel_assert_refused (PAINT (path, "--tokenizer", "/nowhere", "--trace", trace, "--quiet"), 1, "nowhere");
  vel_assert_refused (PAINT ("/nowhere/x.png"), 1, "/nowhere");
  vel_assert_refused (PAINT (folder, "--force"), 1, "folder");
  vel_assert_refused (PAINT (path, "--trace", "/nowhere/x.safetensors"), 1, "/nowhere");
  g_assert_cmpuint (count_files (folder), ==, 0);
}

/* Every line is an object; there is one for each step, one for the picture, and the last says done. */
static void
test_json (void)
{
  g_autofree char *path = vel_program_path ("json.png");
  g_auto (GStrv) lines = g_strsplit (PAINT (path, "--json", "--quiet")->out, "\n", -1);
  guint n_steps = 0, n_pictures = 0;
  const char *event = NULL;

  for (guint i = 0; *lines[i]; i++) {
    json_t *object = json_loads (lines[i], JSON_REJECT_DUPLICATES, NULL);

    event = g_intern_string (json_string_value (json_object_get (object, "event")));
    n_steps += g_str_equal (event, "step");
    if (g_str_equal (event, "picture")) {
      n_pictures++;
      g_assert_cmpstr (json_string_value (json_object_get (object, "path")), ==, path);
      g_assert_cmpstr (json_string_value (json_object_get (object, "seed")), ==, "5");
    }
    json_decref (object);
  }
  g_assert_cmpuint (n_steps, >=, 3);
  g_assert_cmpuint (n_pictures, ==, 1);
  g_assert_cmpstr (event, ==, "done");
}

/* Numbers are read and written in the C locale even where people write a comma. */
static void
test_locale (void)
{
  g_autofree char *path = vel_program_path ("locale.png");
  g_autoptr (VelPng) png = NULL;

  g_setenv ("LC_ALL", "de_DE.UTF-8", TRUE);
  g_assert_cmpint (PAINT (path, "--cfg", "6.5")->status, ==, 0);
  g_setenv ("LC_ALL", "C.UTF-8", TRUE);
  png = read_picture (path);
  g_assert_nonnull (strstr (g_hash_table_lookup (png->text, "parameters"), "CFG scale: 6.5,"));
}

static void
test_trace (void)
{
  g_autofree char *path = vel_program_path ("traced.png"), *trace = vel_program_path ("trace.safetensors");
  g_autoptr (VelTensorFile) file = NULL;
  static const char *const names[] = { "tokens.cond", "cond", "sigmas", "noise", "model.cond", "latent.000", "latent.003", "image" };

  g_assert_cmpint (PAINT (path, "--trace", trace)->status, ==, 0);
  file = vel_safetensors_open (trace, NULL, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_assert_nonnull (vel_tensor_file_find (file, names[i]));
  g_assert_cmpstr (vel_tensor_file_get_metadata (file, "format"), ==, "velatura-trace");
}

/* Without --output the picture goes into the history, its path is printed, and the history finds, exports and rebuilds it. */
static void
test_history (void)
{
  const VelOutcome *outcome =
    vel_program_run ("a small lighthouse\n", "generate", "--model", model, "--prompt-file", "-", "--width", "64", "--height", "64", "--steps", "1",
                     "--quiet", NULL);
  g_autofree char *path = g_strchomp (g_strdup (outcome->out)), *exported = vel_program_path ("exported.png"), *list = NULL;
  g_autoptr (VelPng) png = NULL;

  g_assert_cmpint (outcome->status, ==, 0);
  png = read_picture (path);
  list = g_strdup (vel_program_run (NULL, "history", "search", "small", "light", NULL)->out);
  g_assert_nonnull (strstr (list, "a small lighthouse"));
  g_assert_cmpstr (vel_program_run (NULL, "history", "search", "cathedral", NULL)->out, ==, "");
  g_assert_cmpint (vel_program_run (NULL, "history", "verify", NULL)->status, ==, 0);
  g_assert_cmpint (vel_program_run (NULL, "history", "rebuild", NULL)->status, ==, 0);
  g_assert_nonnull (strstr (vel_program_run (NULL, "history", "list", "--json", NULL)->out, path));
  g_strchug (list);
  list[strcspn (list, " ")] = '\0';
  g_assert_cmpint (vel_program_run (NULL, "history", "export", list, "--output", exported, NULL)->status, ==, 0);
  g_assert_true (g_file_test (exported, G_FILE_TEST_IS_REGULAR));
  vel_assert_refused (vel_program_run (NULL, "history", "export", list, "--output", exported, NULL), 1, "exported.png");
}

/* One Ctrl+C during 150 steps: the step in hand is finished, what there is is kept, the status is 130. */
static void
test_interrupt (void)
{
  g_autofree char *path = vel_program_path ("stopped.png"), *line = NULL;
  const char *words[] = {
    g_getenv ("VELATURA_PROGRAM"), "generate", "--model", model, "--prompt", "a lighthouse", "--width", "256", "--height", "256", "--steps", "150",
    "--threads", "1", "--json", "--quiet", "--output", path, NULL,
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (GSubprocess) process = g_subprocess_newv (words, G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error);
  g_autoptr (GDataInputStream) out = g_data_input_stream_new (g_subprocess_get_stdout_pipe (process));
  g_autofree char *last = NULL;
  g_autoptr (VelPng) png = NULL;
  gboolean sent = FALSE;

  g_assert_no_error (error);
  while ((line = g_data_input_stream_read_line (out, NULL, NULL, NULL))) {
    if (!sent && strstr (line, "\"event\":\"step\",\"step\":1,")) {
      g_subprocess_send_signal (process, SIGINT);
      sent = TRUE;
    }
    g_free (last);
    last = g_steal_pointer (&line);
  }
  g_assert_true (sent);
  g_assert_true (g_subprocess_wait (process, NULL, &error));
  g_assert_true (g_subprocess_get_if_exited (process));
  g_assert_cmpint (g_subprocess_get_exit_status (process), ==, 130);
  g_assert_nonnull (strstr (last, "\"cancelled\""));
  png = read_picture (path);
  g_assert_true (g_str_has_prefix (g_hash_table_lookup (png->text, "Comment"), "Stopped after step "));
}

/* Another program's picture: which program, what it says, and what of that is not done here. */
static void
test_inspect_picture (void)
{
  g_autofree char *hidden = g_test_build_filename (G_TEST_DIST, "golden", "formats", "metadata", "novelai.png", NULL);
  g_autofree char *jpeg = g_test_build_filename (G_TEST_DIST, "golden", "formats", "metadata", "unicode.jpg", NULL);
  const VelOutcome *outcome = vel_program_run (NULL, "inspect", hidden, "--json", NULL);
  json_t *found = json_loads (outcome->out, 0, NULL), *settings = json_object_get (found, "settings");

  g_assert_cmpint (outcome->status, ==, 0);
  g_assert_cmpstr (json_string_value (json_object_get (found, "program")), ==, "NovelAI");
  g_assert_cmpstr (json_string_value (json_object_get (settings, "Prompt")), ==, "a (fox:1.05)");
  g_assert_cmpstr (json_string_value (json_object_get (settings, "Seed")), ==, "5");
  g_assert_cmpuint (json_array_size (json_object_get (found, "notes")), >=, 1);
  json_decref (found);
  outcome = vel_program_run (NULL, "inspect", jpeg, NULL);
  g_assert_nonnull (strstr (outcome->out, "container: jpeg\nwidth: 24\nheight: 16\nprogram: A1111\n"));
  g_assert_nonnull (strstr (outcome->out, "  Negative prompt: blurry\n"));
}

/* A preset's options, and those that were given whatever the order. PAINT gives --steps 3 before what follows. */
static void
test_preset (void)
{
  static const struct {
    const char *words[4];
    const char *wanted;
  } cases[] = {
    { { "--preset", "lcm" }, "Sampler: LCM, Schedule type: SGM Uniform, CFG scale: 1.5" },
    { { "--cfg", "4", "--preset", "lcm" }, "Sampler: LCM, Schedule type: SGM Uniform, CFG scale: 4" },
    { { "--preset=lcm", "--sampler=heun" }, "Sampler: Heun, Schedule type: SGM Uniform, CFG scale: 1.5" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *name = g_strdup_printf ("preset-%u.png", i), *path = vel_program_path (name);
    const char *const *words = cases[i].words;
    g_autoptr (VelPng) png = NULL;
    const char *parameters;

    g_assert_cmpint (PAINT (path, words[0], words[1], words[2], words[3])->status, ==, 0);
    png = read_picture (path);
    parameters = g_hash_table_lookup (png->text, "parameters");
    g_assert_nonnull (strstr (parameters, "Steps: 3, "));
    g_assert_nonnull (strstr (parameters, cases[i].wanted));
  }
}

/* What the model's tensors say. */
static void
test_inspect (void)
{
  g_autofree char *lightning = vel_program_path ("sdxl_lightning_8step.safetensors");
  const VelOutcome *outcome = vel_program_run (NULL, "inspect", model, "--json", NULL);
  json_t *found = json_loads (outcome->out, 0, NULL);

  g_assert_cmpint (outcome->status, ==, 0);
  g_assert_cmpstr (json_string_value (json_object_get (found, "family")), ==, "sd1");
  g_assert_cmpstr (json_string_value (json_object_get (found, "prediction")), ==, "eps");
  g_assert_cmpint (json_integer_value (json_object_get (found, "in_channels")), ==, 4);
  g_assert_cmpint (json_integer_value (json_object_get (found, "model_channels")), ==, 32);
  g_assert_cmpint (json_integer_value (json_object_get (found, "context_dim")), >, 0);
  g_assert_cmpuint (strlen (json_string_value (json_object_get (found, "hash_autov2"))), ==, 10);
  g_assert_cmpuint (strlen (json_string_value (json_object_get (found, "hash_autov3"))), ==, 12);
  json_decref (found);
  outcome = vel_program_run (NULL, "inspect", model, NULL);
  g_assert_nonnull (strstr (outcome->out, "family: sd1\n"));
  g_assert_null (strstr (outcome->out, "preset: "));
  g_assert_cmpint (symlink (model, lightning), ==, 0);
  g_assert_nonnull (strstr (vel_program_run (NULL, "inspect", lightning, NULL)->out, "preset: lightning-8\n"));
}

/* Each picture of a batch makes its own choices, says in its settings which, and is what those words alone paint. */
static void
test_choices (void)
{
  static const char prompt[] = "{lighthouse|map} __sea__ __none__";
  g_autofree char *folder = g_build_filename (g_getenv ("XDG_DATA_HOME"), "velatura", "wildcards", NULL);
  g_autofree char *file = g_build_filename (folder, "sea.txt", NULL), *paths = vel_program_path ("choice-{seed}.png");
  const VelOutcome *outcome;
  gboolean differ = FALSE;

  g_mkdir_with_parents (folder, 0700);
  g_assert_true (g_file_set_contents (file, "stormy\ncalm\nfrozen\n", -1, NULL));
  outcome = PAINT (paths, "--prompt", prompt, "--negative", "{text|photo}", "--batch", "3");
  g_assert_cmpint (outcome->status, ==, 0);
  g_assert_nonnull (strstr (outcome->err, "none.txt"));
  for (guint i = 0; i < 3; i++) {
    g_autofree char *name = g_strdup_printf ("choice-%u.png", 5 + i), *path = vel_program_path (name), *alone = vel_program_path ("alone.png");
    g_autofree char *positive = vel_wildcards_resolve (prompt, folder, 5 + i, NULL, NULL);
    g_autofree char *negative = vel_wildcards_resolve ("{text|photo}", folder, 5 + i, NULL, NULL);
    g_autofree char *begin = g_strdup_printf ("%s\nNegative prompt: %s\nSteps: 3, ", positive, negative);
    g_autofree char *seed = g_strdup_printf ("%u", 5 + i), *first = vel_wildcards_resolve (prompt, folder, 5, NULL, NULL);
    g_autoptr (VelPng) png = read_picture (path), again = NULL;

    g_assert_true (g_str_has_prefix (g_hash_table_lookup (png->text, "parameters"), begin));
    differ = differ || !g_str_equal (first, positive);
    outcome = PAINT (alone, "--prompt", positive, "--negative", negative, "--seed", seed, "--force");
    g_assert_cmpint (outcome->status, ==, 0);
    again = read_picture (alone);
    g_assert_cmpmem (png->rgb, 64 * 48 * 3, again->rgb, 64 * 48 * 3);
  }
  g_assert_true (differ);
}

int
main (int argc, char **argv)
{
  g_autofree char *folder = NULL;

  vel_program_init (&argc, &argv);
  folder = vel_program_path ("model");
  model = tiny_model_write ("four-levels", folder);
  g_test_add_func ("/generate/picture", test_picture);
  g_test_add_func ("/generate/language", test_language);
  g_test_add_func ("/generate/threads", test_threads);
  g_test_add_func ("/generate/batch", test_batch);
  g_test_add_func ("/generate/second-pass", test_second_pass);
  g_test_add_func ("/generate/choices", test_choices);
  g_test_add_func ("/generate/variations", test_variations);
  g_test_add_func ("/generate/masked-part", test_masked_part);
  g_test_add_func ("/generate/existing", test_existing);
  g_test_add_func ("/generate/failure", test_failure);
  g_test_add_func ("/generate/json", test_json);
  g_test_add_func ("/generate/locale", test_locale);
  g_test_add_func ("/generate/trace", test_trace);
  g_test_add_func ("/generate/history", test_history);
  g_test_add_func ("/generate/interrupt", test_interrupt);
  g_test_add_func ("/generate/preset", test_preset);
  g_test_add_func ("/generate/inspect", test_inspect);
  g_test_add_func ("/generate/inspect-picture", test_inspect_picture);
  return vel_program_finish ();
}
