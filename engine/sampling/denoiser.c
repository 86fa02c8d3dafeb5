/* eps and v to denoised.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/sampling/denoiser.h"

#include "engine/sampling/noise-levels.h"

#include <glib/gi18n-lib.h>
#include <math.h>

struct VelTimes {
  VelNetwork network;
  unsigned n;
  VelTensor *vectors; /* (nullable) [n, V] */
  GHashTable *rows; /* of sigma (double *), VelTensor [n or 1, width] */
};

struct VelDenoiser {
  VelNetwork network;
  unsigned n;
  VelUNetText *text;
  VelContext *inside;                 /* the network's intermediates, whose addresses a recording knows: nobody else may use them */
  VelTensor *input, *shifts, *output; /* [B, h, w, in], [B or 1, width] in the network's type, [B, h, w, 4] in fp32; always at the same place */
  VelTensor *extra; /* (nullable) [B, h, w, in - 4], in the network's type */
  gboolean ran, tried; /* tried: to record */
  VelGraph *graph;
};

double
vel_network_get_skip (const VelNetwork *self, double sigma)
{
  return self->prediction == VEL_PREDICTION_V ? 1 / (sigma * sigma + 1) : 1;
}

double
vel_network_get_out (const VelNetwork *self, double sigma)
{
  return self->prediction == VEL_PREDICTION_V ? -sigma / sqrt (sigma * sigma + 1) : -sigma;
}

static void
fail_for_memory (VelContext *ctx)
{
  vel_context_fail (ctx, VEL_ERROR_MEMORY, _ ("There is not enough memory to paint at this size; choose a smaller one"));
}

static void
times_add (VelContext *ctx, VelTimes *self, const double *sigmas, unsigned n)
{
  gint64 width = vel_unet_get_shift_width (self->network.unet), each = self->vectors ? self->vectors->shape.size[0] : 1;
  const VelNoiseLevels *levels = self->network.levels;
  g_autofree float *timesteps = g_new (float, n);
  VelTensor *table;

  vel_context_open (ctx);
  for (unsigned i = 0; i < n; i++)
    timesteps[i] = self->network.nearest_time ? (float) vel_noise_levels_nearest (levels, sigmas[i])
                                              : (float) levels->sigma_to_t (levels->model, sigmas[i]);
  table = vel_unet_embed_times (ctx, self->network.unet, timesteps, n, self->network.scale, self->vectors);
  for (unsigned i = 0; i < n; i++) {
    VelTensor *row = vel_context_slice (ctx, table, i * each, each);
    VelTensor *kept = vel_tensor_new (vel_context_get_device (ctx), row->type, VEL_SHAPE (each, width));

    if (!kept) {
      fail_for_memory (ctx);
      break;
    }
    vel_op_combine_into (ctx, kept, 1, (double[]) { 1 }, &row);
    g_hash_table_replace (self->rows, g_memdup2 (&sigmas[i], sizeof *sigmas), kept);
  }
  vel_context_close (ctx, NULL);
}

void
vel_condition_clear (VelCondition *self)
{
  g_clear_pointer (&self->states, vel_tensor_unref);
  g_clear_pointer (&self->vector, vel_tensor_unref);
  g_clear_pointer (&self->extra, vel_tensor_unref);
}

/* One kind of tensor of each condition, one after the other, each for as many rows of `all`. */
static void
fill_stack (VelContext *ctx, VelTensor *all, unsigned n, const VelCondition *const *conditions, gsize member)
{
  gint64 batch = all->shape.size[0];

  vel_context_open (ctx);
  for (gint64 i = 0; i < batch; i++)
    vel_op_combine_into (ctx, vel_context_slice (ctx, all, i, 1), 1, (double[]) { 1 },
                         &G_STRUCT_MEMBER (VelTensor *, conditions[i * n / batch], member));
  vel_context_close (ctx, NULL);
}

/* -> [B, ...], of memory of its own; NULL if memory is short */
static VelTensor *
stack (VelContext *ctx, unsigned n, const VelCondition *const *conditions, gsize member, gint64 batch, VelType type)
{
  VelShape shape = G_STRUCT_MEMBER (VelTensor *, conditions[0], member)->shape;
  VelTensor *all;

  shape.size[0] = batch;
  all = vel_tensor_new (vel_context_get_device (ctx), type, shape);
  if (all)
    fill_stack (ctx, all, n, conditions, member);
  else
    fail_for_memory (ctx);
  return all;
}

VelTimes *
vel_times_new (VelContext *ctx, const VelNetwork *network, unsigned n, const VelCondition *const *conditions, const double *sigmas,
               unsigned n_sigmas)
{
  VelTimes *self = g_new0 (VelTimes, 1);

  self->network = *network;
  self->n = n;
  self->rows = g_hash_table_new_full (g_double_hash, g_double_equal, g_free, (GDestroyNotify) vel_tensor_unref);
  if (conditions[0]->vector)
    self->vectors = stack (ctx, n, conditions, G_STRUCT_OFFSET (VelCondition, vector), n, VEL_F32);
  if (n_sigmas > 0 && sigmas[n_sigmas - 1] == 0)
    n_sigmas--;
  if (n_sigmas > 0 && vel_context_ok (ctx))
    times_add (ctx, self, sigmas, n_sigmas);
  return self;
}

void
vel_times_bind (VelContext *ctx, VelTimes *self, const VelCondition *const *conditions)
{
  if (!self->vectors)
    return;
  fill_stack (ctx, self->vectors, self->n, conditions, G_STRUCT_OFFSET (VelCondition, vector));
  g_hash_table_remove_all (self->rows);
}

void
vel_times_free (VelTimes *self)
{
  if (!self)
    return;
  g_clear_pointer (&self->vectors, vel_tensor_unref);
  g_hash_table_unref (self->rows);
  g_free (self);
}

VelTensor *
vel_times_get (VelContext *ctx, VelTimes *self, double sigma)
{
  VelTensor *row = g_hash_table_lookup (self->rows, &sigma);

  if (!row) {
    times_add (ctx, self, &sigma, 1);
    row = g_hash_table_lookup (self->rows, &sigma);
  }
  if (!row) /* no memory, which the context knows */
    row = vel_context_tensor (ctx, vel_unet_get_type (self->network.unet),
                              VEL_SHAPE (self->vectors ? self->vectors->shape.size[0] : 1, vel_unet_get_shift_width (self->network.unet)));
  return row;
}

/* The texts' states, [B, T, C]. */
static VelTensor *
stack_states (VelContext *ctx, const VelDenoiser *self, const VelCondition *const *conditions, gint64 batch)
{
  return stack (ctx, self->n, conditions, G_STRUCT_OFFSET (VelCondition, states), batch, VEL_F32);
}

VelDenoiser *
vel_denoiser_new (VelContext *ctx, const VelNetwork *network, unsigned n, const VelCondition *const *conditions, VelShape shape)
{
  g_autoptr (VelDenoiser) self = g_new0 (VelDenoiser, 1);
  g_autoptr (VelTensor) states = NULL;
  VelDevice *device = vel_context_get_device (ctx);
  VelType type = vel_unet_get_type (network->unet);
  gint64 batch = shape.size[0];
  VelShape in = shape;

  in.size[3] = vel_unet_get_in_channels (network->unet);
  self->network = *network;
  self->n = n;
  self->inside = vel_context_new_inside (ctx);
  states = stack_states (ctx, self, conditions, batch);
  self->text = states ? vel_unet_text_new (ctx, network->unet, states) : NULL;
  if (conditions[0]->extra)
    self->extra = stack (ctx, n, conditions, G_STRUCT_OFFSET (VelCondition, extra), batch, type);
  self->input = vel_tensor_new (device, type, in);
  self->shifts = vel_tensor_new (device, type, VEL_SHAPE (conditions[0]->vector ? batch : 1, vel_unet_get_shift_width (network->unet)));
  self->output = vel_tensor_new (device, VEL_F32, shape);
  if (!self->input || !self->shifts || !self->output)
    fail_for_memory (ctx);
  return vel_context_ok (ctx) && self->text ? g_steal_pointer (&self) : NULL;
}

void
vel_denoiser_bind (VelContext *ctx, VelDenoiser *self, const VelCondition *const *conditions)
{
  g_autoptr (VelTensor) states = stack_states (ctx, self, conditions, self->output->shape.size[0]);

  if (states)
    vel_unet_text_set (ctx, self->network.unet, self->text, states);
  if (self->extra)
    fill_stack (ctx, self->extra, self->n, conditions, G_STRUCT_OFFSET (VelCondition, extra));
}

void
vel_denoiser_free (VelDenoiser *self)
{
  VelDevice *device;

  if (!self)
    return;
  device = vel_context_get_device (self->inside);
  if (self->graph)
    device->kernels->graph_free (device->backend, self->graph);
  g_clear_pointer (&self->text, vel_unet_text_free);
  g_clear_pointer (&self->input, vel_tensor_unref);
  g_clear_pointer (&self->extra, vel_tensor_unref);
  g_clear_pointer (&self->shifts, vel_tensor_unref);
  g_clear_pointer (&self->output, vel_tensor_unref);
  vel_context_free (self->inside);
  g_free (self);
}

static void
forward (VelDenoiser *self)
{
  VelTensor *raw;

  vel_context_open (self->inside);
  raw = vel_unet_forward (self->inside, self->network.unet, self->input, self->shifts, self->text);
  vel_op_combine_into (self->inside, self->output, 1, (double[]) { 1 }, &raw);
  vel_context_close (self->inside, NULL);
}

/* From input to output. The first time as it comes, so that memory and scratch have their sizes; the second time written down, unless memory
 * ran short the first time and blocks went back: then the time after. */
static void
evaluate (VelContext *ctx, VelDenoiser *self)
{
  VelDevice *device = vel_context_get_device (ctx);
  gboolean may_record = (device->kernels->features & VEL_FEATURE_GRAPHS) != 0;

  if (!vel_context_ok (ctx))
    return;
  if (may_record && self->ran && !self->tried && vel_context_is_settled (self->inside)) {
    self->tried = TRUE;
    device->kernels->record (device->backend);
    forward (self);
    self->graph = device->kernels->recorded (device->backend);
  }
  if (self->graph)
    device->kernels->replay (device->backend, self->graph);
  else
    forward (self);
  self->ran = TRUE;
  vel_context_take_error (ctx, self->inside);
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
    } else {
      vel_op_combine_into (ctx, out, 1, &c_in, &x);
    }
  }
}

/* times: [n or 1, width], each row for as many rows of the network */
static void
fill_shifts (VelContext *ctx, VelDenoiser *self, VelTensor *times)
{
  gint64 rows = self->shifts->shape.size[0], n = times->shape.size[0];

  for (gint64 i = 0; i < rows; i++) {
    VelTensor *row = vel_context_slice (ctx, times, i * n / rows, 1);

    vel_op_combine_into (ctx, vel_context_slice (ctx, self->shifts, i, 1), 1, (double[]) { 1 }, &row);
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
  fill_shifts (ctx, self, times);
  fill_input (ctx, self, x, c_in);
  evaluate (ctx, self);
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
  vel_context_set_watch (self->inside, TRUE);
  forward (self);
  culprit = vel_context_get_culprit (self->inside);
  vel_context_set_watch (self->inside, FALSE);
  return culprit;
}
