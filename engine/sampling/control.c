/* ControlNets in each step.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/sampling/control.h"

#define MOST_IN_SUM 8 /* terms of vel_op_combine */

/* One of them: what goes in and comes out stays at the same place. */
typedef struct {
  const VelControl *control;
  VelTimes *times;
  VelTextKeys *text;
  VelTensor *x;       /* [B, h, w, 4], the controls' */
  VelTensor *hint;    /* [B, h, w, channels] */
  VelTensor *shifts;  /* [B or 1, width] */
  GPtrArray *results; /* VelTensor [B, ...] */
  VelRecording recording;
  gboolean active; /* in the step at hand */
} Unit;

struct VelControls {
  unsigned n, n_units;
  gboolean *negative; /* [n], of the conditions */
  Unit *units;
  GPtrArray *added; /* VelTensor [B, ...] */
  gboolean nothing; /* added holds zeros */
};

static void
set_text (VelContext *ctx, Unit *self, unsigned n, const VelCondition *const *conditions)
{
  g_autoptr (VelTensor) states =
      vel_conditions_stack (ctx, n, conditions, G_STRUCT_OFFSET (VelCondition, states), self->x->shape.size[0], VEL_F32);

  if (states)
    vel_controlnet_set_text (ctx, self->control->net, self->text, states);
}

static void
forward (gpointer data)
{
  Unit *self = data;
  VelContext *ctx = self->recording.inside;
  g_autofree VelTensor **results = g_new (VelTensor *, self->results->len);

  vel_context_open (ctx);
  vel_controlnet_forward (ctx, self->control->net, self->x, self->hint, self->shifts, self->text, results);
  for (guint i = 0; i < self->results->len; i++)
    vel_op_combine_into (ctx, self->results->pdata[i], 1, (double[]){ 1 }, &results[i]);
  vel_context_close (ctx, NULL);
}

static void
add_tensor (VelContext *ctx, GPtrArray *tensors, VelType type, VelShape shape)
{
  VelTensor *made = vel_context_ok (ctx) ? vel_network_tensor (ctx, type, shape) : NULL;

  if (made)
    g_ptr_array_add (tensors, made);
}

/* Results have the sizes that halving comes to, rounded up. */
static void
make_results (VelContext *ctx, GPtrArray *tensors, const VelControlNet *net, const VelTensor *x)
{
  for (unsigned i = 0; i < vel_controlnet_get_n_results (net); i++)
    add_tensor (ctx, tensors, x->type, vel_controlnet_get_result_shape (net, i, x->shape));
}

static void
unit_init (VelContext *ctx, Unit *self, const VelNetwork *network, const VelControl *control, unsigned n,
           const VelCondition *const *conditions, VelTensor *x)
{
  gint64 batch = x->shape.size[0];
  VelShape hint = control->hint->shape;
  const VelTimeEmbedding *embedding = vel_controlnet_get_times (control->net);

  self->control = control;
  self->x = vel_tensor_ref (x);
  self->results = g_ptr_array_new_with_free_func ((GDestroyNotify) vel_tensor_unref);
  self->text = vel_text_keys_new ();
  vel_recording_init (&self->recording, ctx);
  self->times = vel_times_new (ctx, network, embedding, n, conditions, NULL, 0);
  set_text (ctx, self, n, conditions);
  hint.size[0] = batch;
  self->hint = vel_network_tensor (ctx, x->type, hint);
  self->shifts = vel_network_tensor (ctx, x->type, VEL_SHAPE (embedding->vector_width > 0 ? batch : 1, embedding->shift_width));
  make_results (ctx, self->results, control->net, x);
  vel_context_open (ctx);
  for (gint64 i = 0; i < batch && vel_context_ok (ctx); i++)
    vel_op_combine_into (ctx, vel_context_slice (ctx, self->hint, i, 1), 1, (double[]){ 1 }, (VelTensor *[]){ control->hint });
  vel_context_close (ctx, NULL);
}

static void
unit_clear (Unit *self)
{
  vel_recording_clear (&self->recording);
  g_clear_pointer (&self->times, vel_times_free);
  g_clear_pointer (&self->text, vel_text_keys_free);
  g_clear_pointer (&self->x, vel_tensor_unref);
  g_clear_pointer (&self->hint, vel_tensor_unref);
  g_clear_pointer (&self->shifts, vel_tensor_unref);
  g_clear_pointer (&self->results, g_ptr_array_unref);
}

static void
note_sides (VelControls *self, const VelCondition *const *conditions)
{
  for (unsigned i = 0; i < self->n; i++)
    self->negative[i] = conditions[i]->negative;
}

/* Zeros in every type. */
static void
clear_added (VelContext *ctx, VelControls *self)
{
  for (guint i = 0; i < self->added->len && vel_context_ok (ctx); i++) {
    VelTensor *added = self->added->pdata[i];
    g_autofree void *zeros = g_malloc0 (added->bytes);

    vel_tensor_upload (added, zeros);
  }
  self->nothing = TRUE;
}

VelControls *
vel_controls_new (VelContext *ctx, const VelNetwork *network, unsigned n, const VelCondition *const *conditions, VelTensor *x)
{
  g_autoptr (VelControls) self = NULL;

  if (network->n_controls == 0)
    return NULL;
  self = g_new0 (VelControls, 1);
  self->n = n;
  self->negative = g_new (gboolean, n);
  note_sides (self, conditions);
  self->added = g_ptr_array_new_with_free_func ((GDestroyNotify) vel_tensor_unref);
  make_results (ctx, self->added, network->controls[0].net, x);
  self->units = g_new0 (Unit, network->n_controls);
  for (; self->n_units < network->n_controls && vel_context_ok (ctx); self->n_units++)
    unit_init (ctx, &self->units[self->n_units], network, &network->controls[self->n_units], n, conditions, x);
  clear_added (ctx, self);
  return vel_context_ok (ctx) ? g_steal_pointer (&self) : NULL;
}

void
vel_controls_free (VelControls *self)
{
  if (!self)
    return;
  for (unsigned i = 0; i < self->n_units; i++)
    unit_clear (&self->units[i]);
  g_free (self->units);
  g_free (self->negative);
  g_ptr_array_unref (self->added);
  g_free (self);
}

void
vel_controls_bind (VelContext *ctx, VelControls *self, const VelCondition *const *conditions)
{
  note_sides (self, conditions);
  for (unsigned i = 0; i < self->n_units; i++) {
    vel_times_bind (ctx, self->units[i].times, conditions);
    set_text (ctx, &self->units[i], self->n, conditions);
  }
}

/* Those rows of result i that are one condition's: the sum over the units that act. */
static void
add_up (VelContext *ctx, VelControls *self, unsigned i, unsigned condition)
{
  VelTensor *added = self->added->pdata[i], *terms[MOST_IN_SUM], *out;
  gint64 rows = added->shape.size[0] / self->n;
  double weights[MOST_IN_SUM];
  unsigned n = 0;

  vel_context_open (ctx);
  out = vel_context_slice (ctx, added, condition * rows, rows);
  for (unsigned u = 0; u < self->n_units; u++) {
    const Unit *unit = &self->units[u];

    if (!unit->active)
      continue;
    if (n == MOST_IN_SUM) {
      vel_op_combine_into (ctx, out, n, weights, terms);
      terms[0] = out;
      weights[0] = 1;
      n = 1;
    }
    terms[n] = vel_context_slice (ctx, unit->results->pdata[i], condition * rows, rows);
    weights[n++] = vel_control_use_get_scale (&unit->control->use, i, self->negative[condition]);
  }
  vel_op_combine_into (ctx, out, n, weights, terms);
  vel_context_close (ctx, NULL);
}

void
vel_controls_run (VelContext *ctx, VelControls *self, double sigma, unsigned step, unsigned n_steps)
{
  gboolean any = FALSE;

  for (unsigned u = 0; u < self->n_units; u++) {
    Unit *unit = &self->units[u];

    unit->active = vel_control_use_is_active (&unit->control->use, step, n_steps);
    if (!unit->active)
      continue;
    any = TRUE;
    vel_times_fill (ctx, unit->shifts, vel_times_get (ctx, unit->times, sigma));
    vel_recording_run (ctx, &unit->recording, forward, unit);
  }
  if (!any) {
    if (!self->nothing)
      clear_added (ctx, self);
    return;
  }
  self->nothing = FALSE;
  for (guint i = 0; i < self->added->len && vel_context_ok (ctx); i++)
    for (unsigned condition = 0; condition < self->n; condition++)
      add_up (ctx, self, i, condition);
}

VelTensor *const *
vel_controls_get_added (const VelControls *self)
{
  return (VelTensor *const *) self->added->pdata;
}

const char *
vel_controls_find_culprit (VelControls *self)
{
  const char *culprit = NULL;

  for (unsigned u = 0; u < self->n_units && !culprit; u++)
    if (self->units[u].active)
      culprit = vel_recording_find_culprit (&self->units[u].recording, forward, &self->units[u]);
  return culprit;
}
