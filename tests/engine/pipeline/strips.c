/* The VAE in strips against the VAE whole, with what lies between in memory and on the disk; what either takes; and memory that runs out.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/error.h"
#include "engine/models/vae.h"
#include "engine/pipeline/engine.h"
#include "engine/pipeline/request.h"
#include "engine/tensor/random.h"
#include "tests/support/tiny-model.h"

static char *folder, *path;

static VelEngine *
make_engine (guint64 memory)
{
  g_autoptr (GError) error = NULL;
  VelEngine *engine = vel_engine_new ("cpu", &(VelDeviceOptions){ .threads = 2, .memory = memory }, &error);

  g_assert_no_error (error);
  return engine;
}

static const VelModel *
load (VelEngine *engine)
{
  VelModelKey key = { .unet = "", .text = "", .vae = "", .tokenizer = "", .prediction = "" };
  g_autoptr (GError) error = NULL;
  const VelModel *model = vel_engine_load (engine, path, key, (VelPictureSize){ .batch = 1 }, NULL, NULL, NULL, &error);

  g_assert_no_error (error);
  return model;
}

typedef struct {
  gboolean encode, on_disk;
  gint64 height, width; /* of the latent */
  guint64 room;         /* 0: whole */
  unsigned wrap;        /* 1: left and right edges meet, 2: upper and lower, 3: all */
} Run;

/* peak: (out) (nullable) bytes that the context held. Returns: (transfer full): `count` floats */
static float *
run (VelEngine *engine, const VelModel *model, Run run, gsize *count, guint64 *peak)
{
  VelDevice *device = vel_engine_get_device (engine);
  g_autoptr (VelContext) ctx = vel_context_new (device, NULL);
  VelShape shape = run.encode ? VEL_SHAPE (1, run.height * 8, run.width * 8, 3) : VEL_SHAPE (1, run.height, run.width, 4);
  VelTensor *in = vel_context_tensor (ctx, VEL_F32, shape), *out;
  g_autofree float *values = g_new (float, vel_shape_count (shape));
  VelStripPlace place = { run.room, run.on_disk ? folder : NULL };
  g_autoptr (GError) error = NULL;
  VelRandom random;
  float *found;

  vel_context_set_lean (ctx, TRUE);
  vel_context_set_wrap (ctx, run.wrap & 1, (run.wrap & 2) != 0);
  vel_random_init (&random, VEL_RANDOM_NV, 7);
  vel_random_normal (&random, values, (gsize) vel_shape_count (shape));
  vel_tensor_upload (in, values);
  if (run.encode)
    out = run.room ? vel_vae_encode_in_strips (ctx, model->vae, in, &place) : vel_vae_encode (ctx, model->vae, in);
  else
    out = run.room ? vel_vae_decode_in_strips (ctx, model->vae, in, &place) : vel_vae_decode (ctx, model->vae, in);
  vel_context_check (ctx, &error);
  g_assert_no_error (error);
  *count = (gsize) vel_shape_count (out->shape);
  found = g_new (float, *count);
  vel_tensor_download (out, found);
  if (peak)
    *peak = vel_context_get_peak (ctx);
  return found;
}

static const struct {
  gint64 height, width;
  guint64 room;
  unsigned wrap;
} cases[] = { { 4, 4, 1 },    { 7, 5, 1 },    { 7, 5, 60000 },    { 9, 12, 1 << 20 },     { 3, 8, G_MAXINT32 },
              { 7, 5, 1, 1 }, { 7, 5, 1, 2 }, { 7, 5, 60000, 3 }, { 3, 8, G_MAXINT32, 3 } };

/* data: "encode" or NULL */
static void
test_same (gconstpointer data)
{
  g_autoptr (VelEngine) engine = make_engine (0);
  const VelModel *model = load (engine);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (int on_disk = 0; on_disk < 2; on_disk++) {
      Run in_strips = { data != NULL, on_disk, cases[i].height, cases[i].width, cases[i].room, cases[i].wrap }, plain = in_strips;
      gsize count, again;
      g_autofree float *whole = NULL, *strips = NULL;
      double difference = 0, size = 0, most = 0;

      plain.room = 0;
      whole = run (engine, model, plain, &count, NULL);
      strips = run (engine, model, in_strips, &again, NULL);
      g_assert_cmpuint (count, ==, again);
      for (gsize k = 0; k < count; k++) {
        difference += ((double) whole[k] - strips[k]) * ((double) whole[k] - strips[k]);
        size += (double) whole[k] * whole[k];
        most = MAX (most, fabs ((double) whole[k] - strips[k]));
      }
      g_test_message ("%" G_GINT64_FORMAT " x %" G_GINT64_FORMAT ", room %" G_GUINT64_FORMAT ", edges %u%s: relative L2 %.2g, most %.2g",
                      cases[i].height, cases[i].width, cases[i].room, cases[i].wrap, on_disk ? ", on disk" : "", sqrt (difference / size),
                      most);
      g_assert_cmpfloat (sqrt (difference / size), <, data ? 1e-5 : 3e-6);
    }
}

/* What is foreseen is what a context holds, or a little more: the kernels' scratch is beside it. */
static void
test_foreseen (gconstpointer data)
{
  g_autoptr (VelEngine) engine = make_engine (0);
  const VelModel *model = load (engine);

  for (gint64 side = 32; side <= 96; side += 32) {
    Run plain = { data != NULL, FALSE, side, side, 0, 0 };
    guint64 held, foreseen, scratch = 48 << 20;
    gsize count;

    g_free (run (engine, model, plain, &count, &held));
    foreseen = (data ? vel_vae_get_encode_bytes : vel_vae_get_decode_bytes) (model->vae, (guint) side * 8, (guint) side * 8, FALSE);
    g_test_message ("%d pixels a side: %.1f MB held, %.1f MB foreseen without scratch", (int) side * 8, (double) held / 1e6,
                    (double) (foreseen - scratch) / 1e6);
    g_assert_cmpuint (held, <, foreseen);
    g_assert_cmpuint (foreseen - scratch, <, held + held / 4);
  }
}

static VelDevice *faulty_device; /* (nullable) whose memory is short from decoding on */
static VelKernels faulty;

static void
on_progress (const VelProgress *progress, gpointer data)
{
  if (progress->stage == VEL_STAGE_DECODING && faulty_device)
    faulty_device->kernels = &faulty;
}

static VelResult *
paint (VelEngine *engine, const char *memory, gboolean from_picture, GError **error)
{
  const char *const options[] = { "model", path,    "prompt", "a lighthouse", "width", "256",    "height",
                                  "256",   "steps", "2",      "seed",         "7",     "device", "cpu" };
  g_autofree char *start = tiny_model_golden ("start.png");
  g_autoptr (VelValues) request = vel_request_new ();

  for (gsize i = 0; i < G_N_ELEMENTS (options); i += 2)
    vel_values_set (request, options[i], options[i + 1], NULL);
  vel_values_set (request, "memory", memory, NULL);
  if (from_picture)
    vel_values_set (request, "init", start, NULL);
  return vel_engine_generate (engine, request, on_progress, NULL, NULL, FALSE, NULL, error);
}

static void
assert_alike (const VelResult *a, const VelResult *b)
{
  const guint8 *first = ((VelPicture *) a->pictures->pdata[0])->rgb, *second = ((VelPicture *) b->pictures->pdata[0])->rgb;
  guint differing = 0;

  for (gsize i = 0; i < 256 * 256 * 3; i++) {
    g_assert_cmpint (abs (first[i] - second[i]), <=, 1);
    differing += first[i] != second[i];
  }
  g_test_message ("%u of %u values differ, by one", differing, 256 * 256 * 3);
  g_assert_cmpuint (differing, <, 256 * 256 * 3 / 1000);
}

/* With less memory than the picture takes it is decoded strip by strip, and so is the start picture encoded. */
static void
test_short (void)
{
  g_autoptr (VelEngine) engine = make_engine (0);

  for (int from_picture = 0; from_picture < 2; from_picture++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (VelResult) whole = paint (engine, "0", from_picture, &error);
    g_autoptr (VelResult) strips = paint (engine, "50000000", from_picture, &error);
    g_autofree char *notes = NULL;

    g_assert_no_error (error);
    g_assert_null (whole->notes[0]);
    notes = g_strjoinv ("\n", strips->notes);
    g_assert_nonnull (strstr (notes, "strip by strip"));
    assert_alike (whole, strips);
  }
}

static const VelKernels *sound;
static size_t largest;
static guint refused;

static void *
alloc_no_large (VelBackend *backend, size_t bytes)
{
  refused += bytes > largest;
  return bytes > largest ? NULL : sound->alloc (backend, bytes);
}

/* Nothing larger than that can be had for decoding: whole pictures can not be decoded, and strips are. With still less it fails, with a
 * sentence, and what was painted is finished later. */
static void
test_refused (void)
{
  static const struct {
    size_t largest;
    gboolean possible;
  } limits[] = { { 4 << 20, TRUE }, { 1 << 20, TRUE }, { 300000, FALSE } };
  g_autofree char *kept = g_build_filename (folder, "unfinished", NULL);
  g_autoptr (VelEngine) engine = make_engine (0);
  VelDevice *device = vel_engine_get_device (engine);
  g_autoptr (VelResult) whole = paint (engine, "0", FALSE, NULL);

  vel_engine_keep_in (engine, kept, NULL);
  sound = device->kernels;
  faulty = *sound;
  faulty.alloc = alloc_no_large;
  for (guint i = 0; i < G_N_ELEMENTS (limits); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (VelResult) result = NULL;
    g_autoptr (VelUnfinished) unfinished = NULL;

    largest = limits[i].largest;
    refused = 0;
    faulty_device = device;
    result = paint (engine, "0", FALSE, &error);
    faulty_device = NULL;
    device->kernels = sound;
    g_assert_cmpuint (refused, >, 0);
    if (limits[i].possible) {
      g_assert_no_error (error);
      g_assert_nonnull (strstr (result->notes[0], "strip by strip"));
      assert_alike (whole, result);
      vel_kept_discard (g_steal_pointer (&((VelPicture *) result->pictures->pdata[0])->kept));
      continue;
    }
    g_assert_error (error, VEL_ERROR, VEL_ERROR_MEMORY);
    g_clear_error (&error);
    g_ptr_array_unref (vel_engine_take_left (engine));
    unfinished = vel_unfinished_open (kept, "u1", &error);
    g_assert_no_error (error);
    result = vel_engine_finish (engine, unfinished, NULL, 0, NULL, NULL, NULL, &error);
    g_assert_no_error (error);
    g_assert_cmpmem (((VelPicture *) result->pictures->pdata[0])->rgb, 256 * 256 * 3, ((VelPicture *) whole->pictures->pdata[0])->rgb,
                     256 * 256 * 3);
  }
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("velatura-strips-XXXXXX", NULL);
  g_setenv ("XDG_CACHE_HOME", folder, TRUE);
  path = tiny_model_write ("one-block", folder);
  g_test_add_data_func ("/strips/same/decode", NULL, test_same);
  g_test_add_data_func ("/strips/same/encode", "encode", test_same);
  g_test_add_data_func ("/strips/foreseen/decode", NULL, test_foreseen);
  g_test_add_data_func ("/strips/foreseen/encode", "encode", test_foreseen);
  g_test_add_func ("/strips/short", test_short);
  g_test_add_func ("/strips/refused", test_refused);
  status = g_test_run ();
  tiny_remove_tree (folder);
  g_free (folder);
  g_free (path);
  return status;
}
