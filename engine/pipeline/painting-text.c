/* What the network is told: prompts, the start picture, what it reads beside the latent.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/painting.h"

#include <glib/gi18n-lib.h>

#include "engine/paths.h"
#include "engine/pipeline/extra.h"
#include "engine/text/embedding-files.h"

/* hires: the option that the second pass may have instead */
const char *
vel_painting_get_text (const VelPainting *self, const char *name, const char *hires)
{
  return vel_values_get (self->request, self->second && vel_values_is_set (self->request, hires) ? hires : name);
}

/* Returns: (transfer full) */
static VelEmbeddings *
gather_embeddings (VelPainting *self, GError **error)
{
  const char *const prompts[] = { vel_painting_get_text (self, "prompt", "hires_prompt"), vel_painting_get_text (self, "negative", "hires_negative"), NULL };
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

VelConditioner
vel_painting_make_conditioner (const VelPainting *self)
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

VelPromptsAsked
vel_painting_ask_prompts (const VelPainting *self)
{
  guint calls = self->sampler->flags & VEL_SAMPLER_TWO_CALLS ? 2 : 1;
  guint base = self->second ? self->base_steps : calls * (guint) vel_values_get_int (self->request, "steps");

  return (VelPromptsAsked) { .positive = vel_painting_get_text (self, "prompt", "hires_prompt"),
                             .negative = vel_painting_get_text (self, "negative", "hires_negative"),
                             .rules = { .base_steps = base, .hires_steps = self->second ? calls * self->hires.steps : 0,
                                        .old_timelines = vel_values_get_bool (self->request, "old_timelines") },
                             .scale = self->model->architecture.told_guidance ? 1 : vel_values_get_real (self->request, "cfg"),
                             .always_guided = self->trace != NULL };
}

/* stage: prompts to conditions */
gboolean
vel_painting_encode_text (VelPainting *self, GError **error)
{
  g_autoptr (VelContext) ctx = vel_painting_new_context (self, self->engine->device);
  VelConditioner conditioner = vel_painting_make_conditioner (self);
  VelPromptsAsked asked = vel_painting_ask_prompts (self);
  g_autoptr (VelEmbeddings) embeddings = NULL;

  self->base_steps = asked.rules.base_steps;
  g_clear_pointer (&self->prompts, vel_prompts_free);
  if (!vel_painting_choose_loras (self, error) ||
      !vel_model_need (self->model, self->engine->device, self->key, TRUE, FALSE, self->cancellable, error) ||
      !(embeddings = gather_embeddings (self, error)))
    return FALSE;
  conditioner.embeddings = embeddings;
  vel_painting_tell (self, (VelProgress) { .stage = VEL_STAGE_TEXT, .seconds_left = -1 });
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

/* Where its latent is what is stretched, the start picture is encoded in its own size. Returns: (transfer full) (nullable) */
static VelTensor *
encode_before (VelPainting *self, GError **error)
{
  g_autoptr (VelContext) ctx = vel_painting_new_context (self, self->engine->device);
  guint factor = vel_vae_get_factor (self->model->vae);
  double scale = self->model->architecture.family->latent_scale;
  g_autoptr (VelTensor) own = NULL;

  vel_context_set_lean (ctx, TRUE);
  if (!self->before->own)
    return vel_start_encode (ctx, self->model->vae, self->before->image, scale, error);
  own = vel_start_encode (ctx, self->model->vae, self->before->own, scale, error);
  return own ? vel_start_stretch (ctx, own, self->height / factor, self->width / factor, error) : NULL;
}

/* A second pass goes on from what was painted; what it needs of the start is what stands still, or what a network compares with. */
static gboolean
needs_start (const VelPainting *self)
{
  return !self->second || (self->before && (self->before->repaint || self->model->architecture.extra == VEL_EXTRA_EDIT));
}

/* stage: the start picture, if there is one */
gboolean
vel_painting_encode_start (VelPainting *self, GError **error)
{
  gboolean needed = needs_start (self);

  g_clear_pointer (&self->latent_before, vel_tensor_unref);
  g_clear_pointer (&self->latent_start, vel_tensor_unref);
  g_clear_pointer (&self->before, vel_inpaint_free);
  if (!vel_values_is_set (self->request, "init"))
    return vel_values_is_set (self->request, "mask") ? refuse_lone_mask (error) : TRUE;
  if (!needed)
    return TRUE;
  self->before = vel_inpaint_prepare (self->request, self->width, self->height, vel_vae_get_factor (self->model->vae), error);
  if (!self->before || !(self->latent_before = encode_before (self, error)))
    return FALSE;
  if (!self->second)
    self->latent_start = vel_tensor_ref (self->latent_before);
  vel_trace_add_picture (self->trace, self->latent_before, self->second ? "hires.before" : "init");
  return TRUE;
}

/* stage: what the network reads beside the latent; the second guidance of models that change pictures */
gboolean
vel_painting_make_extra (VelPainting *self, GError **error)
{
  g_autoptr (VelContext) ctx = vel_painting_new_context (self, self->engine->device);
  g_autoptr (VelTensor) extra = NULL, none = NULL;
  double scale = vel_values_get_real (self->request, "image_cfg");

  vel_context_set_lean (ctx, TRUE);
  if (!vel_extra_make (ctx, self->model, self->before, vel_values_get_real (self->request, "mask_weight"), self->latent_before, self->width,
                       self->height, &extra, error))
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
