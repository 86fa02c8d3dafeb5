/* Whole pictures against PyTorch: every tensor on the way, within a stated bar.  SPDX-License-Identifier: Apache-2.0
 *
 * make.py, families.py, programs.py, prompts.py and loras.py in tests/golden/pictures dumped the traces from diffusers, transformers,
 * k-diffusion, peft and LyCORIS in fp32. The bars are ten times what two independent fp32 programs differ by, and a fifth or less of what a mistake makes. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "engine/pipeline/generate.h"
#include "engine/pipeline/request.h"
#include "engine/tensor/random.h"
#include "tests/support/tiny-model.h"

typedef struct {
  char *folder;
  VelEngine *engine;
  GHashTable *models; /* recipe name to path */
} Fixture;

static Fixture fixture;

static const char *
model_path (const char *name)
{
  char *path = g_hash_table_lookup (fixture.models, name);

  if (!path) {
    g_autofree char *folder = g_build_filename (fixture.folder, name, NULL);

    path = tiny_model_write (name, folder);
    g_hash_table_insert (fixture.models, g_strdup (name), path);
  }
  return path;
}

/* Relative L2, and the largest difference over the largest value. */
static void
compare (const VelTensorEntry *want, const VelTensorEntry *got, double bar)
{
  const float *a = want->data, *b = got->data;
  gsize count = (gsize) vel_shape_count (want->shape);
  double square = 0, reference = 0, largest = 0, top = 0, sum = 0;

  g_assert_true (vel_shape_equal (want->shape, got->shape));
  g_assert_cmpint (got->type, ==, VEL_F32);
  for (gsize i = 0; i < count; i++) {
    double difference = fabs ((double) a[i] - b[i]);

    square += difference * difference;
    reference += (double) a[i] * a[i];
    largest = MAX (largest, difference);
    top = MAX (top, fabs ((double) a[i]));
    sum += difference;
  }
  if (reference == 0) {
    g_assert_cmpfloat (square, ==, 0);
    return;
  }
  g_test_message ("%-16s relative L2 %.2e, largest %.2e, mean %.2e (bar %.0e)", want->name, sqrt (square / reference), largest,
                  sum / (double) count, bar);
  g_assert_cmpfloat (sqrt (square / reference), <=, bar);
  g_assert_cmpfloat (largest / top, <=, bar);
}

/* later: of the latents after the first step, and of the picture */
static double
bar_of (const char *name, double later)
{
  if (g_str_has_prefix (name, "model."))
    return 3e-5;
  if (g_str_has_suffix (name, "sigmas")) /* also a second pass's, whose other tensors follow from the first one's */
    return 1e-5;
  if (g_str_has_suffix (name, "noise"))
    return 2e-6;
  if (g_str_has_prefix (name, "hires."))
    return later;
  if (g_str_has_suffix (name, "cond") || g_str_equal (name, "latent.000") || g_str_equal (name, "init"))
    return 5e-5;
  return later;
}

/* What is kept: a value on the edge of two bytes may fall to either side, and be enlarged before it is laid over the start. */
static void
compare_picture (const VelTensorEntry *want, const VelPicture *got)
{
  const guint8 *bytes = want->data;
  guint differing = 0;
  int largest = 0;

  g_assert_cmpint (want->shape.size[0], ==, got->height);
  g_assert_cmpint (want->shape.size[1], ==, got->width);
  for (gsize i = 0; i < want->bytes; i++) {
    differing += bytes[i] != got->rgb[i];
    largest = MAX (largest, ABS (bytes[i] - got->rgb[i]));
  }
  g_test_message ("picture: %u of %zu bytes differ, by up to %d", differing, want->bytes, largest);
  g_assert_cmpint (largest, <=, 1);
  g_assert_cmpuint (differing, <=, want->bytes / 50);
}

/* later: of the latents after the first step */
static void
compare_traces (const char *want_path, const char *got_path, const VelPicture *picture, double later)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VelTensorFile) want = vel_safetensors_open (want_path, NULL, &error);
  g_autoptr (VelTensorFile) got = NULL;

  g_assert_no_error (error);
  got = vel_safetensors_open (got_path, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (vel_tensor_file_get_metadata (got, "format"), ==, "velatura-trace");
  for (gsize i = 0; i < vel_tensor_file_get_count (want); i++) {
    const VelTensorEntry *a = vel_tensor_file_get (want, i), *b = vel_tensor_file_find (got, a->name);

    if (g_str_equal (a->name, "picture")) {
      compare_picture (a, picture);
      continue;
    }
    if (!b)
      g_error ("the trace has no %s", a->name);
    if (g_str_has_prefix (a->name, "tokens.")) {
      g_assert_cmpmem (a->data, a->bytes, b->data, b->bytes);
      continue;
    }
    compare (a, b, bar_of (a->name, later));
  }
}

/* v-prediction and starting from a picture ask for times between table entries, known to about 1e-4 in fp32; Brownian paths round noise
 * levels to six decimals, a step of the path that an ulp of the level decides. */
static double
bar_of_case (json_t *options)
{
  if (json_object_get (options, "bar")) /* a model that says itself that it predicts v */
    return json_number_value (json_object_get (options, "bar"));
  if (strstr (json_string_value (json_object_get (options, "sampler")), "sde"))
    return 5e-3;
  if (g_strcmp0 (json_string_value (json_object_get (options, "prediction")), "v") == 0 || json_object_get (options, "init"))
    return 2e-3;
  return 3e-4;
}

static void
set_controls (VelValues *request, json_t *texts)
{
  g_autoptr (GString) lines = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  json_t *text;
  size_t i;

  json_array_foreach (texts, i, text)
  {
    g_autofree char *line = tiny_model_control (json_string_value (text), model_path);

    g_string_append_printf (lines, "%s%s", i ? "\n" : "", line);
  }
  vel_values_set (request, "control", lines->str, &error);
  g_assert_no_error (error);
}

/* option: (nullable) set to value, beside those of the case */
static void
run_case (const char *name, const char *option, const char *value)
{
  g_autofree char *case_name = g_strdup_printf ("cases/%s.json", name);
  g_autofree char *trace_name = g_strdup_printf ("cases/%s.safetensors", name);
  g_autofree char *case_path = tiny_model_golden (case_name);
  g_autofree char *want = tiny_model_golden (trace_name);
  g_autofree char *got = g_build_filename (fixture.folder, "trace.safetensors", NULL);
  json_t *options = json_load_file (case_path, 0, NULL);
  g_autoptr (VelValues) request = NULL;
  g_autoptr (VelResult) result = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_nonnull (options);
  request = tiny_model_request (options);
  vel_values_set (request, "model", model_path (json_string_value (json_object_get (options, "model"))), NULL);
  if (json_object_get (options, "refiner"))
    vel_values_set (request, "refiner", model_path (json_string_value (json_object_get (options, "refiner"))), NULL);
  if (json_object_get (options, "control"))
    set_controls (request, json_object_get (options, "control"));
  if (option)
    g_assert_true (vel_values_set (request, option, value, NULL));
  result = vel_engine_generate (fixture.engine, request, NULL, NULL, got, FALSE, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (result->pictures->len, ==, 1);
  compare_traces (want, got, g_ptr_array_index (result->pictures, 0), bar_of_case (options));
  json_decref (options);
}

static void
test_case (gconstpointer data)
{
  run_case (data, NULL, NULL);
}

/* Of the four steps of that case the share of 0.4 leaves two to the refiner: timesteps 333 and 0. */
static void
test_refiner_step (void)
{
  run_case ("handed-over", "refiner_step", "2");
}

/* A LoRA is what its tensors are, whatever they lie in. data: the file's ending */
static void
test_lora_container (gconstpointer data)
{
  g_autofree char *relative = g_strconcat ("loras/lora-processor.", data, ":0.7", NULL), *wish = tiny_model_golden (relative);

  run_case ("lora-processor", "lora", wish);
}

/* A picture of a batch is, to the bit, the picture its own seed makes alone. data: the sampler */
static void
test_batch (gconstpointer data)
{
  g_autoptr (VelValues) request = vel_request_new ();
  g_autoptr (VelResult) both = NULL, alone = NULL;
  g_autoptr (GError) error = NULL;
  const char *const options[] = { "prompt", "a castle in the mist", "seed",    "18446744073709551615", "steps", "2",
                                         "width",  "64",                   "height",  "40",                   "batch", "2",
                                         "sampler", data };

  vel_values_set (request, "model", model_path ("four-levels"), NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (options); i += 2)
    g_assert_true (vel_values_set (request, options[i], options[i + 1], NULL));
  both = vel_engine_generate (fixture.engine, request, NULL, NULL, NULL, FALSE, NULL, &error);
  g_assert_no_error (error);
  vel_values_set (request, "batch", "1", NULL);
  vel_values_set (request, "seed", "0", NULL); /* 2^64 - 1 + 1 */
  alone = vel_engine_generate (fixture.engine, request, NULL, NULL, NULL, FALSE, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (((VelPicture *) g_ptr_array_index (both->pictures, 1))->rgb, 64 * 40 * 3,
                   ((VelPicture *) g_ptr_array_index (alone->pictures, 0))->rgb, 64 * 40 * 3);
}

static VelTensorFile *
trace_with_offset (const char *offset, const char *seed)
{
  static const char *const options[] = { "prompt", "a castle in the mist", "steps", "3", "width", "64", "height", "64", "sampler", "euler_a" };
  g_autoptr (VelValues) request = vel_request_new ();
  g_autofree char *path = g_build_filename (fixture.folder, "offset.safetensors", NULL);
  g_autoptr (VelResult) result = NULL;
  g_autoptr (GError) error = NULL;
  VelTensorFile *trace;

  vel_values_set (request, "model", model_path ("two-levels"), NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (options); i += 2)
    g_assert_true (vel_values_set (request, options[i], options[i + 1], NULL));
  g_assert_true (vel_values_set (request, "seed", seed, NULL));
  g_assert_true (vel_values_set (request, "ensd", offset, NULL));
  result = vel_engine_generate (fixture.engine, request, NULL, NULL, path, FALSE, NULL, &error);
  g_assert_no_error (error);
  trace = vel_safetensors_open (path, NULL, &error);
  g_assert_no_error (error);
  g_unlink (path);
  return trace;
}

static const float *
find_values (VelTensorFile *trace, const char *name)
{
  return vel_tensor_file_find (trace, name)->data;
}

/* The first step's noise is the first of seed + offset instead of the second of the seed; all before it is the same. */
static void
test_seed_offset (void)
{
  g_autoptr (VelTensorFile) plain = trace_with_offset ("0", "100"), offset = trace_with_offset ("31337", "100");
  g_autoptr (VelTensorFile) other = trace_with_offset ("0", "31437");
  const float *sigmas = find_values (plain, "sigmas"), *without = find_values (plain, "latent.001"), *with = find_values (offset, "latent.001");
  const float *fresh = find_values (other, "noise");
  gsize count = (gsize) vel_shape_count (vel_tensor_file_find (plain, "noise")->shape);
  double from = sigmas[0], to = sigmas[1], up = sqrt (to * to * (from * from - to * to) / (from * from));
  g_autofree float *second = g_new (float, count);
  VelRandom stream;

  vel_random_init (&stream, VEL_RANDOM_CPU, 100);
  vel_random_normal (&stream, second, count);
  vel_random_normal (&stream, second, count);
  g_assert_cmpmem (find_values (plain, "latent.000"), count * sizeof (float), find_values (offset, "latent.000"), count * sizeof (float));
  for (gsize i = 0; i < count; i++)
    g_assert_cmpfloat_with_epsilon (with[i] - without[i], up * ((double) fresh[i] - second[i]), 1e-4);
}

/* Two runs are equal to the bit. */
static void
test_repeatable (void)
{
  g_autoptr (VelValues) request = vel_request_new ();
  g_autoptr (VelResult) first = NULL, second = NULL;
  VelPicture *a, *b;

  vel_values_set (request, "model", model_path ("two-levels"), NULL);
  vel_values_set (request, "prompt", "old map", NULL);
  vel_values_set (request, "seed", "7", NULL);
  vel_values_set (request, "steps", "3", NULL);
  vel_values_set (request, "width", "64", NULL);
  vel_values_set (request, "height", "64", NULL);
  first = vel_engine_generate (fixture.engine, request, NULL, NULL, NULL, FALSE, NULL, NULL);
  second = vel_engine_generate (fixture.engine, request, NULL, NULL, NULL, FALSE, NULL, NULL);
  a = g_ptr_array_index (first->pictures, 0);
  b = g_ptr_array_index (second->pictures, 0);
  g_assert_cmpmem (a->rgb, 64 * 64 * 3, b->rgb, 64 * 64 * 3);
}

int
main (int argc, char **argv)
{
  static const char *const cases[] = { "euler-normal", "euler-a-karras", "heun-exponential",  "dpmpp-2m-karras", "ddim",
                                       "nv",           "clip-skip",      "long",              "v",               "init",
                                       "two-levels-simple", "one-block-sgm", "folder-v",         "sde",             "sde-init-nv",
                                       "sd2-eps",      "sd2-long-v",     "sd2-folder",        "sdxl",            "sdxl-long",
                                       "sdxl-folder",  "refiner",        "refiner-empty",     "inpaint-all",     "edit",
                                       "handed-over",
                                       "edit-two",     "sdxl-zero",      "short-middle",      "no-middle",
                                       "comfyui-euler-a", "comfyui-2m",  "comfyui-sde",       "comfyui-dpm2",    "comfyui-ddim",
                                       "comfyui-beta", "comfyui-kl-optimal", "comfyui-init",  "comfyui-sde-init", "comfyui-empty",
                                       "diffusers-euler", "diffusers-euler-a", "told", "diffusers-heun", "diffusers-rescale", "diffusers-rescale-v",
                                       "diffusers-tcd", "levels", "levels-all", "levels-init", "unipc-original",
                                       "mask",
                                       "mask-ddim",    "mask-ddim-blurred", "mask-noise",     "mask-nothing",      "mask-part",       "mask-channels",
                                       "mask-soft",    "mask-soft-part", "mask-soft-channels", "mask-soft-ddim",
                                       "outpaint",     "outpaint-noise", "outpaint-part",     "outpaint-channels",
                                       "resize-fit",   "resize-fill",    "resize-stretch",
                                       "noisier", "noisier-ddim", "hires-noisier", "resize-latent", "resize-latent-odd", "hires-start", "hires-mask", "hires-grown",
                                       "timeline",     "timeline-heun",  "timeline-long",     "timeline-sdxl",   "compose",
                                       "compose-sdxl", "compose-even",   "embedding",         "embedding-sdxl",
                                       "exact-steps",  "hires",          "hires-cut",         "hires-pixels",    "hires-ddim",
                                       "hires-sizes",  "hires-network", "tiling",           "tiling-x",
                                       "tiling-y",     "tiling-sdxl",    "tiling-sdxl-x",    "comfyui-weights",
                                       "lora-kohya",   "lora-processor", "lora-peft",         "lora-xl-blocks",  "lora-xl-peft",
                                       "lora-xl-onetrainer", "lora-xl-dora", "lora-locon",   "lora-loha",       "lora-lokr",
                                       "control",      "control-two",    "control-odd",       "control-hires",    "control-sd2",
                                       "control-sdxl", "control-inpaint" };
  int status;

  g_test_init (&argc, &argv, NULL);
  fixture.folder = g_dir_make_tmp ("velatura-golden-XXXXXX", NULL);
  fixture.engine = vel_engine_new ("cpu", &(VelDeviceOptions) { .threads = 2 }, NULL);
  fixture.models = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_strconcat ("/pipeline/golden/", cases[i], NULL);

    g_test_add_data_func (path, cases[i], test_case);
  }
  g_test_add_data_func ("/pipeline/batch-is-seeds", "euler_a", test_batch);
  g_test_add_func ("/pipeline/seed-offset", test_seed_offset);
  g_test_add_func ("/pipeline/refiner-step", test_refiner_step);
  g_test_add_data_func ("/pipeline/lora-container/torch-zip", "pt", test_lora_container);
  g_test_add_data_func ("/pipeline/lora-container/torch-legacy", "ckpt", test_lora_container);
  g_test_add_data_func ("/pipeline/lora-container/gguf", "gguf", test_lora_container);
  g_test_add_data_func ("/pipeline/batch-is-seeds/brownian", "dpmpp_2m_sde", test_batch);
  g_test_add_func ("/pipeline/repeatable", test_repeatable);
  status = g_test_run ();
  vel_engine_free (fixture.engine);
  g_hash_table_unref (fixture.models);
  tiny_remove_tree (fixture.folder);
  g_free (fixture.folder);
  return status;
}
