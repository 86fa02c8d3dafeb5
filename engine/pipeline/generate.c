/* From a request to pictures.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/generate.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "engine/pipeline/engine.h"
#include "engine/pipeline/extra.h"
#include "engine/pipeline/hires.h"
#include "engine/pipeline/inpaint.h"
#include "engine/pipeline/model.h"
#include "engine/pipeline/preview.h"
#include "engine/pipeline/prompts.h"
#include "engine/pipeline/refiner.h"
#include "engine/pipeline/start.h"
#include "engine/pipeline/trace.h"
#include "engine/paths.h"
#include "engine/registry.h"
#include "engine/sampling/first-noise.h"
#include "engine/sampling/noise-levels.h"
#include "engine/sampling/sampler.h"
#include "engine/text/embedding-files.h"

#define STEPS_BEFORE_ESTIMATE 3
#define PREVIEW_INTERVAL 16000 /* microseconds, a frame: a card makes steps faster than anybody sees, and each look waits for it */

/* One request on its way through the stages. */
typedef struct {
  VelEngine *engine;
  VelModel *model;
  VelValues *request;
  VelProgressFunc progress;
  gpointer progress_data;
  GCancellable *cancellable;
  VelTrace *trace;

  VelFirstNoise first; /* seeds, and how noise is made of them */
  VelRandomKind kind;  /* of the noise of steps */
  guint width, height; /* of the pass at hand */
  guint first_width, first_height; /* of the first one */
  gint64 batch;
  const VelRules *rules;
  const VelSampler *sampler;
  GArray *sigmas; /* (element-type double) of the whole descent */
  VelStart start; /* the part of it that is gone */
  VelHires hires;
  gboolean second;               /* the second pass is at hand; */
  gboolean between;              /* it is being prepared */
  guint base_steps; /* of the first pass, as prompts count them */
  unsigned steps_before, n_steps; /* progress: of the first pass when the second is at hand; of both */
  VelModelKey key;
  GPtrArray *notes; /* (element-type utf8) */
  VelGuidance *guidance; /* while sampling, owned */
  VelRefiner *refiner;   /* (nullable) while sampling */
  gboolean refining;     /* it has taken over */
  const VelElsewhere *elsewhere; /* (nullable) for one half of it */
  VelPrompts *prompts;
  VelInpaint *before;       /* (nullable) the start picture, */
  VelTensor *latent_before; /* (nullable) and its latent */
  VelTensor *latents;       /* [B, h, w, 4] */
  gboolean sampled;         /* they are done */
  gboolean in_strips;       /* the device's memory is too small to decode whole pictures; */
  VelDevice *spare;         /* (nullable) where decoding goes on when it is too small even for strips, */
  VelVae *spare_vae;        /* with a VAE there */

  gint64 sampling_began, shown; /* monotonic time; shown: of the latest preview */
  guint8 *preview; /* [h, w, 3], the latest, */
  guint preview_width, preview_height; /* and its size */
} Job;

static void
picture_free (VelPicture *self)
{
  g_clear_object (&self->request);
  g_free (self->rgb);
  g_free (self);
}

void
vel_result_free (VelResult *self)
{
  if (!self)
    return;
  g_clear_pointer (&self->pictures, g_ptr_array_unref);
  g_free (self->model_path);
  g_free (self->model_name);
  g_free (self->model_hash);
  g_strfreev (self->notes);
  g_free (self);
}

static void
tell (Job *self, VelProgress progress)
{
  if (self->progress)
    self->progress (&progress, self->progress_data);
}

static void
on_loading (double fraction, void *data)
{
  tell (data, (VelProgress) { .stage = VEL_STAGE_LOADING, .fraction = fraction, .seconds_left = -1 });
}

/* stage: the model, kept from the last request where it is the same */
static gboolean
load (Job *self, GError **error)
{
  VelValues *request = self->request;
  VelPictureSize size;

  if (!vel_engine_use (self->engine, vel_values_get (request, "device"), (guint64) vel_values_get_int (request, "memory"), error))
    return FALSE;
  self->key = (VelModelKey) { .vae = vel_values_get (request, "vae"),
                              .tokenizer = vel_values_get (request, "tokenizer"),
                              .prediction = vel_values_get (request, "prediction") };
  if (!vel_precision_choose (&self->key.precision, vel_values_get (request, "precision"), self->engine->device, error))
    return FALSE;
  size = (VelPictureSize) { vel_values_is_set (request, "width") ? (guint) vel_values_get_int (request, "width") : 0,
                            vel_values_is_set (request, "height") ? (guint) vel_values_get_int (request, "height") : 0,
                            vel_values_get_int (request, "batch") };
  if (size.width > 0 && size.height > 0) { /* what the second pass needs is what is planned for */
    if (!vel_hires_plan (&self->hires, request, size.width, size.height, 8, error))
      return FALSE;
    size.width = MAX (size.width, self->hires.width);
    size.height = MAX (size.height, self->hires.height);
  }
  self->model = vel_engine_load (self->engine, vel_values_get (request, "model"), self->key, size, on_loading, self, self->cancellable, error);
  if (self->model)
    self->key.path = self->model->path;
  return self->model != NULL;
}

static guint64
choose_seed (VelValues *request, const char *name)
{
  return vel_values_is_set (request, name) ? vel_values_get_seed (request, name) : g_random_int ();
}

static void
plan_noise (Job *self)
{
  VelValues *request = self->request;
  guint factor = vel_vae_get_factor (self->model->vae), width = 0, height = 0;

  vel_seed_resize_parse (vel_values_get (request, "seed_resize"), &width, &height);
  self->first = (VelFirstNoise) { .seed = choose_seed (request, "seed"),
                                  .strength = vel_values_get_real (request, "variation_strength"),
                                  .variation = choose_seed (request, "variation_seed"),
                                  .from_height = height / factor,
                                  .from_width = width / factor,
                                  .seed_offset = (guint64) vel_values_get_int (request, "ensd") };
  if (!vel_random_kind_parse (vel_values_get (request, "rng"), &self->kind))
    g_assert_not_reached ();
  self->first.kind = self->rules->first_from_cpu ? VEL_RANDOM_CPU : self->kind;
  self->first.together = self->rules->together && self->first.strength == 0 && self->first.from_width == 0;
}

/* sampler, schedule: names of options; of the second pass they may be unset, which means the first one's. */
static gboolean
plan_descent (Job *self, const char *sampler, const char *schedule, VelReach reach, GError **error)
{
  const char *sampler_id = vel_values_get (self->request, vel_values_is_set (self->request, sampler) ? sampler : "sampler");
  const char *schedule_id = vel_values_get (self->request, vel_values_is_set (self->request, schedule) ? schedule : "schedule");
  const VelSchedule *resolved;

  self->sampler = vel_registry_find_sampler (vel_rules_mean (self->rules->samplers, sampler_id));
  resolved = self->sampler ? vel_registry_resolve_schedule (vel_rules_mean (self->rules->schedules, schedule_id), self->sampler) : NULL;
  if (!resolved) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_PLUGIN,
                 self->sampler ? _ ("There is no schedule \"%s\"; `velatura list schedules` shows what there is")
                               : _ ("There is no sampler \"%s\"; `velatura list samplers` shows what there is"),
                 self->sampler ? schedule_id : sampler_id);
    return FALSE;
  }
  g_clear_pointer (&self->sigmas, g_array_unref);
  self->sigmas = vel_noise_levels_sigmas_by (self->model->levels, self->rules, self->sampler, resolved, vel_start_count (self->rules, reach),
                                             error);
  return self->sigmas
         && vel_start_plan (&self->start, self->rules, self->sampler, self->sigmas, reach, self->model->levels->sigma_max, error);
}

/* stage: options to numbers */
static gboolean
plan (Job *self, GError **error)
{
  const VelArchitecture *architecture = &self->model->architecture;
  VelValues *request = self->request;
  guint factor = vel_vae_get_factor (self->model->vae);
  VelReach reach = { (unsigned) vel_values_get_int (request, "steps"),
                     vel_values_is_set (request, "init") ? vel_values_get_real (request, "strength") : -1,
                     vel_values_get_bool (request, "exact_steps") };

  self->rules = vel_rules_find (vel_values_get (request, "render_as"));
  self->width = vel_values_is_set (request, "width") ? (guint) vel_values_get_int (request, "width") : architecture->width;
  self->height = vel_values_is_set (request, "height") ? (guint) vel_values_get_int (request, "height") : architecture->height;
  if (self->width % factor || self->height % factor) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST, _ ("The size %u x %u does not fit this model; both sides must be multiples of %u"),
                 self->width, self->height, factor);
    return FALSE;
  }
  self->first_width = self->width;
  self->first_height = self->height;
  self->batch = vel_values_get_int (request, "batch");
  plan_noise (self);
  if (reach.strength == 0 && reach.exact) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST, _ ("At strength 0 no number of steps is exact; raise the strength"));
    return FALSE;
  }
  if (!vel_hires_plan (&self->hires, request, self->width, self->height, factor, error)
      || !plan_descent (self, "sampler", "schedule", reach, error))
    return FALSE;
  self->second = FALSE;
  self->steps_before = 0;
  self->n_steps = self->start.n_steps + (self->hires.upscaler ? self->hires.steps : 0);
  return TRUE;
}

/* What this version can not do for a prompt is said. */
static void
note_networks (Job *self)
{
  const GPtrArray *networks = vel_prompts_get_networks (self->prompts);

  for (guint i = 0; i < networks->len; i++) {
    const VelPromptNetwork *network = networks->pdata[i];

    g_ptr_array_add (self->notes, g_strdup_printf (_ ("The prompt asks for <%s:%s>, which was left out: this version applies no such networks"),
                                                   network->kind, network->name));
  }
}

/* hires: the option that the second pass may have instead */
static const char *
get_text (const Job *self, const char *name, const char *hires)
{
  return vel_values_get (self->request, self->second && vel_values_is_set (self->request, hires) ? hires : name);
}

/* Returns: (transfer full) */
static VelEmbeddings *
gather_embeddings (Job *self, GError **error)
{
  const char *const prompts[] = { get_text (self, "prompt", "hires_prompt"), get_text (self, "negative", "hires_negative"), NULL };
  g_autofree char *folder = g_build_filename (vel_paths_get_data (), "embeddings", NULL);
  g_autoptr (VelEmbeddings) embeddings = NULL;
  gint64 widths[VEL_MAX_TEXTS];
  guint n = 0;

  for (; self->model->text[n]; n++)
    widths[n] = vel_clip_get_width (self->model->text[n]);
  embeddings = vel_embeddings_new (self->model->tokenizer, n, widths);
  if (!vel_embeddings_gather (embeddings, vel_values_get (self->request, "embedding"), folder, prompts, self->notes, self->cancellable, error))
    return NULL;
  return g_steal_pointer (&embeddings);
}

static VelConditioner
make_conditioner (const Job *self)
{
  return (VelConditioner) { .model = self->model,
                            .clip_skip = vel_values_is_set (self->request, "clip_skip")
                                           ? (unsigned) vel_values_get_int (self->request, "clip_skip")
                                           : self->model->architecture.family->clip_skip,
                            .emphasis = vel_emphasis_mode_from_string (vel_values_get (self->request, "emphasis")),
                            .language = self->rules->language,
                            .zero_for_empty = self->rules->zero_for_empty,
                            .width = self->width,
                            .height = self->height,
                            .trace = self->second ? NULL : self->trace };
}

static VelPromptsAsked
ask_prompts (const Job *self)
{
  guint calls = self->sampler->flags & VEL_SAMPLER_TWO_CALLS ? 2 : 1;
  guint base = self->second ? self->base_steps : calls * (guint) vel_values_get_int (self->request, "steps");

  return (VelPromptsAsked) { .positive = get_text (self, "prompt", "hires_prompt"),
                             .negative = get_text (self, "negative", "hires_negative"),
                             .rules = { .base_steps = base, .hires_steps = self->second ? calls * self->hires.steps : 0 },
                             .scale = vel_values_get_real (self->request, "cfg"),
                             .always_guided = self->trace != NULL };
}

/* stage: prompts to conditions */
static gboolean
encode_text (Job *self, GError **error)
{
  g_autoptr (VelContext) ctx = vel_context_new (self->engine->device, self->cancellable);
  VelConditioner conditioner = make_conditioner (self);
  VelPromptsAsked asked = ask_prompts (self);
  g_autoptr (VelEmbeddings) embeddings = NULL;

  self->base_steps = asked.rules.base_steps;
  g_clear_pointer (&self->prompts, vel_prompts_free);
  if (!vel_model_need (self->model, self->engine->device, self->key, TRUE, FALSE, self->cancellable, error) ||
      !(embeddings = gather_embeddings (self, error)))
    return FALSE;
  conditioner.embeddings = embeddings;
  tell (self, (VelProgress) { .stage = VEL_STAGE_TEXT, .seconds_left = -1 });
  if (!(self->prompts = vel_prompts_new (ctx, &conditioner, &asked, error)))
    return FALSE;
  if (self->model->plan.fit != VEL_FIT_WHOLE)
    vel_model_drop_text (self->model);
  return TRUE;
}

static gboolean
refuse_lone_mask (GError **error)
{
  g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST, _ ("A mask says what to paint anew in a picture: name that one too (--init)"));
  return FALSE;
}

/* stage: the start picture, if there is one */
static gboolean
encode_start (Job *self, GError **error)
{
  g_autoptr (VelContext) ctx = NULL;

  g_clear_pointer (&self->latent_before, vel_tensor_unref);
  g_clear_pointer (&self->before, vel_inpaint_free);
  if (!vel_values_is_set (self->request, "init"))
    return vel_values_is_set (self->request, "mask") ? refuse_lone_mask (error) : TRUE;
  self->before = vel_inpaint_prepare (self->request, self->width, self->height, vel_vae_get_factor (self->model->vae), error);
  if (!self->before)
    return FALSE;
  ctx = vel_context_new (self->engine->device, self->cancellable);
  vel_context_set_lean (ctx, TRUE);
  self->latent_before = vel_start_encode (ctx, self->model->vae, self->before->image, self->model->architecture.family->latent_scale, error);
  vel_trace_add_picture (self->trace, self->latent_before, "init");
  return self->latent_before != NULL;
}

/* stage: what the network reads beside the latent; the second guidance of models that change pictures */
static gboolean
make_extra (Job *self, GError **error)
{
  g_autoptr (VelContext) ctx = vel_context_new (self->engine->device, self->cancellable);
  g_autoptr (VelTensor) extra = NULL, none = NULL;
  double scale = vel_values_get_real (self->request, "image_cfg");

  vel_context_set_lean (ctx, TRUE);
  if (!vel_extra_make (ctx, self->model, self->before, self->latent_before, self->width, self->height, &extra, error))
    return FALSE;
  if (!extra)
    return TRUE;
  if (self->model->architecture.extra == VEL_EXTRA_EDIT && scale != 1 && vel_prompts_are_guided (self->prompts))
    none = vel_extra_make_none (ctx, extra);
  if (!vel_context_check (ctx, error))
    return FALSE;
  vel_prompts_set_extra (self->prompts, extra, none, scale);
  return TRUE;
}

/* What names of a trace's tensors begin with. */
static const char *
pass_name (const Job *self)
{
  return self->second ? "hires." : "";
}

static void
on_raw (VelTensor *cond, VelTensor *uncond, gpointer data)
{
  Job *self = data;

  vel_trace_add_picture (self->trace, cond, "%smodel.cond", pass_name (self));
  vel_trace_add_picture (self->trace, uncond, "%smodel.uncond", pass_name (self));
}

/* A step whose result is no picture ends the run at once; whoever started it may try a higher precision. */
static void
fail_for_numbers (Job *self, VelContext *ctx)
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
later_steps (const Job *self)
{
  if (self->second || !self->hires.upscaler)
    return 0;
  return self->hires.steps * ((double) self->hires.width * self->hires.height / ((double) self->width * self->height));
}

static void
on_step (VelContext *ctx, unsigned finished, VelTensor *x, VelTensor *denoised, gpointer data)
{
  Job *self = data;
  gint64 now = g_get_monotonic_time ();
  unsigned n_steps = self->start.n_steps;
  VelProgress progress = { .stage = VEL_STAGE_SAMPLING,
                           .fraction = (double) (self->steps_before + finished) / self->n_steps,
                           .step = self->steps_before + finished,
                           .n_steps = self->n_steps,
                           .seconds_left = -1 };

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
  tell (self, progress);
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
trace_sigmas (Job *self)
{
  g_autofree float *values = g_new (float, self->start.n_steps + 1);

  for (unsigned i = 0; i <= self->start.n_steps; i++)
    values[i] = (float) self->start.sigmas[i];
  vel_trace_add_floats (self->trace, values, VEL_SHAPE (self->start.n_steps + 1), self->second ? "hires.sigmas" : "sigmas");
}

/* The streams that steps draw from go on behind the first noise, or begin anew. seeds: (out) of Brownian paths. streams, seeds: [batch] */
static void
draw_first (Job *self, VelContext *ctx, VelRandom *streams, guint64 *seeds, VelTensor *noise)
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
fill_start (Job *self, VelContext *ctx, VelShape shape)
{
  VelFirstNoise plain = { .kind = self->first.kind, .seed = self->first.seed };
  g_autofree VelRandom *streams = NULL;
  VelTensor *noise = NULL;

  if (!self->before || self->before->fill < VEL_FILL_NOISE)
    return self->latent_before;
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
  Job *self = data;
  unsigned evaluations = vel_guidance_get_evaluations (now);
  VelRefinerTask task;

  if (self->refining || !vel_refiner_is_due (self->refiner, self->model->levels, sigma))
    return now;
  task = (VelRefinerTask) { .device = self->engine->device,
                            .key = self->key,
                            .size = { self->width, self->height, self->batch },
                            .conditioner = make_conditioner (self),
                            .prompts = ask_prompts (self),
                            .nearest_time = self->rules->nearest_time,
                            .shape = self->latents->shape,
                            .sigmas = self->start.sigmas,
                            .n_sigmas = self->start.n_steps + 1 };
  self->refining = TRUE;
  g_clear_pointer (&self->guidance, vel_guidance_free);
  vel_model_drop_text (self->model);
  vel_model_drop_unet (self->model);
  self->guidance = vel_refiner_take_over (ctx, self->refiner, &task, self->model, evaluations, self->cancellable);
  return self->guidance;
}

/* Where there is a second pass it goes into that, as A1111 has it unless told otherwise (hires_fix_refiner_pass). */
static gboolean
open_refiner (Job *self, VelSampling *sampling, GError **error)
{
  self->refining = FALSE;
  if (!vel_values_is_set (self->request, "refiner") || (self->hires.upscaler && !self->second))
    return TRUE;
  self->refiner = vel_refiner_new (vel_values_get (self->request, "refiner"), vel_values_get_real (self->request, "refiner_at"), error);
  sampling->turn = hand_over;
  sampling->turn_data = self;
  return self->refiner != NULL;
}

static gboolean
sample_once (Job *self, GError **error)
{
  g_autoptr (VelContext) ctx = vel_context_new (self->engine->device, self->cancellable);
  guint factor = vel_vae_get_factor (self->model->vae);
  VelShape shape = VEL_SHAPE (self->batch, self->height / factor, self->width / factor, 4);
  unsigned n_terms;
  g_autofree VelTerm *terms = vel_prompts_dup_terms (self->prompts, &n_terms);
  g_autofree VelRandom *streams = g_new (VelRandom, self->batch);
  g_autofree guint64 *seeds = g_new (guint64, self->batch);
  VelNetwork network = { self->model->unet, self->model->architecture.prediction, self->model->levels, self->rules->nearest_time };
  g_autoptr (VelMask) mask = NULL;
  VelSampling sampling = { .ctx = ctx,
                           .streams = streams,
                           .together = self->first.together,
                           .path_kind = self->first.kind,
                           .path_seeds = seeds,
                           .sigma_low = self->start.lowest,
                           .sigma_high = self->start.highest,
                           .request = self->request,
                           .step = on_step,
                           .step_data = self };
  VelTensor *noise, *before;

  g_clear_pointer (&self->latents, vel_tensor_unref);
  self->latents = vel_tensor_new (self->engine->device, VEL_F32, shape);
  if (!self->latents)
    vel_context_fail (ctx, VEL_ERROR_MEMORY, _ ("There is not enough memory for %" PRId64 " pictures of %u x %u"), self->batch, self->width,
                      self->height);
  noise = vel_context_tensor (ctx, VEL_F32, shape);
  draw_first (self, ctx, streams, seeds, noise);
  vel_trace_add_picture (self->trace, noise, "%snoise", pass_name (self));
  trace_sigmas (self);
  before = fill_start (self, ctx, shape);
  if (self->latents)
    vel_start_mix (ctx, &self->start, self->sampler, self->latents, noise, before);
  if (self->before && self->before->repaint)
    sampling.mask = mask = vel_mask_new (ctx, self->before->repaint, before, self->batch);
  self->guidance = vel_guidance_new (ctx, &network, self->elsewhere, n_terms, terms, shape, self->start.sigmas, self->start.n_steps + 1);
  if (self->guidance && open_refiner (self, &sampling, error)) {
    vel_guidance_watch_first (self->guidance, on_raw, self);
    vel_guidance_set_change (self->guidance, vel_prompts_change, self->prompts);
    sampling.guidance = self->guidance;
    vel_sampler_run (self->sampler, &sampling, self->latents, self->start.sigmas, self->start.n_steps);
  }
  g_clear_pointer (&self->guidance, vel_guidance_free);
  g_clear_pointer (&self->refiner, vel_refiner_free);
  if (*error)
    return FALSE;
  return vel_context_check (ctx, error) && check_finite (self->latents, error);
}

/* Whether `failure` is of numbers that a higher precision may hold; says so in a note. */
static gboolean
may_retry (Job *self, const GError *failure, VelType type, VelType higher)
{
  if (type == VEL_F32 || !g_error_matches (failure, VEL_ERROR, VEL_ERROR_NUMBERS))
    return FALSE;
  g_ptr_array_add (self->notes, g_strdup_printf (_ ("%s went out of bounds, so this was computed again in %s"), vel_precision_name (type),
                                                 vel_precision_name (higher)));
  return TRUE;
}

/* stage: noise to latents */
static gboolean
sample (Job *self, GError **error)
{
  if (!vel_model_need (self->model, self->engine->device, self->key, FALSE, TRUE, self->cancellable, error))
    return FALSE;
  for (;;) {
    VelType type = self->model->precision.unet, higher = vel_precision_higher (type, self->engine->device);
    g_autoptr (GError) failure = NULL;

    self->elsewhere = vel_prompts_are_guided (self->prompts) ? vel_engine_use_second (self->engine, vel_values_get (self->request, "device2"), self->key,
                                                            self->cancellable, &failure)
                                   : NULL;
    if (!failure && sample_once (self, &failure))
      return TRUE;
    if (!may_retry (self, failure, type, higher)) {
      g_propagate_error (error, g_steal_pointer (&failure));
      return FALSE;
    }
    if (!vel_engine_reload_unet (self->engine, self->key, higher, self->cancellable, error))
      return FALSE;
  }
}

/* value = round (255 image), or cut to whole numbers; image = clamp ((decoded + 1) / 2). trace: (nullable) */
static guint8 *
to_bytes (VelTrace *trace, VelTensor *decoded, gboolean cut)
{
  gsize count = (gsize) vel_shape_count (decoded->shape);
  g_autofree float *host = g_malloc (decoded->bytes);
  guint8 *rgb = g_malloc (count);

  vel_tensor_download (decoded, host);
  for (gsize i = 0; i < count; i++) {
    host[i] = CLAMP ((host[i] + 1) / 2, 0, 1);
    rgb[i] = (guint8) (cut ? host[i] * 255 : rintf (host[i] * 255));
  }
  if (trace) {
    g_autoptr (VelTensor) image = vel_tensor_new (decoded->device, VEL_F32, decoded->shape);

    if (image) {
      vel_tensor_upload (image, host);
      vel_trace_add_picture (trace, image, "image");
    }
  }
  return rgb;
}

/* Looks for the layer that left the bounds, by decoding once more. Returns: (nullable) */
static const char *
find_culprit (Job *self, const VelVae *vae, VelTensor *scaled)
{
  g_autoptr (VelContext) ctx = vel_context_new (scaled->device, self->cancellable);

  vel_context_set_watch (ctx, TRUE);
  vel_vae_decode (ctx, vae, scaled);
  return vel_context_get_culprit (ctx);
}

/* One picture's latent where it will be decoded. Returns: (transfer full) (nullable) */
static VelTensor *
take_latent (Job *self, gint64 index)
{
  g_autoptr (VelTensor) latent = vel_tensor_slice (self->latents, index, 1);
  g_autofree void *host = NULL;
  VelTensor *copy;

  if (!self->spare)
    return g_steal_pointer (&latent);
  host = g_malloc (latent->bytes);
  vel_tensor_download (latent, host);
  copy = vel_tensor_new (self->spare, latent->type, latent->shape);
  if (copy)
    vel_tensor_upload (copy, host);
  return copy;
}

/* A third of what is free: the kernels want some too. */
static guint64
strip_room (Job *self)
{
  guint64 free_bytes, total;

  vel_device_get_memory (self->engine->device, &free_bytes, &total);
  return free_bytes / 3;
}

/* rgb: (transfer full) as it was decoded */
static void
finish_picture (const Job *self, VelPicture *picture, guint8 *rgb)
{
  VelBitmap *bitmap = vel_bitmap_new_take (self->width, self->height, 3, rgb);

  if (self->before)
    bitmap = vel_inpaint_finish (self->before, bitmap);
  picture->width = bitmap->width;
  picture->height = bitmap->height;
  picture->rgb = g_steal_pointer (&bitmap->data);
  vel_bitmap_free (bitmap);
}

static VelPicture *
decode_once (Job *self, gint64 index, GError **error)
{
  g_autoptr (VelContext) ctx = vel_context_new (self->spare ? self->spare : self->engine->device, self->cancellable);
  const VelVae *vae = self->spare ? self->spare_vae : self->model->vae;
  g_autoptr (VelTensor) latent = take_latent (self, index);
  VelTensor *scaled, *decoded;
  VelPicture *picture;

  vel_context_set_lean (ctx, TRUE);
  tell (self, (VelProgress) { .stage = VEL_STAGE_DECODING, .fraction = (double) index / (double) self->batch, .seconds_left = -1 });
  if (!latent) {
    vel_context_fail (ctx, VEL_ERROR_MEMORY, _ ("There is not enough memory to decode the picture"));
    vel_context_check (ctx, error);
    return NULL;
  }
  scaled = vel_op_combine (ctx, 1, (double[]) { 1 / self->model->architecture.family->latent_scale }, &latent);
  decoded = self->in_strips ? vel_vae_decode_in_strips (ctx, vae, scaled, strip_room (self)) : vel_vae_decode (ctx, vae, scaled);
  if (vel_context_ok (ctx) && !vel_tensor_is_finite (decoded)) {
    const char *layer = find_culprit (self, vae, scaled);

    vel_context_fail (ctx, VEL_ERROR_NUMBERS, _ ("The VAE's numbers went out of bounds at \"%s\" in %s; the model file is damaged"),
                      layer ? layer : "?", vel_precision_name (self->model->precision.vae));
  }
  if (!vel_context_check (ctx, error))
    return NULL;
  picture = g_new0 (VelPicture, 1);
  picture->seed = vel_first_noise_seed (&self->first, index);
  picture->variation_seed = self->first.variation + (guint64) index;
  picture->painted_width = self->first_width;
  picture->painted_height = self->first_height;
  finish_picture (self, picture, to_bytes (index == 0 && !self->between ? self->trace : NULL, decoded, self->between));
  if (vel_context_check (ctx, error)) /* a card that broke down meanwhile gave anything */
    return picture;
  picture_free (picture);
  return NULL;
}

/* stage: one latent to a picture */
static VelPicture *
decode (Job *self, gint64 index, GError **error)
{
  for (;;) {
    VelType type = self->model->precision.vae, higher = vel_precision_higher (type, self->engine->device);
    g_autoptr (GError) failure = NULL;
    VelPicture *picture = decode_once (self, index, &failure);

    if (picture)
      return picture;
    if (!may_retry (self, failure, type, higher)) {
      g_propagate_error (error, g_steal_pointer (&failure));
      return NULL;
    }
    if (!vel_engine_reload_vae (self->engine, self->key, higher, self->cancellable, error))
      return NULL;
  }
}

static VelPicture *
picture_from_preview (Job *self)
{
  guint factor = vel_vae_get_factor (self->model->vae);
  VelPicture *picture = g_new0 (VelPicture, 1);

  picture->seed = self->first.seed;
  picture->variation_seed = self->first.variation;
  picture->width = self->preview_width * factor;
  picture->height = self->preview_height * factor;
  picture->painted_width = self->first_width;
  picture->painted_height = self->first_height;
  picture->rgb = vel_preview_enlarge (self->preview, self->preview_width, self->preview_height, factor);
  return picture;
}

static GStrv
make_notes (const Job *self)
{
  const VelModel *model = self->model;
  g_autoptr (GStrvBuilder) notes = g_strv_builder_new ();
  guint unused = model->unused ? g_strv_length (model->unused) : 0;

  if (unused) {
    g_autofree char *note = g_strdup_printf (_ ("\"%s\" has %u tensors that no network uses, the first is \"%s\""), model->path, unused,
                                             model->unused[0]);
    g_strv_builder_add (notes, note);
  }
  for (guint i = 0; i < self->notes->len; i++)
    g_strv_builder_add (notes, self->notes->pdata[i]);
  return g_strv_builder_end (notes);
}

/* All pictures' latents in the second pass's size, through pixels. Returns: (transfer full) */
static VelTensor *
enlarge_pixels (Job *self, GError **error)
{
  guint factor = self->hires.factor;
  VelShape shape = VEL_SHAPE (self->batch, self->hires.height / factor, self->hires.width / factor, self->latents->shape.size[3]);
  g_autoptr (VelTensor) all = vel_tensor_new (self->engine->device, VEL_F32, shape);

  for (gint64 i = 0; i < self->batch; i++) {
    g_autoptr (VelContext) ctx = vel_context_new (self->engine->device, self->cancellable);
    VelPicture *picture = decode (self, i, error);
    g_autoptr (VelBitmap) small = NULL, large = NULL;
    g_autoptr (VelTensor) latent = NULL;

    if (!picture)
      return NULL;
    small = vel_bitmap_new_take (picture->width, picture->height, 3, g_steal_pointer (&picture->rgb));
    picture_free (picture);
    large = vel_hires_enlarge_picture (&self->hires, small);
    vel_context_set_lean (ctx, TRUE);
    latent = vel_start_encode (ctx, self->model->vae, large, self->model->architecture.family->latent_scale, error);
    if (!latent)
      return NULL;
    if (!all)
      vel_context_fail (ctx, VEL_ERROR_MEMORY, _ ("There is not enough memory to paint at this size; choose a smaller one"));
    vel_context_open (ctx);
    if (all)
      vel_op_combine_into (ctx, vel_context_slice (ctx, all, i, 1), 1, (double[]) { 1 }, &latent);
    vel_context_close (ctx, NULL);
    if (!vel_context_check (ctx, error))
      return NULL;
  }
  return g_steal_pointer (&all);
}

/* What the second pass starts from takes the place of a start picture's latent. */
static gboolean
enlarge (Job *self, GError **error)
{
  g_autoptr (VelContext) ctx = vel_context_new (self->engine->device, self->cancellable);
  g_autoptr (VelTensor) encoded = NULL;

  self->between = TRUE;
  if (vel_hires_is_of_pixels (&self->hires))
    encoded = enlarge_pixels (self, error);
  self->between = FALSE;
  if (vel_hires_is_of_pixels (&self->hires) && !encoded)
    return FALSE;
  self->latent_before = vel_hires_enlarge_latents (ctx, &self->hires, encoded ? encoded : self->latents);
  vel_trace_add_picture (self->trace, self->latent_before, "hires.init");
  return vel_context_check (ctx, error);
}

/* stage: the picture once more, larger, if that was asked for. Texts are read again: their times count on, and some networks are told sizes. */
static gboolean
paint_again (Job *self, GError **error)
{
  VelReach reach = { self->hires.steps, self->hires.strength, TRUE };

  if (!self->hires.upscaler)
    return TRUE;
  self->steps_before = self->start.n_steps;
  if (!enlarge (self, error))
    return FALSE;
  self->second = TRUE;
  self->width = self->hires.width;
  self->height = self->hires.height;
  if (!plan_descent (self, "hires_sampler", "hires_schedule", reach, error) || !encode_text (self, error))
    return FALSE;
  self->n_steps = self->steps_before + self->start.n_steps;
  self->width = vel_hires_get_width (&self->hires);
  self->height = vel_hires_get_height (&self->hires);
  return make_extra (self, error) && sample (self, error);
}

/* The stages in order; pictures that are complete are kept even if a later one is stopped. After memory ran out it goes on where it was. */
static gboolean
run_stages (Job *self, VelResult *result, GError **error)
{
  if (!self->sampled) {
    if (!load (self, error) || !plan (self, error) || !encode_text (self, error) || !encode_start (self, error)
        || !make_extra (self, error) || !sample (self, error) || !paint_again (self, error))
      return FALSE;
    note_networks (self);
    g_clear_pointer (&self->prompts, vel_prompts_free);
    self->sampled = TRUE;
  }
  for (gint64 i = result->pictures->len; i < self->batch; i++) {
    VelPicture *picture = decode (self, i, error);

    if (!picture)
      return FALSE;
    g_ptr_array_add (result->pictures, picture);
  }
  return TRUE;
}

/* What is painted already is not lost to a VAE that is too large: the other networks leave, then it decodes in strips, then the processor does. */
static gboolean
make_room_to_decode (Job *self, GError **error)
{
  if (self->model->text[0] || self->model->unet) {
    vel_model_drop_text (self->model);
    vel_model_drop_unet (self->model);
    return TRUE;
  }
  if (!self->in_strips) {
    self->in_strips = TRUE;
    g_ptr_array_add (self->notes, g_strdup_printf (_ ("Memory is short on %s: the picture was decoded strip by strip"), self->engine->device->name));
    return TRUE;
  }
  if (self->spare)
    return FALSE;
  self->in_strips = FALSE;
  self->spare = vel_device_new_cpu (self->engine->options.threads, self->engine->options.nice, error);
  if (self->spare)
    self->spare_vae = vel_model_load_vae_elsewhere (self->model, self->spare, self->key, self->cancellable, error);
  if (self->spare_vae)
    g_ptr_array_add (self->notes, g_strdup_printf (_ ("Memory is short on %s: the processor decoded the picture"), self->engine->device->name));
  return self->spare_vae != NULL;
}

/* The next rung of the ladder after memory ran out. Returns: FALSE at its end, with an error or none */
static gboolean
make_room (Job *self, GError **error)
{
  VelDevice *device = self->engine->device;

  if (!device || !(device->kernels->features & VEL_FEATURE_OUTSIDE) || !vel_device_check (device, NULL))
    return FALSE;
  if (self->sampled)
    return make_room_to_decode (self, error);
  self->engine->rung = MAX (self->engine->rung, self->engine->model ? self->engine->model->plan.rung : 0) + 1;
  if (self->engine->rung <= VEL_LAST_RUNG)
    return TRUE;
  self->engine->rung = VEL_LAST_RUNG;
  return FALSE;
}

/* At the end of the ladder: what is missing, in numbers. */
static void
explain_memory (Job *self, GError **failure)
{
  VelDevice *device = self->engine->device;
  const VelModel *model = self->engine->model;
  g_autofree char *needed = NULL, *left = NULL, *message = NULL;
  guint64 free_bytes, total, most;

  if (!device || !model || !(device->kernels->features & VEL_FEATURE_OUTSIDE) || !g_error_matches (*failure, VEL_ERROR, VEL_ERROR_MEMORY))
    return;
  vel_device_get_memory (device, &free_bytes, &total);
  most = free_bytes + model->text_bytes + model->unet_bytes + model->needs.vae;
  needed = g_format_size (MAX (model->needs.painting + model->needs.vae + 2 * model->needs.largest, most + device->wanted));
  left = g_format_size (most);
  message = g_strdup_printf (_ ("The memory of %s is too small for this picture, even piece by piece: about %s are needed and %s are free; choose a "
                                "smaller picture, close other programs or go on with the processor (device cpu)"),
                             device->name, needed, left);
  g_clear_error (failure);
  g_set_error_literal (failure, VEL_ERROR, VEL_ERROR_MEMORY, message);
}

static gboolean
run (Job *self, VelResult *result, GError **error)
{
  for (;;) {
    g_autoptr (GError) failure = NULL;
    gboolean ok = run_stages (self, result, &failure);

    if (ok) {
      char *note = vel_memory_plan_describe (&self->model->plan, &self->model->needs, self->engine->device->name);

      if (note)
        g_ptr_array_add (self->notes, note);
      return TRUE;
    }
    if (!g_error_matches (failure, VEL_ERROR, VEL_ERROR_MEMORY) || !make_room (self, error)) {
      explain_memory (self, &failure);
      if (!*error)
        g_propagate_error (error, g_steal_pointer (&failure));
      return FALSE;
    }
  }
}

static void
job_clear (Job *self)
{
  g_clear_pointer (&self->notes, g_ptr_array_unref);
  g_clear_pointer (&self->prompts, vel_prompts_free);
  g_clear_pointer (&self->latent_before, vel_tensor_unref);
  g_clear_pointer (&self->before, vel_inpaint_free);
  g_clear_pointer (&self->sigmas, g_array_unref);
  g_clear_pointer (&self->latents, vel_tensor_unref);
  g_clear_pointer (&self->spare_vae, vel_vae_free);
  g_clear_pointer (&self->spare, vel_device_unref);
  g_clear_pointer (&self->preview, g_free);
  g_clear_pointer (&self->trace, vel_trace_free);
}

VelResult *
vel_engine_generate_chosen (VelEngine *self, VelValues *request, VelProgressFunc progress, gpointer data, const char *trace_path,
                            gboolean keep_partial, GCancellable *cancellable, GError **error)
{
  g_autoptr (VelResult) result = g_new0 (VelResult, 1);
  g_autoptr (GError) failure = NULL;
  gint64 began = g_get_monotonic_time ();
  Job job = { .engine = self,
              .request = request,
              .progress = progress,
              .progress_data = data,
              .cancellable = cancellable,
              .notes = g_ptr_array_new_with_free_func (g_free),
              .trace = trace_path ? vel_trace_new () : NULL };
  gboolean ok;

  result->pictures = g_ptr_array_new_with_free_func ((GDestroyNotify) picture_free);
  ok = run (&job, result, &failure);
  if (!ok && self->device)
    vel_device_blame (self->device, &failure);
  if (!ok && keep_partial && job.preview && g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
    if (result->pictures->len == 0)
      g_ptr_array_add (result->pictures, picture_from_preview (&job));
    result->partial = TRUE;
    ok = TRUE;
    g_clear_error (&failure);
  }
  if (ok && trace_path && !result->partial)
    ok = vel_trace_write (job.trace, trace_path, &failure);
  if (ok) {
    result->model_path = g_strdup (job.model->path);
    result->model_name = g_strdup (job.model->name);
    result->model_hash = g_strdup (vel_model_get_hash (self->model));
    result->notes = make_notes (&job);
    result->seconds = (double) (g_get_monotonic_time () - began) / 1e6;
  } else {
    g_propagate_error (error, g_steal_pointer (&failure));
  }
  job_clear (&job);
  return ok ? g_steal_pointer (&result) : NULL;
}
