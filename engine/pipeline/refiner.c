/* The second model lives as long as one picture's sampling.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/refiner.h"

#include <glib/gi18n-lib.h>
#include <math.h>

struct VelRefiner {
  char *path;
  double at;
  unsigned step; /* 0: by the share */
  VelModel *model;
  VelPrompts *prompts;
};

VelRefiner *
vel_refiner_new (const char *path, double at, unsigned step)
{
  VelRefiner *self = g_new0 (VelRefiner, 1);

  self->path = g_strdup (path);
  self->at = at;
  self->step = step;
  return self;
}

void
vel_refiner_free (VelRefiner *self)
{
  if (!self)
    return;
  g_clear_pointer (&self->prompts, vel_prompts_free);
  g_clear_pointer (&self->model, vel_model_free);
  g_free (self->path);
  g_free (self);
}

/* The timestep whose sigma is nearest, in sigma itself. */
static unsigned
nearest (const VelNoiseLevels *levels, double sigma)
{
  unsigned best = 0;

  for (unsigned t = 1; t < levels->n_table; t++)
    if (fabs (levels->table[t] - sigma) < fabs (levels->table[best] - sigma))
      best = t;
  return best;
}

gboolean
vel_refiner_is_due (const VelRefiner *self, const VelNoiseLevels *levels, double sigma, unsigned finished)
{
  if (self->step > 0)
    return finished >= self->step;
  return (double) (levels->n_table - 1 - nearest (levels, sigma)) / levels->n_table >= self->at;
}

static gboolean
load (VelRefiner *self, const VelRefinerTask *task, const VelModel *first, GCancellable *cancellable, GError **error)
{
  VelModelKey key = task->key;

  key.path = self->path;
  key.unet = key.text = key.vae = key.prediction = "";
  self->model = vel_model_load (task->device, key, task->size, 0, NULL, NULL, cancellable, error);
  if (!self->model)
    return FALSE;
  if (self->model->architecture.family->latent_scale != first->architecture.family->latent_scale
      || self->model->architecture.extra != VEL_EXTRA_NONE) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST,
                 _ ("\"%s\" (%s) can not go on with what \"%s\" (%s) began: their latents differ; choose a refiner of the same kind"),
                 self->model->name, self->model->architecture.family->label, first->name, first->architecture.family->label);
    return FALSE;
  }
  self->model->loras = first->loras;
  return vel_model_need (self->model, task->device, key, TRUE, TRUE, cancellable, error);
}

/* Returns: (transfer full) (nullable) */
static VelGuidance *
begin (VelContext *ctx, VelRefiner *self, const VelRefinerTask *task, unsigned evaluations, GError **error)
{
  VelConditioner conditioner = task->conditioner;
  VelNetwork network = { self->model->unet, self->model->architecture.prediction, self->model->levels, task->nearest_time,
                         task->prompts.scale };
  g_autofree VelTerm *terms = NULL;
  VelGuidance *guidance;
  unsigned n;

  conditioner.model = self->model;
  conditioner.embeddings = NULL;
  conditioner.trace = NULL;
  self->prompts = vel_prompts_new (ctx, &conditioner, &task->prompts, error);
  if (!self->prompts)
    return NULL;
  terms = vel_prompts_dup_terms (self->prompts, &n);
  guidance = vel_guidance_new (ctx, &network, NULL, n, terms, task->shape, task->sigmas, task->n_sigmas);
  if (!guidance)
    return NULL;
  vel_guidance_set_change (guidance, vel_prompts_change, self->prompts);
  vel_guidance_set_rescale (guidance, task->rescale);
  vel_guidance_go_on (guidance, evaluations);
  return guidance;
}

VelGuidance *
vel_refiner_take_over (VelContext *ctx, VelRefiner *self, const VelRefinerTask *task, const VelModel *first, unsigned evaluations,
                       GCancellable *cancellable)
{
  VelGuidance *guidance = NULL;
  GError *error = NULL;

  g_assert (!self->model);
  if (vel_context_ok (ctx) && load (self, task, first, cancellable, &error))
    guidance = begin (ctx, self, task, evaluations, &error);
  if (error)
    vel_context_set_error (ctx, error);
  return guidance;
}
