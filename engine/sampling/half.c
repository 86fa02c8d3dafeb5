/* Latents go over and come back through host memory: small, beside what the network does.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/sampling/half.h"

#include <glib/gi18n-lib.h>

void
vel_elsewhere_explain (const VelElsewhere *self, GError **error)
{
  vel_device_blame (self->device, error);
  if (!g_error_matches (*error, VEL_ERROR, VEL_ERROR_MEMORY))
    return;
  g_clear_error (error);
  g_set_error (error, VEL_ERROR, VEL_ERROR_DEVICE, _ ("The memory of %s is too small for a second copy of the network; leave --device2 out"),
               self->device->name);
}

/* A tensor on its way through host memory; NULL where there is none. */
typedef struct {
  float *values;
  VelShape shape;
} Carried;

struct VelHalf {
  VelElsewhere elsewhere;
  VelNetwork network;
  VelContext *ctx; /* there, as all below it that is no host memory */
  VelTimes *times;
  VelDenoiser *denoiser;
  VelShape shape; /* of x */
  float *x, *denoised, *raw; /* host memory for one each */
  double sigma;
  const char *culprit;

  /* only on the way there */
  Carried states, vector, extra;
  const double *sigmas;
  unsigned n_sigmas;
};

/* On the helper: the context's error becomes what it means to the first device. */
static void
explain (VelHalf *self)
{
  g_autoptr (GError) error = NULL;

  if (vel_context_check (self->ctx, &error))
    return;
  vel_elsewhere_explain (&self->elsewhere, &error);
  vel_context_set_error (self->ctx, g_steal_pointer (&error));
}

/* tensor: (nullable) */
static Carried
take_along (VelTensor *tensor)
{
  Carried carried = { 0 };

  if (!tensor)
    return carried;
  carried = (Carried) { g_malloc (tensor->bytes), tensor->shape };
  vel_tensor_download (tensor, carried.values);
  return carried;
}

/* Returns: (nullable) of ctx's innermost scope */
static VelTensor *
put_down (VelContext *ctx, Carried *carried)
{
  VelTensor *tensor;

  if (!carried->values)
    return NULL;
  tensor = vel_context_tensor (ctx, VEL_F32, carried->shape);
  if (vel_context_ok (ctx))
    vel_tensor_upload (tensor, carried->values);
  g_clear_pointer (&carried->values, g_free);
  return tensor;
}

static void
bind_there (gpointer data)
{
  VelHalf *self = data;
  const VelCondition *conditions[1];
  VelCondition condition;

  vel_context_open (self->ctx);
  condition = (VelCondition) { put_down (self->ctx, &self->states), put_down (self->ctx, &self->vector), put_down (self->ctx, &self->extra) };
  conditions[0] = &condition;
  if (self->denoiser) {
    vel_times_bind (self->ctx, self->times, conditions);
    vel_denoiser_bind (self->ctx, self->denoiser, conditions);
  } else {
    self->times = vel_times_new (self->ctx, &self->network, vel_unet_get_times (self->network.unet), 1, conditions, self->sigmas, self->n_sigmas);
    self->denoiser = vel_denoiser_new (self->ctx, &self->network, 1, conditions, self->shape);
  }
  vel_context_close (self->ctx, NULL);
  explain (self);
}

static void
clear_there (gpointer data)
{
  VelHalf *self = data;

  g_clear_pointer (&self->denoiser, vel_denoiser_free);
  g_clear_pointer (&self->times, vel_times_free);
  g_clear_pointer (&self->ctx, vel_context_free);
}

static void
run_there (gpointer data)
{
  VelHalf *self = data;
  VelContext *ctx = self->ctx;
  VelTensor *x, *denoised, *raw;

  vel_context_open (ctx);
  x = vel_context_tensor (ctx, VEL_F32, self->shape);
  if (vel_context_ok (ctx))
    vel_tensor_upload (x, self->x);
  denoised = vel_denoiser_run (ctx, self->denoiser, x, self->sigma, vel_times_get (ctx, self->times, self->sigma), &raw);
  if (vel_context_ok (ctx)) {
    vel_tensor_download (denoised, self->denoised);
    vel_tensor_download (raw, self->raw);
  }
  vel_context_close (ctx, NULL);
  explain (self); /* also after the downloads: a device that broke down meanwhile gave anything */
}

static void
find_there (gpointer data)
{
  VelHalf *self = data;

  self->culprit = vel_denoiser_find_culprit (self->denoiser);
}

VelHalf *
vel_half_new (VelContext *ctx, const VelElsewhere *elsewhere, const VelNetwork *network, const VelCondition *condition, VelShape shape,
              const double *sigmas, unsigned n_sigmas)
{
  g_autoptr (VelHalf) self = g_new0 (VelHalf, 1);
  gsize count = (gsize) vel_shape_count (shape);

  self->elsewhere = *elsewhere;
  self->network = *network;
  self->network.unet = elsewhere->unet;
  self->network.n_controls = 0; /* they are on the first device */
  self->shape = shape;
  self->x = g_new (float, count);
  self->denoised = g_new (float, count);
  self->raw = g_new (float, count);
  self->ctx = vel_context_new_beside (ctx, elsewhere->device);
  if (!vel_context_ok (ctx))
    return NULL;
  self->sigmas = sigmas;
  self->n_sigmas = n_sigmas;
  vel_half_bind (ctx, self, condition);
  return vel_context_ok (ctx) ? g_steal_pointer (&self) : NULL;
}

void
vel_half_bind (VelContext *ctx, VelHalf *self, const VelCondition *condition)
{
  if (!vel_context_ok (ctx))
    return;
  self->states = take_along (condition->states);
  self->vector = take_along (condition->vector);
  self->extra = take_along (condition->extra);
  vel_helper_run (self->elsewhere.helper, bind_there, self);
  vel_context_take_error (ctx, self->ctx);
}

void
vel_half_free (VelHalf *self)
{
  if (!self)
    return;
  vel_helper_run (self->elsewhere.helper, clear_there, self);
  g_free (self->x);
  g_free (self->denoised);
  g_free (self->raw);
  g_free (self);
}

void
vel_half_begin (VelContext *ctx, VelHalf *self, VelTensor *x, double sigma)
{
  self->sigma = sigma;
  if (!vel_context_ok (ctx))
    return;
  vel_tensor_download (x, self->x);
  vel_helper_start (self->elsewhere.helper, run_there, self);
}

VelTensor *
vel_half_end (VelContext *ctx, VelHalf *self, VelTensor **raw)
{
  VelTensor *denoised = vel_context_tensor (ctx, VEL_F32, self->shape);

  *raw = vel_context_tensor (ctx, VEL_F32, self->shape);
  vel_helper_wait (self->elsewhere.helper);
  vel_context_take_error (ctx, self->ctx);
  if (vel_context_ok (ctx)) {
    vel_tensor_upload (denoised, self->denoised);
    vel_tensor_upload (*raw, self->raw);
  }
  return denoised;
}

const char *
vel_half_find_culprit (VelHalf *self)
{
  vel_helper_run (self->elsewhere.helper, find_there, self);
  return self->culprit;
}
