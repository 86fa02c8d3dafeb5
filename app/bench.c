/* velatura bench: how fast this machine is with these networks.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <gio/gio.h>
#include <glib/gi18n.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "app/flags.h"
#include "engine/pipeline/bench.h"
#include "engine/pipeline/request.h"
#include "engine/upscalers.h"
#include "kernels/bench.h"

static const VelParam own_table[] = {
  { "model", N_ ("Model"), "", N_ ("The model to time; unset, the starter."), VEL_PARAM_FILE, .standard = "" },
  { "upscaler", N_ ("Upscaler"), "", N_ ("The network to time by the word upscaler: a file, or a name of `velatura list upscalers`."), VEL_PARAM_FILE,
    .standard = "" },
  { "tokenizer", N_ ("Tokenizer"), "", N_ ("Where the model's vocabulary is."), VEL_PARAM_FILE, .standard = "" },
  { "lora", N_ ("LoRA"), "", N_ ("The LoRAs whose strengths change, for lora: FILE[:UNET[:TEXT]]."), VEL_PARAM_FILE, VEL_PARAM_LIST,
    .standard = "" },
  { "width", N_ ("Width"), "", N_ ("Width of the picture; unset, what the model was trained on."), VEL_PARAM_INT, .minimum = 64,
    .maximum = 4096, .step = 8, .standard = "" },
  { "height", N_ ("Height"), "", N_ ("Height of the picture; unset, what the model was trained on."), VEL_PARAM_INT, .minimum = 64,
    .maximum = 4096, .step = 8, .standard = "" },
  { "batch", N_ ("Batch"), "", N_ ("Pictures through the UNet at once; guidance takes two for each."), VEL_PARAM_INT, .minimum = 1,
    .maximum = 128, .step = 1, .standard = "2" },
  { "runs", N_ ("Runs"), "", N_ ("How many runs are counted, after one that warms up."), VEL_PARAM_INT, .minimum = 1, .maximum = 1000,
    .step = 1, .standard = "5" },
  { "threads", N_ ("Threads"), "", N_ ("How many processor cores to use; 0 uses all."), VEL_PARAM_INT, .maximum = 1024, .step = 1,
    .standard = "0" },
  { "device", N_ ("Device"), "", N_ ("Where to compute."), VEL_PARAM_CHOICE, .standard = "cpu",
    .choices = "auto|cpu|cuda|cuda:0|cuda:1|cuda:2|cuda:3|cuda:4|cuda:5|cuda:6|cuda:7" },
  { "precision", N_ ("Precision"), "", N_ ("Arithmetic of the networks."), VEL_PARAM_CHOICE, .standard = "auto",
    .choices = "auto|fp32|bf16|fp16" },
  { "json", N_ ("JSON"), "", N_ ("One JSON object per line."), VEL_PARAM_BOOL, .standard = "false" },
  { NULL },
};

static const VelUsage usage = { "bench", "[op | unet | vae | text | steps | lora | upscaler]… [options]",
                                N_ ("Times the kernels on the shapes of Stable Diffusion 1.5 (op), a model's networks, whole sampling steps, a "
                                    "change of LoRA strengths, or a network that enlarges pictures. Without a word: unet, vae and text.") };

typedef struct {
  VelValues *own;
  VelEngine *engine;
  VelDevice *device;
  GCancellable *cancellable;
  GArray *step_ends; /* gint64, monotonic: when each sampling step was over */
} Bench;

static char *
name_processor (void)
{
  g_autofree char *info = NULL;
  const char *line;

  if (g_file_get_contents ("/proc/cpuinfo", &info, NULL, NULL) && (line = strstr (info, "model name")) && (line = strchr (line, ':')))
    return g_strstrip (g_strndup (line + 1, strcspn (line, "\n") - 1));
  return g_strdup ("unknown processor");
}

static void
add_figures (Bench *self, json_t *row, double seconds, double gflop, double peak)
{
  g_autofree char *processor = name_processor ();

  json_object_set_new (row, "seconds", json_real (seconds));
  if (gflop > 0) {
    json_object_set_new (row, "gflop", json_real (gflop));
    json_object_set_new (row, "gflops", json_real (gflop / seconds));
    json_object_set_new (row, "peak_gflops", json_real (peak));
    json_object_set_new (row, "share", json_real (peak > 0 ? gflop / seconds / peak : 0));
  }
  json_object_set_new (row, "threads", json_integer (self->device->kernels->threads (self->device->backend)));
  json_object_set_new (row, "device", json_string (vel_device_describe (self->device)));
  json_object_set_new (row, "machine", json_string (processor));
}

/* row: (transfer full), what it is about. words: the same for people. gflop: of one run; 0: not counted. peak: 0: not known. */
static void
print_row (Bench *self, json_t *row, const char *words, double seconds, double gflop, double peak)
{
  if (vel_values_get_bool (self->own, "json")) {
    add_figures (self, row, seconds, gflop, peak);
    json_dumpf (row, stdout, JSON_COMPACT | JSON_REAL_PRECISION (9));
  } else {
    printf ("%-44s %10.3f ms", words, 1e3 * seconds);
    if (gflop > 0)
      printf ("  %7.1f GFLOP/s", gflop / seconds);
    if (gflop > 0 && peak > 0)
      printf ("  %4.0f %% of the peak", 100 * gflop / seconds / peak);
  }
  printf ("\n");
  fflush (stdout);
  json_decref (row);
}

static double
measure_peak (Bench *self)
{
  return vel_bench_peak (self->device->kernels, self->device->backend);
}

/* op */

static bool
on_op (const VelBenchRow *row, void *data)
{
  g_autofree char *words = g_strdup_printf ("%s %s %s, %u times", row->part, row->op, row->shape, row->count);

  print_row (data, json_pack ("{s:s,s:s,s:s,s:s,s:i,s:i}", "what", "op", "part", row->part, "op", row->op, "shape", row->shape, "count",
                              (int) row->count, "runs", (int) row->runs),
             words, row->seconds, row->gflop, row->share > 0 ? row->gflops / row->share : 0);
  return true;
}

static gboolean
bench_op (Bench *self, GError **error)
{
  const VelBenchOptions options = { .batch = vel_values_get_int (self->own, "batch") };

  if (vel_bench_ops (self->device->kernels, self->device->backend, &options, on_op, self))
    return TRUE;
  g_set_error (error, VEL_ERROR, VEL_ERROR_MEMORY, _ ("there is not enough memory to time the kernels"));
  return FALSE;
}

/* unet, vae, text */

static gboolean
bench_network (Bench *self, const char *name, VelBenchPart part, GError **error)
{
  const VelBenchRequest request = { vel_values_get (self->own, "model"), vel_values_get (self->own, "tokenizer"), part,
                                    vel_values_get_int (self->own, "width"), vel_values_get_int (self->own, "height"),
                                    vel_values_get_int (self->own, "batch"), vel_values_get_int (self->own, "runs"),
                                    vel_values_get (self->own, "precision") };
  double peak = measure_peak (self);
  VelBenchResult result = { 0 };
  g_autofree char *words = NULL;

  if (!vel_engine_bench (self->engine, &request, &result, self->cancellable, error)) {
    vel_bench_result_clear (&result);
    return FALSE;
  }
  if (part == VEL_BENCH_UNET)
    words = g_strdup_printf ("%s, %ux%u, batch %" G_GINT64_FORMAT, name, result.width, result.height, request.batch);
  else
    words = part == VEL_BENCH_VAE ? g_strdup_printf ("%s, %ux%u", name, result.width, result.height) : g_strdup_printf ("%s, 77 tokens", name);
  print_row (self, json_pack ("{s:s,s:i,s:i,s:i,s:i,s:I,s:I}", "what", name, "width", result.width, "height", result.height, "batch",
                              part == VEL_BENCH_UNET ? (int) request.batch : 1, "runs", (int) result.seconds->len, "activation_bytes",
                              (json_int_t) result.peak_bytes, "weight_bytes", (json_int_t) result.packed_bytes),
             words, vel_bench_result_get_median (&result), result.gflop, peak);
  vel_bench_result_clear (&result);
  return TRUE;
}

static gboolean
bench_unet (Bench *self, GError **error)
{
  return bench_network (self, "unet", VEL_BENCH_UNET, error);
}

static gboolean
bench_vae (Bench *self, GError **error)
{
  return bench_network (self, "vae", VEL_BENCH_VAE, error);
}

static gboolean
bench_text (Bench *self, GError **error)
{
  return bench_network (self, "text", VEL_BENCH_TEXT, error);
}

/* lora */

static gboolean
bench_lora (Bench *self, GError **error)
{
  const VelBenchRequest request = { .model = vel_values_get (self->own, "model"), .tokenizer = vel_values_get (self->own, "tokenizer"),
                                    .runs = vel_values_get_int (self->own, "runs"), .precision = vel_values_get (self->own, "precision"),
                                    .loras = vel_values_get (self->own, "lora") };
  VelBenchResult result = { 0 };

  if (!vel_engine_bench_loras (self->engine, &request, &result, self->cancellable, error))
    return FALSE;
  print_row (self, json_pack ("{s:s,s:s,s:i}", "what", "lora", "lora", request.loras, "runs", (int) result.seconds->len), "change of strength",
             vel_bench_result_get_median (&result), 0, 0);
  vel_bench_result_clear (&result);
  return TRUE;
}

/* steps */

static void
on_progress (const VelProgress *progress, gpointer data)
{
  Bench *self = data;
  gint64 now = g_get_monotonic_time ();

  if (progress->stage == VEL_STAGE_SAMPLING && progress->step == self->step_ends->len)
    g_array_append_val (self->step_ends, now);
}

static int
compare_numbers (gconstpointer a, gconstpointer b)
{
  double difference = *(const double *) a - *(const double *) b;

  return difference < 0 ? -1 : difference > 0;
}

static double
median_step (Bench *self)
{
  g_autoptr (GArray) seconds = g_array_new (FALSE, FALSE, sizeof (double));

  for (guint i = 2; i < self->step_ends->len; i++) { /* the first step warms up */
    double step = (g_array_index (self->step_ends, gint64, i) - g_array_index (self->step_ends, gint64, i - 1)) / 1e6;

    g_array_append_val (seconds, step);
  }
  g_array_sort (seconds, compare_numbers);
  return seconds->len ? g_array_index (seconds, double, seconds->len / 2) : 0;
}

/* A picture with guidance, all that happens in a step included. */
static gboolean
bench_steps (Bench *self, GError **error)
{
  static const char *const taken_over[] = { "model", "tokenizer", "width", "height" };
  g_autoptr (VelValues) request = vel_request_new ();
  g_autoptr (VelResult) result = NULL;
  g_autofree char *words = NULL;
  const VelPicture *picture;

  for (guint i = 0; i < G_N_ELEMENTS (taken_over); i++)
    if (!vel_values_set (request, taken_over[i], vel_values_get (self->own, taken_over[i]), error))
      return FALSE;
  vel_values_set (request, "prompt", "a lighthouse in a storm", NULL);
  vel_values_set (request, "seed", "0", NULL);
  vel_values_set_int (request, "steps", vel_values_get_int (self->own, "runs") + 1);
  g_array_set_size (self->step_ends, 0);
  if (!(result = vel_engine_generate (self->engine, request, on_progress, self, NULL, FALSE, self->cancellable, error)))
    return FALSE;
  picture = result->pictures->pdata[0];
  words = g_strdup_printf ("step of a picture, %ux%u", picture->width, picture->height);
  print_row (self, json_pack ("{s:s,s:i,s:i,s:i}", "what", "steps", "width", picture->width, "height", picture->height, "runs",
                              (int) vel_values_get_int (self->own, "runs")),
             words, median_step (self), 0, 0);
  return TRUE;
}

/* upscaler */

static gboolean
bench_upscaler (Bench *self, GError **error)
{
  const VelBenchRequest request = { .width = (guint) vel_values_get_int (self->own, "width"),
                                    .height = (guint) vel_values_get_int (self->own, "height"),
                                    .runs = (unsigned) vel_values_get_int (self->own, "runs"),
                                    .precision = vel_values_get (self->own, "precision") };
  g_autofree char *path = vel_upscalers_resolve (vel_values_get (self->own, "upscaler"), error), *words = NULL;
  double peak = measure_peak (self);
  VelBenchResult result = { 0 };

  if (!path || !vel_engine_bench_upscaler (self->engine, path, &request, &result, self->cancellable, error))
    return FALSE;
  words = g_strdup_printf ("upscaler, %ux%u", result.width, result.height);
  print_row (self, json_pack ("{s:s,s:i,s:i,s:i,s:I}", "what", "upscaler", "width", result.width, "height", result.height, "runs",
                              (int) result.seconds->len, "activation_bytes", (json_int_t) result.peak_bytes),
             words, vel_bench_result_get_median (&result), result.gflop, peak);
  vel_bench_result_clear (&result);
  return TRUE;
}

/* The verb */

typedef gboolean (*BenchFunc) (Bench *self, GError **error);

static const struct {
  const char *name;
  BenchFunc run;
} benches[] = {
  { "op", bench_op }, { "unet", bench_unet }, { "vae", bench_vae }, { "text", bench_text }, { "steps", bench_steps },
  { "lora", bench_lora }, { "upscaler", bench_upscaler },
};

/* Returns: (nullable) */
static BenchFunc
find_bench (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (benches); i++)
    if (g_str_equal (name, benches[i].name))
      return benches[i].run;
  return NULL;
}

static VelExit
run (int argc, char **argv)
{
  static const char *const usual[] = { "unet", "vae", "text" };
  g_autoptr (VelValues) own = vel_values_new (own_table);
  g_autoptr (VelFlags) flags = vel_flags_new (&usage, own, NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (VelEngine) engine = NULL;
  g_autoptr (GArray) step_ends = g_array_new (FALSE, FALSE, sizeof (gint64));
  g_autoptr (GError) error = NULL;
  Bench bench = { .own = own, .cancellable = cancellable, .step_ends = step_ends };
  int status = vel_flags_read (flags, argc, argv);

  if (status >= 0)
    return status;
  for (guint i = 0; i < flags->words->len; i++)
    if (!find_bench (flags->words->pdata[i]))
      return vel_verb_misused (_ ("“%s” can not be timed: there are op, unet, vae, text, steps, lora and upscaler"), (char *) flags->words->pdata[i]);
  if (g_ptr_array_find_with_equal_func (flags->words, "lora", g_str_equal, NULL) && !vel_values_is_set (own, "lora"))
    return vel_verb_misused (_ ("bench lora needs a LoRA to time: --lora FILE"));
  if (flags->words->len == 0)
    for (guint i = 0; i < G_N_ELEMENTS (usual); i++)
      g_ptr_array_add (flags->words, (char *) usual[i]);
  if (!(engine = vel_engine_new (vel_values_get (own, "device"),
                                 &(VelDeviceOptions) { .threads = (unsigned) vel_values_get_int (own, "threads") }, &error)))
    return vel_verb_fail (error);
  bench.engine = engine;
  bench.device = vel_engine_get_device (engine);
  if (!vel_values_get_bool (own, "json")) {
    g_autofree char *processor = name_processor ();

    printf ("%s, %s, peak %.0f GFLOP/s\n", processor, vel_device_describe (bench.device), measure_peak (&bench));
  }
  for (guint i = 0; i < flags->words->len; i++)
    if (!find_bench (flags->words->pdata[i]) (&bench, &error))
      return vel_verb_fail (error);
  return VEL_EXIT_DONE;
}

const VelVerb vel_verb_bench = { "bench", N_ ("times kernels, networks and steps"), run };
