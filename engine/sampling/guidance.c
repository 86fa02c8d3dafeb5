/* Guidance: one batch of twice the pictures, or two of one each, perhaps on two devices.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/sampling/guidance.h"

struct VelGuidance {
  double scale;
  gint64 batch;
  VelTimes *times;
  VelDenoiser *both;   /* [2 batch, ...], cond first; or NULL */
  VelDenoiser *cond;   /* [batch, ...], where the two can not be one */
  VelDenoiser *uncond; /* (nullable) */
  VelHalf *half;       /* (nullable) in place of uncond */
  VelRawFunc watch;
  gpointer watch_data;
};

VelGuidance *
vel_guidance_new (VelContext *ctx, const VelNetwork *network, const VelElsewhere *elsewhere, double scale, const VelCondition *cond,
                  const VelCondition *uncond, VelShape shape, const double *sigmas, unsigned n_sigmas)
{
  g_autoptr (VelGuidance) self = g_new0 (VelGuidance, 1);
  VelCondition conditions[] = { *cond, uncond ? *uncond : *cond };

  self->scale = scale;
  self->batch = shape.size[0];
  self->times = vel_times_new (ctx, network, uncond && !elsewhere ? 2 : 1, conditions, sigmas, n_sigmas);
  if (uncond && elsewhere) {
    self->cond = vel_denoiser_new (ctx, network, 1, cond, shape);
    self->half = vel_half_new (ctx, elsewhere, network, uncond, shape, sigmas, n_sigmas);
  } else if (uncond && vel_shape_equal (cond->states->shape, uncond->states->shape)) {
    shape.size[0] *= 2;
    self->both = vel_denoiser_new (ctx, network, 2, conditions, shape);
  } else {
    self->cond = vel_denoiser_new (ctx, network, 1, cond, shape);
    if (uncond)
      self->uncond = vel_denoiser_new (ctx, network, 1, uncond, shape);
  }
  return vel_context_ok (ctx) ? g_steal_pointer (&self) : NULL;
}

void
vel_guidance_free (VelGuidance *self)
{
  if (!self)
    return;
  g_clear_pointer (&self->both, vel_denoiser_free);
  g_clear_pointer (&self->cond, vel_denoiser_free);
  g_clear_pointer (&self->uncond, vel_denoiser_free);
  g_clear_pointer (&self->half, vel_half_free);
  g_clear_pointer (&self->times, vel_times_free);
  g_free (self);
}

void
vel_guidance_watch_first (VelGuidance *self, VelRawFunc watch, gpointer data)
{
  self->watch = watch;
  self->watch_data = data;
}

static void
report (VelContext *ctx, VelGuidance *self, VelTensor *cond, VelTensor *uncond)
{
  if (self->watch && vel_context_ok (ctx))
    self->watch (cond, uncond, self->watch_data);
  self->watch = NULL;
}

/* cond and uncond through the network together. */
static void
run_both (VelContext *ctx, VelGuidance *self, VelTensor *x, double sigma, VelTensor *times, VelTensor **cond, VelTensor **uncond)
{
  VelTensor *raw, *denoised = vel_denoiser_run (ctx, self->both, x, sigma, times, &raw);

  *cond = vel_context_slice (ctx, denoised, 0, self->batch);
  *uncond = vel_context_slice (ctx, denoised, self->batch, self->batch);
  report (ctx, self, vel_context_slice (ctx, raw, 0, 1), vel_context_slice (ctx, raw, self->batch, 1));
}

static void
run_apart (VelContext *ctx, VelGuidance *self, VelTensor *x, double sigma, VelTensor *times, VelTensor **cond, VelTensor **uncond)
{
  VelTensor *raw_cond, *raw_uncond = NULL;
  VelTensor *cond_times = vel_context_slice (ctx, times, 0, 1), *uncond_times = vel_context_slice (ctx, times, times->shape.size[0] - 1, 1);

  if (self->half)
    vel_half_begin (ctx, self->half, x, sigma);
  *cond = vel_denoiser_run (ctx, self->cond, x, sigma, cond_times, &raw_cond);
  if (self->half)
    *uncond = vel_half_end (ctx, self->half, &raw_uncond);
  else
    *uncond = self->uncond ? vel_denoiser_run (ctx, self->uncond, x, sigma, uncond_times, &raw_uncond) : NULL;
  report (ctx, self, vel_context_slice (ctx, raw_cond, 0, 1), raw_uncond ? vel_context_slice (ctx, raw_uncond, 0, 1) : NULL);
}

VelTensor *
vel_guidance_run (VelContext *ctx, VelGuidance *self, VelTensor *x, double sigma)
{
  VelTensor *cond, *uncond, *times;

  vel_context_open (ctx);
  times = vel_times_get (ctx, self->times, sigma);
  if (self->both)
    run_both (ctx, self, x, sigma, times, &cond, &uncond);
  else
    run_apart (ctx, self, x, sigma, times, &cond, &uncond);
  if (uncond)
    cond = vel_op_combine (ctx, 2, (double[]) { self->scale, 1 - self->scale }, (VelTensor *[]) { cond, uncond });
  return vel_context_close (ctx, cond);
}

const char *
vel_guidance_find_culprit (VelGuidance *self)
{
  VelDenoiser *denoisers[] = { self->both, self->cond, self->uncond };
  const char *culprit = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (denoisers) && !culprit; i++)
    if (denoisers[i])
      culprit = vel_denoiser_find_culprit (denoisers[i]);
  return culprit || !self->half ? culprit : vel_half_find_culprit (self->half);
}
