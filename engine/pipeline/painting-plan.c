/* Options to numbers.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/painting.h"

#include <glib/gi18n-lib.h>

#include "engine/catalog.h"
#include "engine/pipeline/outpaint.h"
#include "engine/registry.h"
#include "engine/sampling/noise-levels.h"
#include "engine/upscalers.h"

#define FACTOR 8 /* pixels of a latent's side, before the VAE that says so is there */

static void
on_loading (double fraction, void *data)
{
  vel_painting_tell (data, (VelProgress) { .stage = VEL_STAGE_LOADING, .fraction = fraction, .seconds_left = -1 });
}

/* Of the first pass; 0 where the model decides. */
static gboolean
ask_size (VelPainting *self, guint factor, GError **error)
{
  VelValues *request = self->request;
  VelOutpaint canvas;

  self->width = vel_values_is_set (request, "width") ? (guint) vel_values_get_int (request, "width") : 0;
  self->height = vel_values_is_set (request, "height") ? (guint) vel_values_get_int (request, "height") : 0;
  if (!vel_outpaint_gives_size (request))
    return TRUE;
  if (!vel_outpaint_measure (&canvas, request, factor, error))
    return FALSE;
  self->width = canvas.width;
  self->height = canvas.height;
  return TRUE;
}

/* Where the parts are that stand in the model's own ones' place. A UNet without a model is the model. */
static gboolean
find_parts (VelPainting *self, GError **error)
{
  static const char *const options[VEL_N_PARTS] = { "unet", "text_encoder", "vae" };

  for (guint i = 0; i < VEL_N_PARTS; i++) {
    g_free (self->parts[i]);
    if (!(self->parts[i] = vel_catalog_resolve_parts (i, vel_values_get (self->request, options[i]), NULL, error)))
      return FALSE;
  }
  self->key = (VelModelKey) { .unet = vel_values_is_set (self->request, "model") ? self->parts[VEL_PART_UNET] : "",
                              .text = self->parts[VEL_PART_TEXT_ENCODER],
                              .vae = self->parts[VEL_PART_VAE],
                              .tokenizer = vel_values_get (self->request, "tokenizer"),
                              .prediction = vel_values_get (self->request, "prediction") };
  return TRUE;
}

/* A file that is not there, or is something else, is said now, not when all before it is painted. */
static gboolean
find_upscaler (VelPainting *self, GError **error)
{
  const char *name = vel_values_get (self->request, "hires_upscaler");
  gboolean second = vel_values_is_set (self->request, "hires") || vel_values_is_set (self->request, "hires_resize");
  g_autoptr (GError) problem = NULL;
  g_autoptr (VelWeights) weights = NULL;
  VelUpscalerFacts facts;

  if (!second || self->upscaler_path || vel_upscalers_find_way (name))
    return TRUE;
  self->upscaler_path = vel_upscalers_resolve (name, error);
  weights = self->upscaler_path ? vel_weights_open (self->upscaler_path, self->cancellable, error) : NULL;
  if (!weights || vel_upscaler_look (weights, &facts, &problem))
    return weights != NULL;
  if (problem)
    g_propagate_error (error, g_steal_pointer (&problem));
  else
    g_set_error (error, VEL_ERROR, VEL_ERROR_FAMILY,
                 _ ("“%s” is no upscaler that is known here; ESRGAN, Real-ESRGAN and its compact networks are"), self->upscaler_path);
  return FALSE;
}

/* stage: the model, kept from the last request where it is the same */
gboolean
vel_painting_load (VelPainting *self, GError **error)
{
  VelValues *request = self->request;
  const char *model;
  VelPictureSize size;

  if (vel_values_is_set (request, "refiner") && !self->refiner_path
      && !(self->refiner_path = vel_catalog_resolve (vel_values_get (request, "refiner"), NULL, error)))
    return FALSE; /* said now, not when all before it is painted */
  if (!find_upscaler (self, error))
    return FALSE;
  if (!vel_engine_use (self->engine, vel_values_get (request, "device"), (guint64) vel_values_get_int (request, "memory"), error))
    return FALSE;
  if (!find_parts (self, error) ||
      !vel_precision_choose (&self->key.precision, vel_values_get (request, "precision"), self->engine->device, error))
    return FALSE;
  if (!ask_size (self, FACTOR, error))
    return FALSE;
  if (self->width > 0 && self->height > 0 && !vel_hires_plan (&self->hires, request, self->width, self->height, FACTOR, error))
    return FALSE; /* before anything is loaded */
  if (!vel_painting_choose_controls (self, error))
    return FALSE;
  size = (VelPictureSize) { self->width, self->height, vel_values_get_int (request, "batch"), request, self->controls->len,
                            vel_control_nets_estimate (self->engine->controls, self->key.precision.unet),
                            vel_control_nets_get_bytes (self->engine->controls) };
  model = !vel_values_is_set (request, "model") && *self->parts[VEL_PART_UNET] ? self->parts[VEL_PART_UNET] : vel_values_get (request, "model");
  self->model = vel_engine_load (self->engine, model, self->key, size, on_loading, self, self->cancellable, error);
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
plan_noise (VelPainting *self)
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

/* Whose network learned some levels alone gets those, unless others are asked for. */
static const VelSchedule *
find_schedule (const VelRules *rules, const VelSampler *sampler, const char *id)
{
  gboolean own = sampler->flags & VEL_SAMPLER_OWN_SCHEDULE && g_str_equal (id, "automatic");

  return vel_registry_resolve_schedule (own ? id : vel_rules_mean (rules->schedules, id), sampler);
}

/* sampler, schedule: names of options; of the second pass they may be unset, which means the first one's. */
gboolean
vel_painting_plan_descent (VelPainting *self, const char *sampler, const char *schedule, VelReach reach, GError **error)
{
  const char *sampler_id = vel_values_get (self->request, vel_values_is_set (self->request, sampler) ? sampler : "sampler");
  const char *schedule_id = vel_values_get (self->request, vel_values_is_set (self->request, schedule) ? schedule : "schedule");
  VelDescent descent = { self->rules, self->request };
  VelRules rules = *self->rules; /* as this picture has them */
  const VelSchedule *resolved;

  if (rules.start == VEL_SCALE_SIGMA && vel_values_get_bool (self->request, "sgm_noise"))
    rules.start = VEL_SCALE_ROOT;
  self->sampler = vel_registry_find_sampler (vel_rules_mean (self->rules->samplers, sampler_id));
  resolved = self->sampler ? find_schedule (self->rules, self->sampler, schedule_id) : NULL;
  if (!resolved) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_PLUGIN,
                 self->sampler ? _ ("There is no schedule \"%s\"; `velatura list schedules` shows what there is")
                               : _ ("There is no sampler \"%s\"; `velatura list samplers` shows what there is"),
                 self->sampler ? schedule_id : sampler_id);
    return FALSE;
  }
  /* A1111's "Automatic" is no schedule but the table itself, where the sampler names none */
  descent.whole_range = g_str_equal (schedule_id, "automatic") && !self->sampler->schedule;
  g_clear_pointer (&self->sigmas, g_array_unref);
  self->sigmas = vel_noise_levels_sigmas_by (self->model->levels, &descent, self->sampler, resolved, vel_start_count (&rules, reach), error);
  return self->sigmas && vel_start_plan (&self->start, &rules, self->sampler, self->sigmas, reach, self->model->levels->sigma_max, error);
}

/* stage: options to numbers */
gboolean
vel_painting_plan (VelPainting *self, GError **error)
{
  const VelArchitecture *architecture = &self->model->architecture;
  VelValues *request = self->request;
  guint factor = vel_vae_get_factor (self->model->vae);
  VelReach reach = { (unsigned) vel_values_get_int (request, "steps"),
                     vel_values_is_set (request, "init") ? vel_values_get_real (request, "strength") : -1,
                     vel_values_get_bool (request, "exact_steps"), vel_values_get_real (request, "noise_multiplier"),
                     vel_values_get_real (request, "extra_noise") };

  self->rules = vel_rules_find (vel_values_get (request, "render_as"));
  if (!ask_size (self, factor, error))
    return FALSE;
  self->width = self->width ? self->width : architecture->width;
  self->height = self->height ? self->height : architecture->height;
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
      || !vel_painting_plan_descent (self, "sampler", "schedule", reach, error))
    return FALSE;
  self->second = FALSE;
  self->steps_before = 0;
  self->n_steps = self->start.n_steps + (self->hires.upscaler ? self->hires.steps : 0);
  return TRUE;
}
