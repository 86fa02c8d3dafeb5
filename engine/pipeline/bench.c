/* Timing networks.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/pipeline/bench.h"

#include "engine/lora/files.h"
#include "engine/pipeline/engine.h"
#include "engine/tensor/random.h"

void
vel_bench_result_clear (VelBenchResult *self)
{
  g_clear_pointer (&self->seconds, g_array_unref);
}

double
vel_bench_result_get_median (const VelBenchResult *self)
{
  guint n = self->seconds->len;
  const double *seconds = (const double *) (gpointer) self->seconds->data;

  return n == 0 ? 0 : n % 2 ? seconds[n / 2] : (seconds[n / 2 - 1] + seconds[n / 2]) / 2;
}

static VelTensor *
noise (VelContext *ctx, VelShape shape)
{
  VelTensor *tensor = vel_context_tensor (ctx, VEL_F32, shape);
  gsize count = (gsize) vel_shape_count (shape);
  g_autofree float *host = g_new (float, count);
  VelRandom random;

  vel_random_init (&random, VEL_RANDOM_NV, 0);
  vel_random_normal (&random, host, count);
  if (vel_context_ok (ctx))
    vel_tensor_upload (tensor, host);
  return tensor;
}

/* What one run needs, made before the clock starts. */
typedef struct {
  const VelModel *model;
  VelBenchPart part;
  VelTensor *input;
  VelTextKeys *text;
  VelTensor *shifts;
} Subject;

static void
prepare (Subject *self, VelContext *ctx, const VelBenchRequest *request, guint width, guint height)
{
  guint factor = vel_vae_get_factor (self->model->vae);
  gint64 vector, channels = self->part == VEL_BENCH_UNET ? vel_unet_get_in_channels (self->model->unet) : 4;

  if (self->part == VEL_BENCH_TEXT)
    return;
  self->input = noise (ctx, VEL_SHAPE (self->part == VEL_BENCH_UNET ? request->batch : 1, height / factor, width / factor, channels));
  if (self->part != VEL_BENCH_UNET)
    return;
  self->text = vel_unet_text_new (ctx, self->model->unet,
                                  noise (ctx, VEL_SHAPE (request->batch, 77, vel_unet_get_context_dim (self->model->unet))));
  self->input = vel_op_convert (ctx, self->input, vel_unet_get_type (self->model->unet));
  vector = vel_unet_get_vector_width (self->model->unet);
  self->shifts = vel_time_embedding_run (ctx, vel_unet_get_times (self->model->unet), &(float) { 500 }, 1, 7, vector ? noise (ctx, VEL_SHAPE (1, vector)) : NULL);
}

static void
run (gpointer data, VelContext *ctx)
{
  const Subject *self = data;
  guint32 tokens[77] = { 0 };

  vel_context_open (ctx);
  switch (self->part) {
  case VEL_BENCH_TEXT:
    for (guint i = 0; self->model->text[i]; i++)
      vel_clip_encode (ctx, self->model->text[i], tokens, NULL, G_N_ELEMENTS (tokens), 1, 0, NULL);
    break;
  case VEL_BENCH_UNET:
    vel_unet_forward (ctx, self->model->unet, self->input, self->shifts, self->text, NULL);
    break;
  case VEL_BENCH_VAE:
    vel_vae_decode (ctx, self->model->vae, self->input);
    break;
  }
  vel_context_close (ctx, NULL);
}

static int
by_size (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

/* key: (out). Returns: borrowed; NULL with any error of loading */
static VelModel *
load (VelEngine *self, const VelBenchRequest *request, VelModelKey *key, GCancellable *cancellable, GError **error)
{
  VelModel *model;

  *key = (VelModelKey) { .unet = "", .text = "", .vae = "", .tokenizer = request->tokenizer ? request->tokenizer : "", .prediction = "" };
  if (!vel_precision_choose (&key->precision, request->precision ? request->precision : "auto", self->device, error)
      || !(model = vel_engine_load (self, request->model, *key, (VelPictureSize) { .batch = 1 }, NULL, NULL, cancellable, error)))
    return NULL;
  key->path = model->path;
  return model;
}

/* One run more than is asked for, the first of which warms up. */
static void
time_runs (VelEngine *self, VelContext *ctx, unsigned runs, void (*once) (gpointer data, VelContext *ctx), gpointer data, VelBenchResult *result)
{
  result->seconds = g_array_new (FALSE, FALSE, sizeof (double));
  for (unsigned i = 0; i <= runs && vel_context_ok (ctx); i++) {
    double flops = vel_context_get_flops (ctx);
    gint64 began = g_get_monotonic_time ();
    double seconds;

    once (data, ctx);
    if (self->device->kernels->wait)
      self->device->kernels->wait (self->device->backend);
    seconds = (double) (g_get_monotonic_time () - began) / 1e6;
    result->gflop = (vel_context_get_flops (ctx) - flops) / 1e9;
    if (i > 0)
      g_array_append_val (result->seconds, seconds);
  }
  g_array_sort (result->seconds, by_size);
  result->peak_bytes = vel_context_get_peak (ctx);
}

gboolean
vel_engine_bench (VelEngine *self, const VelBenchRequest *request, VelBenchResult *result, GCancellable *cancellable, GError **error)
{
  VelModelKey key;
  VelModel *model = load (self, request, &key, cancellable, error);
  g_autoptr (VelContext) ctx = NULL;
  Subject subject = { .part = request->part };
  gboolean ok;

  if (!model)
    return FALSE;
  if (!vel_model_need (model, self->device, key, request->part == VEL_BENCH_TEXT, request->part == VEL_BENCH_UNET, cancellable, error))
    return FALSE;
  subject.model = model;
  *result = (VelBenchResult) { .width = request->width ? request->width : model->architecture.width,
                               .height = request->height ? request->height : model->architecture.height,
                               .packed_bytes = model->packed_bytes };
  ctx = vel_context_new (self->device, cancellable);
  vel_context_set_lean (ctx, request->part == VEL_BENCH_VAE);
  prepare (&subject, ctx, request, result->width, result->height);
  time_runs (self, ctx, request->runs, run, &subject, result);
  ok = vel_context_check (ctx, error);
  g_clear_pointer (&subject.text, vel_text_keys_free);
  if (!ok)
    vel_bench_result_clear (result);
  return ok;
}

gboolean
vel_engine_bench_loras (VelEngine *self, const VelBenchRequest *request, VelBenchResult *result, GCancellable *cancellable, GError **error)
{
  VelModelKey key;
  VelModel *model = load (self, request, &key, cancellable, error);
  g_autoptr (GPtrArray) wishes = g_ptr_array_new_with_free_func (vel_lora_wish_free), notes = g_ptr_array_new_with_free_func (g_free);

  if (!model || !vel_loras_parse_lines (request->loras, TRUE, wishes, error)
      || !vel_model_need (model, self->device, key, TRUE, TRUE, cancellable, error))
    return FALSE;
  *result = (VelBenchResult) { .packed_bytes = model->packed_bytes, .seconds = g_array_new (FALSE, FALSE, sizeof (double)) };
  for (unsigned i = 0; i <= request->runs; i++) {
    gint64 began = g_get_monotonic_time ();
    double seconds;

    for (guint k = 0; k < wishes->len; k++) {
      VelLoraWish *wish = wishes->pdata[k];

      wish->text *= i % 2 ? 0.5 : 2;
      wish->unet *= i % 2 ? 0.5 : 2;
    }
    if (!vel_lora_stack_set (self->loras, wishes, cancellable, error)
        || !vel_model_need (model, self->device, key, TRUE, TRUE, cancellable, error) || !vel_lora_stack_report (self->loras, notes, error)) {
      vel_bench_result_clear (result);
      return FALSE;
    }
    if (self->device->kernels->wait)
      self->device->kernels->wait (self->device->backend);
    seconds = (double) (g_get_monotonic_time () - began) / 1e6;
    if (i > 0)
      g_array_append_val (result->seconds, seconds);
  }
  g_array_sort (result->seconds, by_size);
  return TRUE;
}

typedef struct {
  const VelUpscaler *network;
  VelTensor *input;
} Enlarging;

static void
run_upscaler (gpointer data, VelContext *ctx)
{
  const Enlarging *self = data;

  vel_context_open (ctx);
  vel_upscaler_forward (ctx, self->network, self->input);
  vel_context_close (ctx, NULL);
}

gboolean
vel_engine_bench_upscaler (VelEngine *self, const char *path, const VelBenchRequest *request, VelBenchResult *result,
                           GCancellable *cancellable, GError **error)
{
  g_autoptr (VelUpscaler) network = NULL;
  g_autoptr (VelContext) ctx = NULL;
  VelPrecision precision;
  guint multiple;

  if (!vel_precision_choose (&precision, request->precision ? request->precision : "auto", self->device, error)
      || !(network = vel_upscale_load (path, self->device, precision.vae, cancellable, error)))
    return FALSE;
  multiple = vel_upscaler_get_facts (network)->multiple;
  *result = (VelBenchResult) { .width = (request->width ? request->width : VEL_UPSCALE_TILE) / multiple * multiple,
                               .height = (request->height ? request->height : VEL_UPSCALE_TILE) / multiple * multiple };
  ctx = vel_context_new (self->device, cancellable);
  vel_context_set_lean (ctx, TRUE);
  time_runs (self, ctx, request->runs, run_upscaler, &(Enlarging) { network, noise (ctx, VEL_SHAPE (1, result->height, result->width, 3)) },
             result);
  if (vel_context_check (ctx, error))
    return TRUE;
  vel_bench_result_clear (result);
  return FALSE;
}
