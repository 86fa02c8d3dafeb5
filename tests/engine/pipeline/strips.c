/* The VAE with intermediates in host memory, against the VAE whole: strips of two rows and of many.  SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "engine/pipeline/engine.h"
#include "engine/tensor/random.h"
#include "tests/support/tiny-model.h"

static char *folder, *path;

/* room: 0: whole. wrap: 1: left and right edges meet, 2: upper and lower, 3: all. Returns: (transfer full): the picture, `count` floats */
static float *
decode (VelEngine *engine, const VelModel *model, gint64 height, gint64 width, guint64 room, unsigned wrap, gsize *count)
{
  g_autoptr (VelContext) ctx = vel_context_new (vel_engine_get_device (engine), NULL);
  VelTensor *latent = vel_context_tensor (ctx, VEL_F32, VEL_SHAPE (1, height, width, 4)), *decoded;
  g_autofree float *values = g_new (float, height * width * 4);
  g_autoptr (GError) error = NULL;
  VelRandom random;
  float *found;

  vel_context_set_wrap (ctx, wrap & 1, (wrap & 2) != 0);
  vel_random_init (&random, VEL_RANDOM_NV, 7);
  vel_random_normal (&random, values, (gsize) (height * width * 4));
  vel_tensor_upload (latent, values);
  decoded = room ? vel_vae_decode_in_strips (ctx, model->vae, latent, room) : vel_vae_decode (ctx, model->vae, latent);
  vel_context_check (ctx, &error);
  g_assert_no_error (error);
  *count = (gsize) vel_shape_count (decoded->shape);
  found = g_new (float, *count);
  vel_tensor_download (decoded, found);
  return found;
}

static void
test_same (void)
{
  static const struct {
    gint64 height, width;
    guint64 room;
    unsigned wrap;
  } cases[] = { { 4, 4, 1 },        { 7, 5, 1 },        { 7, 5, 60000 }, { 9, 12, 1 << 20 }, { 3, 8, G_MAXINT32 }, { 7, 5, 1, 1 }, { 7, 5, 1, 2 },
                { 7, 5, 60000, 3 }, { 3, 8, G_MAXINT32, 3 } };
  g_autoptr (GError) error = NULL;
  g_autoptr (VelEngine) engine = vel_engine_new ("cpu", &(VelDeviceOptions) { .threads = 2 }, &error);
  VelModelKey key = { .unet = "", .text = "", .vae = "", .tokenizer = "", .prediction = "" };
  const VelModel *model = vel_engine_load (engine, path, key, (VelPictureSize) { .batch = 1 }, NULL, NULL, NULL, &error);

  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    gsize count, again;
    g_autofree float *whole = decode (engine, model, cases[i].height, cases[i].width, 0, cases[i].wrap, &count);
    g_autofree float *strips = decode (engine, model, cases[i].height, cases[i].width, cases[i].room, cases[i].wrap, &again);
    double difference = 0, size = 0;

    g_assert_cmpuint (count, ==, again);
    for (gsize k = 0; k < count; k++) {
      difference += ((double) whole[k] - strips[k]) * ((double) whole[k] - strips[k]);
      size += (double) whole[k] * whole[k];
    }
    g_test_message ("%" G_GINT64_FORMAT " x %" G_GINT64_FORMAT ", room %" G_GUINT64_FORMAT ", edges %u: relative L2 %.2g", cases[i].height, cases[i].width,
                    cases[i].room, cases[i].wrap, sqrt (difference / size));
    g_assert_cmpfloat (sqrt (difference / size), <, 1e-5);
  }
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("velatura-strips-XXXXXX", NULL);
  path = tiny_model_write ("one-block", folder);
  g_test_add_func ("/strips/same", test_same);
  status = g_test_run ();
  tiny_remove_tree (folder);
  g_free (folder);
  g_free (path);
  return status;
}
