/* Guidance's two halves on two devices: the picture of one.  SPDX-License-Identifier: Apache-2.0 */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "engine/error.h"
#include "engine/pipeline/generate.h"
#include "engine/pipeline/request.h"
#include "tests/support/tiny-model.h"

static char *folder, *model;

static VelEngine *
make_engine (const char *device)
{
  g_autoptr (GError) error = NULL;
  VelEngine *engine = vel_engine_new (device, &(VelDeviceOptions) { .threads = 1 }, &error);

  g_assert_no_error (error);
  return engine;
}

static VelValues *
make_request (const char *device, const char *second, const char *size)
{
  const char *const options[] = { "model",    model,   "prompt", "a lighthouse on a cliff", "negative", "photo", "seed",   "4711",
                                  "steps",    "2",     "width",  size,                      "height",   size,    "device", device,
                                  "precision", "fp32", "device2", second };
  VelValues *request = vel_request_new ();

  for (gsize i = 0; i < G_N_ELEMENTS (options); i += 2)
    g_assert_true (vel_values_set (request, options[i], options[i + 1], NULL));
  return request;
}

/* Paints with a trace. */
static VelTensorFile *
trace (VelEngine *engine, VelValues *request)
{
  g_autofree char *path = g_build_filename (folder, "trace.safetensors", NULL);
  g_autoptr (VelResult) result = NULL;
  g_autoptr (GError) error = NULL;
  VelTensorFile *file;

  result = vel_engine_generate (engine, request, NULL, NULL, path, FALSE, NULL, &error);
  g_assert_no_error (error);
  file = vel_safetensors_open (path, NULL, &error);
  g_assert_no_error (error);
  g_unlink (path);
  return file;
}

/* Every tensor of one trace against the other's; prints and returns the largest relative L2. */
static double
compare (VelTensorFile *want, VelTensorFile *got)
{
  double worst = 0;

  g_assert_cmpuint (vel_tensor_file_get_count (want), ==, vel_tensor_file_get_count (got));
  for (gsize i = 0; i < vel_tensor_file_get_count (want); i++) {
    const VelTensorEntry *entry = vel_tensor_file_get (want, i), *other = vel_tensor_file_find (got, entry->name);
    double square = 0, reference = 0;

    g_assert_nonnull (other);
    for (gint64 k = 0; k < vel_shape_count (entry->shape) && !g_str_has_prefix (entry->name, "tokens."); k++) {
      double a = ((const float *) entry->data)[k], b = ((const float *) other->data)[k];

      square += (a - b) * (a - b);
      reference += a * a;
    }
    worst = fmax (worst, square > 0 ? sqrt (square / reference) : 0);
  }
  g_test_message ("largest relative L2 %.1e", worst);
  return worst;
}

typedef struct {
  const char *path, *first, *second, *size;
  double bar;
} Pair;

static const Pair processors = { "/two-devices/processor", "cpu", "cpu", "64", 0 }; /* where results do not depend on the batch, to the bit */
static const Pair cards[] = {
  { "/two-devices/cards", "cuda:0", "cuda:1", "16", 1e-5 },
  { "/two-devices/processor-and-card", "cpu", "cuda:0", "16", 1e-4 },
};

/* What the first device paints alone, before the second one helped and after. */
static void
test_pair (gconstpointer data)
{
  const Pair *self = data;
  g_autoptr (VelEngine) engine = make_engine (self->first);
  g_autoptr (VelValues) one = make_request (self->first, "", self->size), two = make_request (self->first, self->second, self->size);
  g_autoptr (VelTensorFile) want = trace (engine, one), got = trace (engine, two), again = trace (engine, one);

  g_assert_cmpfloat (compare (want, got), <=, self->bar);
  g_assert_cmpfloat (compare (want, again), ==, 0);
}

/* Several prompts, all of which change: the second device gets the negative one's new states. */
static void
test_changing (void)
{
  g_autoptr (VelEngine) engine = make_engine ("cpu");
  g_autoptr (VelValues) one = make_request ("cpu", "", "16"), two = make_request ("cpu", "cpu", "16"), still = make_request ("cpu", "", "16");
  g_autoptr (VelTensorFile) want = NULL, got = NULL, other = NULL;
  VelValues *const requests[] = { one, two, still };

  for (guint i = 0; i < G_N_ELEMENTS (requests); i++) {
    vel_values_set (requests[i], "prompt", "[a lighthouse|old map] AND stormy sea:0.5 AND a cliff", NULL);
    vel_values_set (requests[i], "negative", i == 2 ? "photo" : "[photo:text:1]", NULL);
    vel_values_set (requests[i], "steps", "3", NULL);
  }
  want = trace (engine, one);
  got = trace (engine, two);
  other = trace (engine, still);
  g_assert_cmpfloat (compare (want, got), <=, 1e-7);
  g_assert_cmpfloat (compare (want, other), >, 1e-6); /* the tiny model hardly listens */
}

static void
test_not_wanted (void)
{
  g_autoptr (VelEngine) engine = make_engine ("cpu");
  g_autoptr (VelValues) request = make_request ("cpu", "no such device", "64");
  g_autoptr (VelResult) result = NULL, none = NULL;
  g_autoptr (GError) error = NULL;

  vel_values_set (request, "cfg", "1", NULL); /* there is one half only */
  result = vel_engine_generate (engine, request, NULL, NULL, NULL, FALSE, NULL, &error);
  g_assert_no_error (error);
  vel_values_set (request, "cfg", "7", NULL);
  none = vel_engine_generate (engine, request, NULL, NULL, NULL, FALSE, NULL, &error);
  g_assert_error (error, VEL_ERROR, VEL_ERROR_DEVICE);
  g_assert_nonnull (strstr (error->message, "no such device"));
}

static void
on_progress (const VelProgress *progress, gpointer cancellable)
{
  if (progress->stage == VEL_STAGE_SAMPLING && progress->step == 1)
    g_cancellable_cancel (cancellable);
}

/* Stopped in the middle, both halves end; the next picture is whole. */
static void
test_stop (void)
{
  g_autoptr (VelEngine) engine = make_engine ("cpu");
  g_autoptr (VelValues) request = make_request ("cpu", "cpu", "64");
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (VelResult) stopped = NULL, whole = NULL;
  g_autoptr (GError) error = NULL;

  stopped = vel_engine_generate (engine, request, on_progress, cancellable, NULL, FALSE, cancellable, &error);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  whole = vel_engine_generate (engine, request, NULL, NULL, NULL, FALSE, NULL, &error);
  g_assert_no_error (error);
}

static void
test_same_card (void)
{
  g_autoptr (VelEngine) engine = make_engine ("cuda:0");
  g_autoptr (VelValues) request = make_request ("cuda:0", "cuda", "16");
  g_autoptr (VelResult) result = NULL;
  g_autoptr (GError) error = NULL;

  vel_values_set (request, "device2", "cuda:0", NULL);
  result = vel_engine_generate (engine, request, NULL, NULL, NULL, FALSE, NULL, &error);
  g_assert_error (error, VEL_ERROR, VEL_ERROR_REQUEST);
  g_assert_nonnull (strstr (error->message, "--device2"));
}

typedef struct {
  VelStage stage;
  unsigned step;
} Where;

typedef struct {
  const char *at;
  Where where;
} Loss;

static const Loss loading = { "100", { VEL_STAGE_TEXT, 0 } };
static const Loss starting = { "640", { VEL_STAGE_SAMPLING, 0 } }; /* after the first kernel on that thread */
static const Loss painting = { "1400", { VEL_STAGE_SAMPLING, 1 } };

static void
on_stage (const VelProgress *progress, gpointer data)
{
  *(Where *) data = (Where) { progress->stage, progress->step };
}

/* The second device breaks down, at this one of its calls: it is named, and the next picture comes. */
static void
test_lost (gconstpointer data)
{
  const Loss *loss = data;
  g_autoptr (VelEngine) engine = make_engine ("cpu");
  g_autoptr (VelValues) two = make_request ("cpu", "cuda:1", "16"), one = make_request ("cpu", "", "16");
  g_autoptr (VelResult) lost = NULL, whole = NULL;
  g_autoptr (GError) error = NULL;
  Where where = { 0 };

  g_setenv ("VELATURA_EMULATED_LOST_AT", loss->at, TRUE);
  lost = vel_engine_generate (engine, two, on_stage, &where, NULL, FALSE, NULL, &error);
  g_unsetenv ("VELATURA_EMULATED_LOST_AT");
  g_assert_error (error, VEL_ERROR, VEL_ERROR_LOST);
  g_test_message ("stage %d, %u steps done: %s", where.stage, where.step, error->message);
  g_assert_cmpint (where.stage, ==, loss->where.stage);
  g_assert_cmpuint (where.step, ==, loss->where.step);
  g_assert_nonnull (strstr (error->message, "cuda:1"));
  g_clear_error (&error);
  whole = vel_engine_generate (engine, one, NULL, NULL, NULL, FALSE, NULL, &error);
  g_assert_no_error (error);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("velatura-two-devices-XXXXXX", NULL);
  model = tiny_model_write ("one-block", folder);
  g_test_add_data_func (processors.path, &processors, test_pair);
  g_test_add_func ("/two-devices/changing", test_changing);
  g_test_add_func ("/two-devices/not-wanted", test_not_wanted);
  g_test_add_func ("/two-devices/stop", test_stop);
  if (g_getenv ("VELATURA_EMULATED_CARD")) {
    g_setenv ("VELATURA_CUDA_MODULE", g_getenv ("VELATURA_EMULATED_CARD"), TRUE);
    g_setenv ("VELATURA_EMULATED_CARDS", "2", TRUE);
    g_test_add_func ("/two-devices/same-card", test_same_card);
    g_test_add_data_func ("/two-devices/lost/loading", &loading, test_lost);
    g_test_add_data_func ("/two-devices/lost/starting", &starting, test_lost);
    if (!g_getenv ("VELATURA_TEST_BRIEFLY")) { /* whole pictures by the emulator, which sanitizers slow down to minutes */
      for (guint i = 0; i < G_N_ELEMENTS (cards); i++)
        g_test_add_data_func (cards[i].path, &cards[i], test_pair);
      g_test_add_data_func ("/two-devices/lost/painting", &painting, test_lost);
    }
  }
  status = g_test_run ();
  tiny_remove_tree (folder);
  g_free (folder);
  g_free (model);
  return status;
}
