/* Whole pictures on an emulated card: against PyTorch's traces in fp32, and in 16 bits within what rounding leaves; recordings, two runs,
 * short memory and a card that breaks down at any call.  SPDX-License-Identifier: Apache-2.0 */
#include <gmodule.h>
#include <malloc.h>
#include <math.h>

#include "engine/error.h"
#include "engine/pipeline/engine.h"
#include "engine/pipeline/request.h"
#include "kernels/cuda/emulator/faults.h"
#include "tests/support/tiny-model.h"

static char *folder, *model;

/* Under sanitizers, which are slow. */
static gboolean
briefly (void)
{
  return g_getenv ("VELATURA_TEST_BRIEFLY") != NULL;
}

static void (*fail_at) (unsigned n, bool lost);
static unsigned (*calls) (void);
static void (*use_mode) (unsigned mode);
static void (*use_dry) (bool dry);

/* That of the golden case one-block-sgm, or a picture that is as small as can be. */
static VelValues *
make_request (const char *precision, gboolean small)
{
  const char *const options[] = { "prompt",   "a lighthouse on a cliff, (stormy sea:1.2), dramatic sky",
                                  "negative", "photo, [text]",
                                  "seed",     "4711",
                                  "steps",    small ? "3" : "4",
                                  "sampler",  "dpmpp_2m",
                                  "schedule", "sgm_uniform",
                                  "cfg",      "6.5",
                                  "width",    small ? "16" : "40",
                                  "height",   small ? "16" : "56",
                                  "device",   "cuda",
                                  "precision", precision };
  VelValues *request = vel_request_new ();

  vel_values_set (request, "model", model, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (options); i += 2)
    g_assert_true (vel_values_set (request, options[i], options[i + 1], NULL));
  return request;
}

/* Of a ControlNet's recipe. Returns: borrowed */
static const char *
control_path (const char *name)
{
  static char *path;

  if (!path) {
    g_autofree char *place = g_build_filename (folder, "nets", name, NULL);

    path = tiny_model_write (name, place);
  }
  return path;
}

/* options: (nullable) names and values; a file's is one of tests/golden/pictures */
static void
set_options (VelValues *request, const char *const *options)
{
  for (; options && *options; options += 2) {
    gboolean file = vel_values_find (request, options[0])->type == VEL_PARAM_FILE;
    g_autofree char *path = g_str_equal (options[0], "control") ? tiny_model_control (options[1], control_path)
                            : file                              ? tiny_model_golden (options[1])
                                                                : g_strdup (options[1]);

    g_assert_true (vel_values_set (request, options[0], path, NULL));
  }
}

static VelEngine *
make_engine (void)
{
  g_autoptr (GError) error = NULL;
  VelEngine *engine = vel_engine_new ("cuda", &(VelDeviceOptions) { .threads = 1 }, &error);

  g_assert_no_error (error);
  return engine;
}

static double
relative_error (const VelTensorEntry *want, const VelTensorEntry *got)
{
  const float *a = want->data, *b = got->data;
  double square = 0, reference = 0;

  g_assert_true (vel_shape_equal (want->shape, got->shape));
  for (gsize i = 0; i < (gsize) vel_shape_count (want->shape); i++) {
    square += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
    reference += (double) a[i] * a[i];
  }
  return sqrt (square / reference);
}

typedef struct {
  const char *precision;
  double model, picture; /* bars */
} Precision;

static const Precision precisions[] = { { "fp32", 3e-5, 3e-4 }, { "fp16", 1e-2, 1.5e-2 } };

static void
test_golden (gconstpointer data)
{
  const Precision *self = data;
  g_autofree char *want_path = tiny_model_golden ("cases/one-block-sgm.safetensors");
  g_autofree char *got_path = g_build_filename (folder, "trace.safetensors", NULL);
  g_autoptr (VelEngine) engine = make_engine ();
  g_autoptr (VelValues) request = make_request (self->precision, FALSE);
  g_autoptr (VelTensorFile) want = NULL, got = NULL;
  g_autoptr (VelResult) result = NULL;
  g_autoptr (GError) error = NULL;

  result = vel_engine_generate (engine, request, NULL, NULL, got_path, FALSE, NULL, &error);
  g_assert_no_error (error);
  want = vel_safetensors_open (want_path, NULL, &error);
  got = vel_safetensors_open (got_path, NULL, &error);
  g_assert_no_error (error);
  for (gsize i = 0; i < vel_tensor_file_get_count (want); i++) {
    const VelTensorEntry *entry = vel_tensor_file_get (want, i);
    double bar = g_str_has_prefix (entry->name, "model.") ? self->model : self->picture, relative;

    if (g_str_has_prefix (entry->name, "tokens."))
      continue;
    relative = relative_error (entry, vel_tensor_file_find (got, entry->name));
    g_test_message ("%-16s relative L2 %.2e (bar %.0e)", entry->name, relative, bar);
    g_assert_cmpfloat (relative, <=, bar);
  }
}

/* Families whose UNets read more than a latent and text states, and pictures made from pictures. data: the case */
static void
test_family (gconstpointer data)
{
  g_autofree char *case_name = g_strdup_printf ("cases/%s.json", (const char *) data), *case_path = tiny_model_golden (case_name);
  g_autofree char *trace_name = g_strdup_printf ("cases/%s.safetensors", (const char *) data), *want_path = tiny_model_golden (trace_name);
  g_autofree char *got_path = g_build_filename (folder, "trace.safetensors", NULL), *place = g_build_filename (folder, data, NULL);
  json_t *options = json_load_file (case_path, 0, NULL);
  g_autofree char *path = tiny_model_write (json_string_value (json_object_get (options, "model")), place);
  g_autoptr (VelValues) request = tiny_model_request (options);
  g_autoptr (VelEngine) engine = make_engine ();
  g_autoptr (VelTensorFile) want = NULL, got = NULL;
  g_autoptr (VelResult) result = NULL;
  g_autoptr (GError) error = NULL;

  vel_values_set (request, "model", path, NULL);
  if (json_object_get (options, "control"))
    set_options (request,
                 (const char *const[]){ "control", json_string_value (json_array_get (json_object_get (options, "control"), 0)), NULL });
  vel_values_set (request, "device", "cuda", NULL);
  vel_values_set (request, "precision", "fp32", NULL);
  result = vel_engine_generate (engine, request, NULL, NULL, got_path, FALSE, NULL, &error);
  g_assert_no_error (error);
  want = vel_safetensors_open (want_path, NULL, &error);
  got = vel_safetensors_open (got_path, NULL, &error);
  g_assert_no_error (error);
  for (const char *const *name = (const char *[]) { "cond", "uncond", "model.cond", "model.uncond", "latent.001", "image", NULL }; *name; name++) {
    const VelTensorEntry *wanted = vel_tensor_file_find (want, *name);
    double relative;

    if (!wanted) /* masks and second passes leave texts to the others */
      continue;
    relative = relative_error (wanted, vel_tensor_file_find (got, *name));
    g_test_message ("%-16s relative L2 %.2e", *name, relative);
    g_assert_cmpfloat (relative, <=, g_str_has_prefix (*name, "model.") ? 3e-5 : g_str_equal (*name, "image") ? 2e-3 : 3e-4);
  }
  json_decref (options);
}

static void
assert_same (const VelResult *a, const VelResult *b)
{
  g_assert_cmpmem (((VelPicture *) a->pictures->pdata[0])->rgb, 16 * 16 * 3, ((VelPicture *) b->pictures->pdata[0])->rgb, 16 * 16 * 3);
}

/* Within a few of 255: what comes before the layer was computed in another precision. */
static void
assert_close (const VelResult *a, const VelResult *b)
{
  const guint8 *first = ((VelPicture *) a->pictures->pdata[0])->rgb, *second = ((VelPicture *) b->pictures->pdata[0])->rgb;

  for (gsize i = 0; i < 16 * 16 * 3; i++)
    g_assert_cmpint (abs (first[i] - second[i]), <=, 16);
}

/* Whatever the order of threads, and whenever copies land: the same bits. */
static void
test_repeatable (void)
{
  g_autoptr (VelEngine) engine = make_engine ();
  g_autoptr (VelValues) request = make_request ("fp16", TRUE);
  g_autoptr (VelResult) first = vel_engine_generate (engine, request, NULL, NULL, NULL, FALSE, NULL, NULL);

  for (unsigned mode = 1; mode < VEL_EMULATOR_MODES; mode += briefly () ? VEL_EMULATOR_MODES : 1) {
    g_autoptr (VelResult) again = NULL;

    use_mode (mode);
    again = vel_engine_generate (engine, request, NULL, NULL, NULL, FALSE, NULL, NULL);
    assert_same (first, again);
  }
  use_mode (0);
}

/* The model once more, with a value in the first channel of one layer that 16 bits with a short exponent can not hold. */
static char *
write_loud_model (const char *bias)
{
  const float loud = 1e6f;
  char *path = g_build_filename (folder, "loud.safetensors", NULL);
  g_autofree char *bytes = NULL;
  const char *header, *place;
  guint64 length, offset;
  gsize size;

  g_assert_true (g_file_get_contents (model, &bytes, &size, NULL));
  memcpy (&length, bytes, sizeof length);
  header = bytes + sizeof length;
  place = g_strstr_len (header, (gssize) length, bias);
  place = g_strstr_len (place, (gssize) length - (place - header), "data_offsets");
  offset = g_ascii_strtoull (strchr (place, '[') + 1, NULL, 10);
  memcpy (bytes + sizeof length + length + offset, &loud, sizeof loud);
  g_assert_true (g_file_set_contents (path, bytes, (gssize) size, NULL));
  return path;
}

/* What fp16 can not hold is painted in bf16: a sentence, and the picture that bf16 gives. data: the bias of a layer */
static void
test_retry (gconstpointer data)
{
  g_autofree char *loud = write_loud_model (data);
  g_autoptr (VelValues) request = make_request ("fp16", TRUE);
  g_autoptr (VelEngine) engine = make_engine (), other = make_engine ();
  g_autoptr (VelResult) retried = NULL, plain = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *notes = NULL;

  vel_values_set (request, "model", loud, NULL);
  retried = vel_engine_generate (engine, request, NULL, NULL, NULL, FALSE, NULL, &error);
  g_assert_no_error (error);
  notes = g_strjoinv ("\n", retried->notes);
  g_test_message ("%s", notes);
  g_assert_nonnull (strstr (notes, "fp16 went out of bounds, so this was computed again in bf16"));
  vel_values_set (request, "precision", "bf16", NULL);
  plain = vel_engine_generate (other, request, NULL, NULL, NULL, FALSE, NULL, &error);
  g_assert_no_error (error);
  assert_close (retried, plain);
}

/* Short of memory once, early and in the middle: the same picture after all. */
static void
test_short_memory (void)
{
  g_autoptr (VelValues) request = make_request ("fp16", TRUE);
  g_autoptr (VelEngine) roomy = NULL;
  g_autoptr (VelResult) whole = NULL;
  unsigned total;

  fail_at (0, false);
  roomy = make_engine ();
  whole = vel_engine_generate (roomy, request, NULL, NULL, NULL, FALSE, NULL, NULL);
  total = calls ();
  for (unsigned i = 0; i < 2; i++) {
    g_autoptr (VelEngine) engine = make_engine ();
    g_autoptr (VelResult) result = NULL;
    g_autoptr (GError) error = NULL;

    fail_at (1 + i * total / 2, false);
    result = vel_engine_generate (engine, request, NULL, NULL, NULL, FALSE, NULL, &error);
    fail_at (0, false);
    g_assert_no_error (error);
    assert_same (result, whole);
  }
}

/* What is painted while calls fail, and how many calls apart. */
typedef struct {
  const char *name;
  gboolean lost; /* the card, else memory */
  unsigned stride;
  const char *options[13];
} Fault;

static const Fault faults[] = {
  { "lost-at-every-call", TRUE, 1 },
  { "short-at-every-call", FALSE, 1 },
  { "short-in-two-passes", FALSE, 7, { "hires", "1.5", "hires_upscaler", "lanczos", "hires_steps", "2" } },
  { "lost-in-two-passes", TRUE, 31, { "hires", "1.5", "hires_upscaler", "latent", "hires_steps", "2" } },
  { "short-with-a-mask", FALSE, 7, { "init", "start.png", "mask", "mask.png", "fill", "noise", "strength", "0.9" } },
  { "short-softly-twice",
    FALSE,
    31,
    { "init", "start.png", "mask", "mask.png", "soft_inpainting", "true", "hires", "1.5", "resize", "latent", "hires_steps", "2" } },
  { "short-with-control", FALSE, 23, { "control", "control-odd:start.png:end=0.7,mode=prompt" } },
  { "lost-with-control", TRUE, 31, { "control", "control-odd:start.png:start=0.3" } },
  { "lost-with-a-mask", TRUE, 31, { "init", "start.png", "mask", "mask.png", "fill", "noise", "strength", "0.9" } },
};

/* A fault at every single call, with kernels that do nothing: the run ends with the right error or with its picture, and the engine goes on. */
static void
test_every_fault (gconstpointer data)
{
  const Fault *fault = data;
  gboolean lost = fault->lost;
  g_autoptr (VelValues) request = make_request ("fp16", TRUE);
  g_autoptr (VelEngine) engine = NULL;
  unsigned total, failed = 0, stride = briefly () ? 37 : fault->stride;

  set_options (request, fault->options);

  use_dry (true);
  fail_at (0, false);
  engine = make_engine ();
  vel_result_free (vel_engine_generate (engine, request, NULL, NULL, NULL, FALSE, NULL, NULL));
  total = calls ();
  for (unsigned n = 1; n <= total; n += stride) {
    g_autoptr (VelResult) result = NULL, again = NULL;
    g_autoptr (GError) error = NULL;

    g_clear_pointer (&engine, vel_engine_free);
    engine = make_engine ();
    fail_at (n, lost);
    result = vel_engine_generate (engine, request, NULL, NULL, NULL, FALSE, NULL, &error);
    fail_at (0, false);
    if (!result && !g_error_matches (error, VEL_ERROR, lost ? VEL_ERROR_LOST : VEL_ERROR_MEMORY))
      g_error ("call %u: %s", n, error->message);
    failed += !result;
    if (n % 16 != 0)
      continue;
    again = vel_engine_generate (engine, request, NULL, NULL, NULL, FALSE, NULL, &error);
    g_assert_nonnull (again);
  }
  use_dry (false);
  g_test_message ("%u calls, %u of them ended the run", total, failed);
  if (lost)
    g_assert_cmpuint (failed, >, total / stride / 2);
  else
    g_assert_cmpuint (failed, ==, 0);
}

/* What is painted by every plan, and with how little memory. */
typedef struct {
  const char *memory;
  const char *options[3];
} Plan;

static const Plan plans[] = { { "7000000" }, { "10000000", { "control", "control-odd:start.png:start=0.3" } } };

/* Every plan paints the same picture, and says so. data: a Plan */
static void
test_plans (gconstpointer data)
{
  const Plan *plan = data;
  static const char *const notes[] = { "text encoder", "text encoder", "every step", "every step" };
  g_autoptr (VelValues) request = make_request ("fp16", TRUE);
  g_autoptr (VelEngine) roomy = NULL;
  g_autoptr (VelResult) whole = NULL;

  set_options (request, plan->options);
  use_dry (briefly ());
  roomy = make_engine ();
  whole = vel_engine_generate (roomy, request, NULL, NULL, NULL, FALSE, NULL, NULL);
  g_assert_null (whole->notes[0]);
  vel_values_set (request, "memory", plan->memory, NULL);
  for (guint rung = 1; rung <= VEL_LAST_RUNG; rung++) {
    g_autoptr (VelEngine) engine = make_engine ();
    g_autoptr (GError) error = NULL;
    g_autoptr (VelResult) result = NULL;

    vel_engine_use (engine, "cuda", g_ascii_strtoull (plan->memory, NULL, 10), &error);
    engine->rung = rung;
    for (guint i = 0; i < (rung == 3 ? 2 : 1); i++) { /* the second time with what the first one left */
      g_clear_pointer (&result, vel_result_free);
      result = vel_engine_generate (engine, request, NULL, NULL, NULL, FALSE, NULL, &error);
      g_assert_no_error (error);
      g_assert_nonnull (result->notes[0]);
      g_assert_nonnull (strstr (result->notes[0], notes[rung - 1]));
      assert_same (result, whole);
    }
    g_test_message ("rung %u: %s", rung, result->notes[0]);
  }
  use_dry (false);
}

/* Too little memory for the whole model: parts of it come and go; for any of it: a sentence that says what was needed. */
static void
test_budget (void)
{
  static const char *const budgets[] = { "5000000", "2600000" };
  g_autoptr (VelValues) request = make_request ("fp16", TRUE);
  g_autoptr (VelEngine) roomy = NULL;
  g_autoptr (VelResult) whole = NULL;

  use_dry (briefly ());
  roomy = make_engine ();
  whole = vel_engine_generate (roomy, request, NULL, NULL, NULL, FALSE, NULL, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (budgets); i++) {
    g_autoptr (VelEngine) engine = make_engine ();
    g_autoptr (VelResult) result = NULL;
    g_autoptr (GError) error = NULL;

    vel_values_set (request, "memory", budgets[i], NULL);
    result = vel_engine_generate (engine, request, NULL, NULL, NULL, FALSE, NULL, &error);
    g_test_message ("%s bytes: %s", budgets[i], result ? result->notes[0] : error->message);
    if (i == 0) {
      assert_same (result, whole);
      g_assert_nonnull (strstr (result->notes[0], "every step"));
    } else {
      g_assert_error (error, VEL_ERROR, VEL_ERROR_MEMORY);
      g_assert_nonnull (strstr (error->message, "are needed"));
    }
  }
  use_dry (false);
}

/* A picture that is painted but too large to decode whole. Kernels do nothing: it is about what is asked of the card. */
static void
test_large (void)
{
  static const char *const budgets[] = { "60000000", "30000000", "20000000", "14000000", "10000000" };
  g_autoptr (VelValues) request = make_request ("fp16", TRUE);
  gboolean strips = FALSE;

  use_dry (true);
  vel_values_set (request, "width", "512", NULL);
  vel_values_set (request, "height", "512", NULL);
  vel_values_set (request, "steps", "1", NULL);
  for (guint i = 0; i < G_N_ELEMENTS (budgets) && !strips; i++) {
    g_autoptr (VelEngine) engine = make_engine ();
    g_autoptr (VelResult) result = NULL;
    g_autoptr (GError) error = NULL;
    g_autofree char *notes = NULL;

    vel_values_set (request, "memory", budgets[i], NULL);
    result = vel_engine_generate (engine, request, NULL, NULL, NULL, FALSE, NULL, &error);
    g_assert_no_error (error);
    notes = g_strjoinv ("; ", result->notes);
    g_test_message ("%s bytes: %s", budgets[i], notes);
    strips = strstr (notes, "strip by strip") && !strstr (notes, "processor");
  }
  use_dry (false);
  g_assert_true (strips);
}

int
main (int argc, char **argv)
{
  static const char *const families[] = { "timeline", "sdxl-zero", "edit", "inpaint-all", "mask-channels", "hires-cut", "control-odd" };
  static const char *const biases[] = { "\"model.diffusion_model.input_blocks.0.0.bias\"", "\"first_stage_model.decoder.conv_in.bias\"" };
  GModule *module;
  int status;

  g_test_init (&argc, &argv, NULL);
  mallopt (M_MMAP_THRESHOLD, 1 << 30); /* a card's memory comes and goes thousands of times */
  mallopt (M_TRIM_THRESHOLD, G_MAXINT);
  g_setenv ("VELATURA_CUDA_MODULE", g_getenv ("VELATURA_EMULATED_CARD"), TRUE);
  module = g_module_open (g_getenv ("VELATURA_EMULATED_CARD"), G_MODULE_BIND_LAZY);
  if (!module || !g_module_symbol (module, "vel_emulator_fail_at", (gpointer *) &fail_at)
      || !g_module_symbol (module, "vel_emulator_calls", (gpointer *) &calls)
      || !g_module_symbol (module, "vel_emulator_use_mode", (gpointer *) &use_mode)
      || !g_module_symbol (module, "vel_emulator_use_dry", (gpointer *) &use_dry))
    g_error ("the emulated card can not be loaded: %s", g_module_error ());
  folder = g_dir_make_tmp ("velatura-emulated-XXXXXX", NULL);
  model = tiny_model_write ("one-block", folder);
  for (guint i = 0; i < G_N_ELEMENTS (precisions) && !briefly (); i++) {
    g_autofree char *path = g_strconcat ("/emulated/golden/", precisions[i].precision, NULL);

    g_test_add_data_func (path, &precisions[i], test_golden);
  }
  for (guint i = 0; i < G_N_ELEMENTS (families) && !briefly (); i++) {
    g_autofree char *path = g_strconcat ("/emulated/family/", families[i], NULL);

    g_test_add_data_func (path, families[i], test_family);
  }
  g_test_add_func ("/emulated/repeatable", test_repeatable);
  for (guint i = 0; i < G_N_ELEMENTS (biases) && !briefly (); i++)
    g_test_add_data_func (i ? "/emulated/retry/vae" : "/emulated/retry/unet", biases[i], test_retry);
  if (!briefly ())
    g_test_add_func ("/emulated/short-memory", test_short_memory);
  for (guint i = 0; i < G_N_ELEMENTS (faults); i++) {
    g_autofree char *path = g_strconcat ("/emulated/", faults[i].name, NULL);

    g_test_add_data_func (path, &faults[i], test_every_fault);
  }
  g_test_add_data_func ("/emulated/plans", &plans[0], test_plans);
  g_test_add_data_func ("/emulated/plans/control", &plans[1], test_plans);
  g_test_add_func ("/emulated/budget", test_budget);
  g_test_add_func ("/emulated/large", test_large);
  status = g_test_run ();
  tiny_remove_tree (folder);
  g_free (folder);
  g_free (model);
  return status;
}
