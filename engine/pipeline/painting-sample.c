/* Noise to latents.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/painting.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>

#include "engine/pipeline/preview.h"
#include "engine/sampling/sampler.h"

#define STEPS_BEFORE_ESTIMATE 3
#define PREVIEW_INTERVAL 16000 /* microseconds, a frame: a card makes steps faster than anybody sees, and each look waits for it */

/* What names of a trace's tensors begin with. */
static const char *
pass_name (const VelPainting *self)
{
  return self->second ? "hires." : "";
}

static void
on_raw (VelTensor *cond, VelTensor *uncond, gpointer data)
{
  VelPainting *self = data;

  vel_trace_add_picture (self->trace, cond, "%smodel.cond", pass_name (self));
  vel_trace_add_picture (self->trace, uncond, "%smodel.uncond", pass_name (self));
}

/* A step whose result is no picture ends the run at once; whoever started it may try a higher precision. */
static void
fail_for_numbers (VelPainting *self, VelContext *ctx)
{
  const char *layer = vel_guidance_find_culprit (self->guidance);
  const char *type = vel_precision_name (self->model->precision.unet);

  if (!layer)
    vel_context_fail (ctx, VEL_ERROR_NUMBERS, _ ("The network's numbers went out of bounds while painting in %s; lower the guidance or try "
                                                 "another sampler, and if that does not help the model file is damaged"),
                      type);
  else
    vel_context_fail (ctx, VEL_ERROR_NUMBERS, _ ("The network's numbers went out of bounds at \"%s\" while painting in %s; lower the "
                                                 "guidance or try another sampler, and if that does not help the model file is damaged"),
                      layer, type);
}

/* The second pass's steps while the first is at hand, in steps of this one: they take longer as there are more pixels. */
static double
later_steps (const VelPainting *self)
{
  if (self->second || !self->hires.upscaler)
    return 0;
  return self->hires.steps * ((double) self->hires.width * self->hires.height / ((double) self->width * self->height));
}

static void
on_step (VelContext *ctx, unsigned finished, VelTensor *x, VelTensor *denoised, gpointer data)
{
  VelPainting *self = data;
  gint64 now = g_get_monotonic_time ();
  unsigned n_steps = self->start.n_steps;
  VelProgress progress = { .stage = VEL_STAGE_SAMPLING,
                           .fraction = (double) (self->steps_before + finished) / self->n_steps,
                           .step = self->steps_before + finished,
                           .n_steps = self->n_steps,
                           .seconds_left = -1 };

  self->finished = finished;
  vel_trace_add_picture (self->trace, x, "%slatent.%03u", pass_name (self), finished);
  if (finished == 0)
    self->sampling_began = now;
  if (finished >= STEPS_BEFORE_ESTIMATE)
    progress.seconds_left = (double) (now - self->sampling_began) / 1e6 / finished * (n_steps - finished + later_steps (self));
  if (denoised && (finished == n_steps || now - self->shown >= PREVIEW_INTERVAL)) {
    if (!vel_tensor_is_finite (denoised)) {
      fail_for_numbers (self, ctx);
      return;
    }
    g_free (self->preview);
    self->preview = vel_preview_make (self->model, denoised);
    progress.preview = self->preview;
    progress.preview_width = self->preview_width = (guint) denoised->shape.size[2];
    progress.preview_height = self->preview_height = (guint) denoised->shape.size[1];
    self->shown = now;
  }
  vel_painting_tell (self, progress);
}

static gboolean
check_finite (VelTensor *latents, GError **error)
{
  g_autofree float *host = g_malloc (latents->bytes);

  vel_tensor_download (latents, host);
  for (gsize i = 0; i < latents->bytes / sizeof *host; i++)
    if (!isfinite (host[i])) {
      g_set_error (error, VEL_ERROR, VEL_ERROR_NUMBERS,
                   _ ("The network's numbers went out of bounds while painting; lower the guidance or try another sampler, and if that does "
                      "not help the model file is damaged"));
      return FALSE;
    }
  return TRUE;
}

static void
trace_sigmas (VelPainting *self)
{
  g_autofree float *values = g_new (float, self->start.n_steps + 1);

  for (unsigned i = 0; i <= self->start.n_steps; i++)
    values[i] = (float) self->start.sigmas[i];
  vel_trace_add_floats (self->trace, values, VEL_SHAPE (self->start.n_steps + 1), self->second ? "hires.sigmas" : "sigmas");
}

/* The streams that steps draw from go on behind the first noise, or begin anew. seeds: (out) of Brownian paths. streams, seeds: [batch] */
static void
draw_first (VelPainting *self, VelContext *ctx, VelRandom *streams, guint64 *seeds, VelTensor *noise)
{
  vel_first_noise_fill (ctx, &self->first, streams, noise);
  for (gint64 i = 0; i < self->batch; i++) {
    seeds[i] = vel_first_noise_seed (&self->first, i);
    if (self->rules->steps_anew)
      vel_random_init (&streams[i], self->kind, seeds[i] + (self->kind.philox ? 0 : 1));
  }
}

/* Noise in place of what is painted anew is each picture's own, of its seed alone.
 * Returns: (nullable) what sampling starts from, of the context: [1, ...], or [B, ...] where pictures differ */
static VelTensor *
fill_start (VelPainting *self, VelContext *ctx, VelShape shape)
{
  VelFirstNoise plain = { .kind = self->first.kind, .seed = self->first.seed };
  g_autofree VelRandom *streams = NULL;
  VelTensor *noise = NULL;

  if (self->second || !self->before || self->before->fill < VEL_FILL_NOISE)
    return self->latent_start;
  if (self->before->fill == VEL_FILL_NOISE) {
    if (self->first.strength != 0) /* variations have one seed */
      shape.size[0] = 1;
    streams = g_new (VelRandom, shape.size[0]);
    noise = vel_context_tensor (ctx, VEL_F32, shape);
    vel_first_noise_fill (ctx, &plain, streams, noise);
  }
  return vel_mask_mix (ctx, self->before->repaint, self->latent_before, noise);
}

/* A VelTurnFunc. What the refiner needs may be all the room there is: the first model's networks leave, its VAE stays. */
static VelGuidance *
hand_over (VelContext *ctx, double sigma, VelGuidance *now, gpointer data)
{
  VelPainting *self = data;
  unsigned evaluations = vel_guidance_get_evaluations (now);
  VelRefinerTask task;

  if (self->refining || !vel_refiner_is_due (self->refiner, self->model->levels, sigma, self->finished))
    return now;
  task = (VelRefinerTask) { .device = self->engine->device,
                            .key = self->key,
                            .size = { self->width, self->height, self->batch },
                            .conditioner = vel_painting_make_conditioner (self),
                            .prompts = vel_painting_ask_prompts (self),
                            .nearest_time = self->rules->nearest_time,
                            .rescale = vel_values_get_real (self->request, "cfg_rescale"),
                            .shape = self->latents->shape,
                            .sigmas = self->start.sigmas,
                            .n_sigmas = self->start.n_steps + 1 };
  self->refining = TRUE;
  g_clear_pointer (&self->guidance, vel_guidance_free);
  vel_model_drop_text (self->model);
  vel_model_drop_unet (self->model);
  vel_control_nets_drop (self->engine->controls);
  self->guidance = vel_refiner_take_over (ctx, self->refiner, &task, self->model, evaluations, self->cancellable);
  return self->guidance;
}

/* Where there is a second pass it goes into that, as A1111 has it unless told otherwise (hires_fix_refiner_pass). */
static void
open_refiner (VelPainting *self, VelSampling *sampling)
{
  self->refining = FALSE;
  if (!self->refiner_path || (self->hires.upscaler && !self->second))
    return;
  self->refiner = vel_refiner_new (self->refiner_path, vel_values_get_real (self->request, "refiner_at"),
                                   (unsigned) vel_values_get_int (self->request, "refiner_step"));
  sampling->turn = hand_over;
  sampling->turn_data = self;
}

/* Returns: (transfer full) (nullable) */
static VelMask *
make_mask (VelPainting *self, VelContext *ctx, VelTensor *before)
{
  if (!self->before || !self->before->repaint)
    return NULL;
  if (self->before->whole)
    return vel_mask_new_soft (ctx, vel_soft_read (self->request).painting, self->before->repaint, before, self->batch);
  return vel_mask_new (ctx, self->before->repaint, before, self->batch);
}

/* A sharp mask does the same whatever the sampler: it holds still what the network makes of a step, and nothing is laid over the result. */
static gboolean
has_sharp_mask (const VelPainting *self)
{
  return self->before && !self->before->whole && vel_values_get_int (self->request, "mask_blur") == 0;
}

/* What lies over the result in the end follows from how far it went. */
static void
compare_with_start (VelPainting *self, VelContext *ctx, VelTensor *before)
{
  VelSoft soft = vel_soft_read (self->request);

  g_clear_pointer (&self->changed, g_ptr_array_unref);
  if (self->before && self->before->whole && self->latents)
    self->changed = vel_soft_compare (ctx, &soft, self->before->repaint, before, self->latents);
}

static gboolean
sample_once (VelPainting *self, GError **error)
{
  g_autoptr (VelContext) ctx = vel_painting_new_context (self, self->engine->device);
  g_autoptr (GArray) controls = vel_painting_make_controls (self, ctx, error);
  guint factor = vel_vae_get_factor (self->model->vae);
  VelShape shape = VEL_SHAPE (self->batch, self->height / factor, self->width / factor, 4);
  unsigned n_terms;
  g_autofree VelTerm *terms = vel_prompts_dup_terms (self->prompts, &n_terms);
  g_autofree VelRandom *streams = g_new (VelRandom, self->batch);
  g_autofree guint64 *seeds = g_new (guint64, self->batch);
  VelNetwork network = { self->model->unet, self->model->architecture.prediction, self->model->levels, self->rules->nearest_time,
                         vel_values_get_real (self->request, "cfg"), (const VelControl *) (controls ? controls->data : NULL),
                         controls ? controls->len : 0 };
  g_autoptr (VelMask) mask = NULL;
  VelSampling sampling = { .ctx = ctx,
                           .levels = self->model->levels,
                           .mask_input = self->rules->mask_input && (self->sampler->flags & VEL_SAMPLER_OWN_TIMESTEPS) && !has_sharp_mask (self),
                           .streams = streams,
                           .together = self->first.together,
                           .path_kind = self->first.kind,
                           .path_seeds = seeds,
                           .sigma_low = self->start.lowest,
                           .sigma_high = self->start.highest,
                           .request = self->request,
                           .step = on_step,
                           .step_data = self };
  VelTensor *noise, *start, *before;

  if (!controls)
    return FALSE;
  g_clear_pointer (&self->latents, vel_tensor_unref);
  self->latents = vel_tensor_new (self->engine->device, VEL_F32, shape);
  if (!self->latents)
    vel_context_fail (ctx, VEL_ERROR_MEMORY, _ ("There is not enough memory for %" PRId64 " pictures of %u x %u"), self->batch, self->width,
                      self->height);
  noise = vel_context_tensor (ctx, VEL_F32, shape);
  draw_first (self, ctx, streams, seeds, noise);
  vel_trace_add_picture (self->trace, noise, "%snoise", pass_name (self));
  trace_sigmas (self);
  start = fill_start (self, ctx, shape);
  before = self->second ? self->latent_before : start;
  if (self->latents)
    vel_start_mix (ctx, &self->start, self->sampler, self->latents, noise, start);
  sampling.mask = mask = make_mask (self, ctx, before);
  self->guidance = vel_guidance_new (ctx, &network, self->elsewhere, n_terms, terms, shape, self->start.sigmas, self->start.n_steps + 1);
  if (self->guidance) {
    open_refiner (self, &sampling);
    vel_guidance_watch_first (self->guidance, on_raw, self);
    vel_guidance_set_change (self->guidance, vel_prompts_change, self->prompts);
    vel_guidance_set_rescale (self->guidance, vel_values_get_real (self->request, "cfg_rescale"));
    sampling.guidance = self->guidance;
    vel_sampler_run (self->sampler, &sampling, self->latents, self->start.sigmas, self->start.n_steps);
    if (mask && !has_sharp_mask (self))
      vel_mask_finish (ctx, mask, self->latents);
    compare_with_start (self, ctx, before);
  }
  g_clear_pointer (&self->guidance, vel_guidance_free);
  g_clear_pointer (&self->refiner, vel_refiner_free);
  return vel_context_check (ctx, error) && check_finite (self->latents, error);
}

/* stage: noise to latents */
gboolean
vel_painting_sample (VelPainting *self, GError **error)
{
  if (!vel_model_need (self->model, self->engine->device, self->key, FALSE, TRUE, self->cancellable, error)
      || !vel_painting_report_loras (self, error))
    return FALSE;
  for (;;) {
    VelType type = self->model->precision.unet, higher = vel_precision_higher (type, self->engine->device);
    g_autoptr (GError) failure = NULL;

    self->elsewhere = vel_prompts_are_guided (self->prompts) ? vel_engine_use_second (self->engine, vel_values_get (self->request, "device2"), self->key,
                                                            self->cancellable, &failure)
                                   : NULL;
    if (!failure && vel_painting_load_controls (self, &failure) && sample_once (self, &failure))
      return TRUE;
    if (!vel_painting_may_retry (self, failure, type, higher)) {
      g_propagate_error (error, g_steal_pointer (&failure));
      return FALSE;
    }
    if (!vel_engine_reload_unet (self->engine, self->key, higher, self->cancellable, error))
      return FALSE;
  }
}
