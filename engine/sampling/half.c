/* Latents go over and come back through host memory: small, beside what the network does.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/sampling/half.h"

#include <glib/gi18n-lib.h>

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
  GError *lost; /* (nullable) what the device says of itself after an error */

  /* only while it is being made */
  float *state;
  VelShape state_shape;
  const double *sigmas;
  unsigned n_sigmas;
};

/* What a lost device leads to looks like short memory or broken numbers. */
static void
look_there (VelHalf *self)
{
  if (!vel_context_ok (self->ctx) && !self->lost)
    vel_device_check (self->elsewhere.device, &self->lost);
}

static void
make_there (gpointer data)
{
  VelHalf *self = data;
  VelShape shape = self->state_shape;
  VelTensor *state, *states;
  VelUNetText *text;

  vel_context_open (self->ctx);
  state = vel_context_tensor (self->ctx, VEL_F32, shape);
  if (vel_context_ok (self->ctx))
    vel_tensor_upload (state, self->state);
  shape.size[0] = self->shape.size[0];
  states = vel_context_tensor (self->ctx, VEL_F32, shape);
  for (gint64 i = 0; i < shape.size[0]; i++)
    vel_op_combine_into (self->ctx, vel_context_slice (self->ctx, states, i, 1), 1, (double[]) { 1 }, &state);
  text = vel_unet_text_new (self->ctx, self->network.unet, states);
  self->times = vel_times_new (self->ctx, &self->network, self->sigmas, self->n_sigmas);
  vel_context_close (self->ctx, NULL);
  self->denoiser = vel_denoiser_new (self->ctx, &self->network, text, self->shape);
  look_there (self);
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
  look_there (self); /* also after the downloads: a device that broke down meanwhile gave anything */
  vel_context_close (ctx, NULL);
}

static void
find_there (gpointer data)
{
  VelHalf *self = data;

  self->culprit = vel_denoiser_find_culprit (self->denoiser);
}

/* The first device's ladder does not help the second one. */
static void
take_error (VelContext *ctx, VelHalf *self)
{
  if (self->lost)
    vel_context_fail (ctx, VEL_ERROR_LOST, "%s", self->lost->message);
  else if (vel_context_is_short (self->ctx))
    vel_context_fail (ctx, VEL_ERROR_DEVICE, _ ("The memory of %s is too small for a second copy of the network; leave --device2 out"),
                      self->elsewhere.device->name);
  vel_context_take_error (ctx, self->ctx); /* no other than the first one is kept */
}

VelHalf *
vel_half_new (VelContext *ctx, const VelElsewhere *elsewhere, const VelNetwork *network, VelTensor *state, VelShape shape,
              const double *sigmas, unsigned n_sigmas)
{
  g_autoptr (VelHalf) self = g_new0 (VelHalf, 1);
  gsize count = (gsize) vel_shape_count (shape);

  self->elsewhere = *elsewhere;
  self->network = *network;
  self->network.unet = elsewhere->unet;
  self->shape = shape;
  self->x = g_new (float, count);
  self->denoised = g_new (float, count);
  self->raw = g_new (float, count);
  self->ctx = vel_context_new_beside (ctx, elsewhere->device);
  if (!vel_context_ok (ctx))
    return NULL;
  self->state_shape = state->shape;
  self->state = g_malloc (state->bytes);
  vel_tensor_download (state, self->state);
  self->sigmas = sigmas;
  self->n_sigmas = n_sigmas;
  vel_helper_run (elsewhere->helper, make_there, self);
  g_clear_pointer (&self->state, g_free);
  take_error (ctx, self);
  return vel_context_ok (ctx) ? g_steal_pointer (&self) : NULL;
}

void
vel_half_free (VelHalf *self)
{
  if (!self)
    return;
  vel_helper_run (self->elsewhere.helper, clear_there, self);
  g_clear_error (&self->lost);
  g_free (self->state);
  g_free (self->x);
  g_free (self->denoised);
  g_free (self->raw);
  g_free (self);
}

void
vel_half_begin (VelContext *ctx, VelHalf *self, VelTensor *x, double sigma)
{
  self->sigma = sigma;
  if (vel_context_ok (ctx))
    vel_tensor_download (x, self->x);
  vel_helper_start (self->elsewhere.helper, run_there, self);
}

VelTensor *
vel_half_end (VelContext *ctx, VelHalf *self, VelTensor **raw)
{
  VelTensor *denoised = vel_context_tensor (ctx, VEL_F32, self->shape);

  *raw = vel_context_tensor (ctx, VEL_F32, self->shape);
  vel_helper_wait (self->elsewhere.helper);
  take_error (ctx, self);
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
