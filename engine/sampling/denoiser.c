/* eps and v to denoised.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/sampling/denoiser.h"

#include "engine/sampling/noise-levels.h"

#include <math.h>

struct VelDenoiser {
  VelNetwork network;
  unsigned n;
  VelTextKeys *text;
  VelRecording recording;
  VelTensor *input, *shifts, *output; /* [B, h, w, in], [B or 1, width] in the network's type, [B, h, w, 4] in fp32; always at the same place */
  VelTensor *extra;      /* (nullable) [B, h, w, in - 4], in the network's type */
  VelTensor *latents;    /* (nullable) [B, h, w, 4], likewise: for controls, which read nothing else; the input where that is all of it */
  VelControls *controls; /* (nullable) */
  unsigned step, n_steps;
};

/* The texts' states, [B, T, C]. */
static VelTensor *
stack_states (VelContext *ctx, const VelDenoiser *self, const VelCondition *const *conditions, gint64 batch)
{
  return vel_conditions_stack (ctx, self->n, conditions, G_STRUCT_OFFSET (VelCondition, states), batch, VEL_F32);
}

static void
add_controls (VelContext *ctx, VelDenoiser *self, const VelCondition *const *conditions, VelShape shape)
{
  if (self->network.n_controls == 0)
    return;
  self->latents = self->extra ? vel_network_tensor (ctx, self->input->type, shape) : vel_tensor_ref (self->input);
  if (self->latents)
    self->controls = vel_controls_new (ctx, &self->network, self->n, conditions, self->latents);
}

VelDenoiser *
vel_denoiser_new (VelContext *ctx, const VelNetwork *network, unsigned n, const VelCondition *const *conditions, VelShape shape)
{
  g_autoptr (VelDenoiser) self = g_new0 (VelDenoiser, 1);
  g_autoptr (VelTensor) states = NULL;
  VelType type = vel_unet_get_type (network->unet);
  gint64 batch = shape.size[0];
  VelShape in = shape;

  in.size[3] = vel_unet_get_in_channels (network->unet);
  self->network = *network;
  self->n = n;
  vel_recording_init (&self->recording, ctx);
  states = stack_states (ctx, self, conditions, batch);
  self->text = states ? vel_unet_text_new (ctx, network->unet, states) : NULL;
  if (conditions[0]->extra)
    self->extra = vel_conditions_stack (ctx, n, conditions, G_STRUCT_OFFSET (VelCondition, extra), batch, type);
  self->input = vel_network_tensor (ctx, type, in);
  self->shifts = vel_network_tensor (ctx, type, VEL_SHAPE (conditions[0]->vector ? batch : 1, vel_unet_get_times (network->unet)->shift_width));
  self->output = vel_network_tensor (ctx, VEL_F32, shape);
  if (vel_context_ok (ctx))
    add_controls (ctx, self, conditions, shape);
  return vel_context_ok (ctx) && self->text ? g_steal_pointer (&self) : NULL;
}

void
vel_denoiser_bind (VelContext *ctx, VelDenoiser *self, const VelCondition *const *conditions)
{
  g_autoptr (VelTensor) states = stack_states (ctx, self, conditions, self->output->shape.size[0]);

  if (states)
    vel_unet_text_set (ctx, self->network.unet, self->text, states);
  if (self->extra)
    vel_conditions_fill (ctx, self->extra, self->n, conditions, G_STRUCT_OFFSET (VelCondition, extra));
  if (self->controls)
    vel_controls_bind (ctx, self->controls, conditions);
}

void
vel_denoiser_set_step (VelDenoiser *self, unsigned step, unsigned n_steps)
{
  self->step = step;
  self->n_steps = n_steps;
}

void
vel_denoiser_free (VelDenoiser *self)
{
  if (!self)
    return;
  vel_recording_clear (&self->recording);
  g_clear_pointer (&self->controls, vel_controls_free);
  g_clear_pointer (&self->text, vel_text_keys_free);
  g_clear_pointer (&self->latents, vel_tensor_unref);
  g_clear_pointer (&self->input, vel_tensor_unref);
  g_clear_pointer (&self->extra, vel_tensor_unref);
  g_clear_pointer (&self->shifts, vel_tensor_unref);
  g_clear_pointer (&self->output, vel_tensor_unref);
  g_free (self);
}

static void
forward (gpointer data)
{
  VelDenoiser *self = data;
  VelContext *ctx = self->recording.inside;
  VelTensor *raw;

  vel_context_open (ctx);
  raw = vel_unet_forward (ctx, self->network.unet, self->input, self->shifts, self->text,
                          self->controls ? vel_controls_get_added (self->controls) : NULL);
  vel_op_combine_into (ctx, self->output, 1, (double[]) { 1 }, &raw);
  vel_context_close (ctx, NULL);
}

/* x: [b, h, w, 4], to all rows of the input, with what the network reads beside it */
static void
fill_input (VelContext *ctx, VelDenoiser *self, VelTensor *x, double c_in)
{
  gint64 rows = x->shape.size[0], all = self->input->shape.size[0];
  VelTensor *scaled = self->extra ? vel_op_convert (ctx, vel_op_combine (ctx, 1, &c_in, &x), self->input->type) : NULL;

  for (gint64 i = 0; i < all; i += rows) {
    VelTensor *out = vel_context_slice (ctx, self->input, i, rows);

    if (scaled) {
      VelTensor *with = vel_op_concat (ctx, scaled, vel_context_slice (ctx, self->extra, i, rows));

      vel_op_combine_into (ctx, out, 1, (double[]) { 1 }, &with);
      if (self->controls)
        vel_op_combine_into (ctx, vel_context_slice (ctx, self->latents, i, rows), 1, (double[]) { 1 }, &scaled);
    } else {
      vel_op_combine_into (ctx, out, 1, &c_in, &x);
    }
  }
}

VelTensor *
vel_denoiser_run (VelContext *ctx, VelDenoiser *self, VelTensor *x, double sigma, VelTensor *times, VelTensor **raw)
{
  gint64 rows = x->shape.size[0], all = self->output->shape.size[0];
  double c_in = 1 / sqrt (sigma * sigma + 1);
  double c_skip = vel_network_get_skip (&self->network, sigma), c_out = vel_network_get_out (&self->network, sigma);
  VelTensor *denoised = vel_context_tensor (ctx, VEL_F32, self->output->shape);

  g_assert (all % rows == 0);
  vel_context_open (ctx);
  vel_times_fill (ctx, self->shifts, times);
  fill_input (ctx, self, x, c_in);
  if (self->controls)
    vel_controls_run (ctx, self->controls, sigma, self->step, self->n_steps);
  vel_recording_run (ctx, &self->recording, forward, self);
  for (gint64 i = 0; i < all; i += rows)
    vel_op_combine_into (ctx, vel_context_slice (ctx, denoised, i, rows), 2, (double[]) { c_skip, c_out },
                         (VelTensor *[]) { x, vel_context_slice (ctx, self->output, i, rows) });
  vel_context_close (ctx, NULL);
  if (raw)
    *raw = self->output;
  return denoised;
}

const char *
vel_denoiser_find_culprit (VelDenoiser *self)
{
  const char *culprit;

  if (!vel_tensor_is_finite (self->input))
    return NULL;
  culprit = self->controls ? vel_controls_find_culprit (self->controls) : NULL;
  return culprit ? culprit : vel_recording_find_culprit (&self->recording, forward, self);
}
