/* Each network alone against PyTorch, on every CPU table: text encoder, UNet, VAE decoder and encoder.
 * SPDX-License-Identifier: Apache-2.0
 * The inputs and outputs are those of tests/golden/pictures/cases. */
#include <math.h>
#include <string.h>

#include "engine/formats/safetensors.h"
#include "engine/models/clip.h"
#include "engine/models/family.h"
#include "engine/models/unet.h"
#include "engine/models/vae.h"
#include "engine/sampling/noise-levels.h"
#include "tests/support/tiny-model.h"

typedef struct {
  const char *model, *golden;
  gboolean reference; /* the plain loops instead of the fast ones */
} Case;

typedef struct {
  VelDevice *device;
  VelContext *ctx;
  VelWeights *weights;
  VelTensorFile *golden;
  VelLoader loader;
} Setup;

static char *folder;

static void
set_up (Setup *self, const Case *test)
{
  g_autofree char *place = g_build_filename (folder, test->model, NULL);
  g_autofree char *path = tiny_model_write (test->model, place);
  g_autofree char *relative = g_strdup_printf ("cases/%s.safetensors", test->golden);
  g_autofree char *golden = tiny_model_golden (relative);
  g_autoptr (GError) error = NULL;

  self->device = test->reference ? vel_device_new_reference () : vel_device_new_cpu (2, 0, &error);
  g_assert_no_error (error);
  self->ctx = vel_context_new (self->device, NULL);
  self->weights = vel_weights_open (path, NULL, &error);
  g_assert_no_error (error);
  self->golden = vel_safetensors_open (golden, NULL, &error);
  g_assert_no_error (error);
  self->loader = (VelLoader) { .weights = self->weights, .device = self->device };
}

static void
tear_down (Setup *self)
{
  g_assert_no_error (self->loader.error);
  vel_tensor_file_unref (self->golden);
  vel_weights_unref (self->weights);
  vel_context_free (self->ctx);
  vel_device_unref (self->device);
}

static VelTensor *
upload (Setup *self, const char *name, gboolean picture)
{
  const VelTensorEntry *entry = vel_tensor_file_find (self->golden, name);
  VelTensor *tensor = vel_context_tensor (self->ctx, VEL_F32, entry->shape);

  vel_tensor_upload (tensor, entry->data);
  return picture ? vel_op_channels_last (self->ctx, tensor) : tensor;
}

static void
compare (Setup *self, VelTensor *got, const char *name, double bar)
{
  const VelTensorEntry *entry = vel_tensor_file_find (self->golden, name);
  const float *want = entry->data;
  gsize count = (gsize) vel_shape_count (entry->shape);
  g_autofree float *host = NULL;
  double square = 0, reference = 0, largest = 0;
  g_autoptr (GError) error = NULL;

  vel_context_check (self->ctx, &error);
  g_assert_no_error (error);
  if (entry->shape.n == 4)
    got = vel_op_channels_first (self->ctx, got);
  g_assert_cmpuint (got->bytes, ==, entry->bytes);
  host = g_malloc (got->bytes);
  vel_tensor_download (got, host);
  for (gsize i = 0; i < count; i++) {
    double difference = fabs ((double) want[i] - host[i]);

    square += difference * difference;
    reference += (double) want[i] * want[i];
    largest = MAX (largest, difference);
  }
  g_test_message ("%s: relative L2 %.2e, largest difference %.2e", name, sqrt (square / reference), largest);
  g_assert_cmpfloat (sqrt (square / reference), <=, bar);
}

/* "a photo, [text]" has weights; these prompts do not, so the trace's states are the encoder's own. */
static void
test_text (gconstpointer data)
{
  Setup self;
  g_autoptr (VelClip) clip = NULL;
  const VelTensorEntry *tokens;

  set_up (&self, data);
  clip = vel_clip_load (&self.loader, &(VelTextUse) { "cond_stage_model.", .final_norm = TRUE });
  g_assert_no_error (self.loader.error);
  tokens = vel_tensor_file_find (self.golden, "tokens.cond");
  {
    VelShape chunk = VEL_SHAPE (1, 77 * tokens->shape.size[0], vel_clip_get_width (clip));
    VelTensor *states = vel_context_tensor (self.ctx, VEL_F32, chunk);

    for (gint64 i = 0; i < tokens->shape.size[0]; i++) {
      VelTensor *made = vel_clip_encode (self.ctx, clip, (const guint32 *) tokens->data + 77 * i, NULL, 77, 1, 0, NULL);
      VelTensor *flat = vel_context_reshape (self.ctx, states, VEL_SHAPE (tokens->shape.size[0], 77 * vel_clip_get_width (clip)));

      vel_op_combine_into (self.ctx, vel_context_slice (self.ctx, flat, i, 1), 1, (double[]) { 1 }, &made);
    }
    compare (&self, states, "cond", 5e-5);
  }
  tear_down (&self);
}

/* The first evaluation of a run: latent.000 scaled, at the first sigma's time. */
static void
test_unet (gconstpointer data)
{
  Setup self;
  g_autoptr (VelUNet) unet = NULL;
  const VelNoiseLevels *levels = vel_noise_levels_sd ();
  double sigma, scale;
  float time;
  VelTensor *x, *shifts;

  set_up (&self, data);
  unet = vel_unet_load (&self.loader, 8, 0);
  g_assert_no_error (self.loader.error);
  sigma = *(const float *) vel_tensor_file_find (self.golden, "sigmas")->data;
  scale = 1 / sqrt (sigma * sigma + 1);
  time = (float) levels->sigma_to_t (levels->model, sigma);
  x = upload (&self, "latent.000", TRUE);
  x = vel_op_combine (self.ctx, 1, &scale, &x);
  shifts = vel_time_embedding_run (self.ctx, vel_unet_get_times (unet), &time, 1, 7, NULL);
  for (int side = 0; side < 2; side++) {
    g_autoptr (VelTextKeys) text = vel_unet_text_new (self.ctx, unet, upload (&self, side ? "uncond" : "cond", FALSE));

    compare (&self, vel_unet_forward (self.ctx, unet, x, shifts, text, NULL), side ? "model.uncond" : "model.cond", 3e-5);
  }
  tear_down (&self);
}

static void
test_decoder (gconstpointer data)
{
  Setup self;
  g_autoptr (VelVae) vae = NULL;
  const VelTensorEntry *sigmas;
  g_autofree char *last = NULL;
  VelTensor *x;
  g_autofree float *host = NULL;

  set_up (&self, data);
  vae = vel_vae_load (&self.loader);
  g_assert_no_error (self.loader.error);
  g_assert_cmpuint (vel_vae_get_factor (vae), ==, 8);
  sigmas = vel_tensor_file_find (self.golden, "sigmas");
  last = g_strdup_printf ("latent.%03" G_GINT64_FORMAT, sigmas->shape.size[0] - 1);
  x = upload (&self, last, TRUE);
  x = vel_op_combine (self.ctx, 1, (double[]) { 1 / 0.18215 }, &x);
  x = vel_vae_decode (self.ctx, vae, x);
  host = g_malloc (x->bytes);
  vel_tensor_download (x, host);
  for (gsize i = 0; i < x->bytes / sizeof *host; i++)
    host[i] = CLAMP ((host[i] + 1) / 2, 0, 1);
  vel_tensor_upload (x, host);
  compare (&self, x, "image", 3e-5);
  tear_down (&self);
}

/* A folder says what it was trained at, a file does not. */
static void
test_size (gconstpointer data)
{
  VelArchitecture architecture;
  Setup self;

  set_up (&self, data);
  g_assert_true (vel_architecture_read (&architecture, self.weights, NULL, NULL));
  g_assert_cmpuint (architecture.width, ==, g_str_equal (((const Case *) data)->model, "folder") ? 96 : 512);
  tear_down (&self);
}

static void
test_loading_names_what_is_missing (void)
{
  g_autofree char *place = g_build_filename (folder, "one-block", NULL);
  g_autofree char *path = tiny_model_write ("one-block", place);
  g_autoptr (VelDevice) device = vel_device_new_reference ();
  g_autoptr (VelWeights) weights = vel_weights_open (path, NULL, NULL);
  VelLoader loader = { .weights = weights, .device = device };
  VelConv conv = { 0 };
  VelNorm norm = { 0 };

  vel_conv_load (&conv, &loader, 4, 32, 3, "model.diffusion_model.input_blocks.%d.0", 77);
  g_assert_error (loader.error, VEL_ERROR, VEL_ERROR_WEIGHT);
  g_assert_nonnull (strstr (loader.error->message, "model.diffusion_model.input_blocks.77.0.weight"));
  vel_norm_load (&norm, &loader, 32, 1e-5, "model.diffusion_model.out.0"); /* does nothing after an error */
  g_assert_null (norm.gamma);
  g_clear_error (&loader.error);
  vel_norm_load (&norm, &loader, 99, 1e-5, "model.diffusion_model.out.0");
  g_assert_error (loader.error, VEL_ERROR, VEL_ERROR_WEIGHT);
  g_assert_nonnull (strstr (loader.error->message, "[32]"));
  g_assert_nonnull (strstr (loader.error->message, "[99]"));
  g_clear_error (&loader.error);
}

int
main (int argc, char **argv)
{
  static const Case texts[] = { { "four-levels", "long", FALSE }, { "four-levels", "long", TRUE } };
  static const Case networks[] = {
    { "four-levels", "euler-normal", FALSE }, { "four-levels", "dpmpp-2m-karras", FALSE }, { "two-levels", "two-levels-simple", FALSE },
    { "one-block", "one-block-sgm", FALSE },  { "folder", "folder-v", FALSE },             { "one-block", "one-block-sgm", TRUE },
  };
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("velatura-networks-XXXXXX", NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autofree char *path = g_strdup_printf ("/models/text/%s/%s", texts[i].golden, texts[i].reference ? "reference" : "cpu");

    g_test_add_data_func (path, &texts[i], test_text);
  }
  for (gsize i = 0; i < G_N_ELEMENTS (networks); i++) {
    const char *table = networks[i].reference ? "reference" : "cpu";
    g_autofree char *unet = g_strdup_printf ("/models/unet/%s/%s", networks[i].golden, table);
    g_autofree char *decoder = g_strdup_printf ("/models/vae-decoder/%s/%s", networks[i].golden, table);

    g_test_add_data_func (unet, &networks[i], test_unet);
    g_test_add_data_func (decoder, &networks[i], test_decoder);
    if (!networks[i].reference) {
      g_autofree char *size = g_strdup_printf ("/models/size/%s", networks[i].golden);

      g_test_add_data_func (size, &networks[i], test_size);
    }
  }
  g_test_add_func ("/models/loading/names-what-is-missing", test_loading_names_what_is_missing);
  status = g_test_run ();
  tiny_remove_tree (folder);
  g_free (folder);
  return status;
}
