/* Terms in batches of one or two, the last one perhaps on a device of its own.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/sampling/guidance.h"

#include <math.h>
#include <string.h>

#define MOST_IN_BATCH 2 /* what memory was planned for */
#define MOST_IN_SUM 8   /* terms of vel_op_combine */

/* A network for so many terms of so many tokens. Groups of terms that are alike share one, which is bound to each in turn: its memory is
 * large, a text's keys and values are quickly made. */
typedef struct {
  VelDenoiser *denoiser; /* [n * batch, ...] */
  unsigned n;
  VelShape states; /* of each condition */
  const VelCondition *bound[MOST_IN_BATCH];
} Runner;

/* Terms that go through the network together: as many as the runner takes, from the first on. */
typedef struct {
  unsigned first, runner;
} Group;

struct VelGuidance {
  unsigned n, here;                /* here: terms that are not elsewhere */
  const VelCondition **conditions; /* [n] */
  double *weights;                 /* [n] */
  gint64 batch;
  unsigned evaluation, step, n_steps;
  VelNetwork network;
  double rescale;
  VelTimes *times; /* of the terms here */
  GArray *runners; /* (element-type Runner) */
  GArray *groups;  /* (element-type Group) */
  VelHalf *half;   /* (nullable) of the last term */
  VelRawFunc watch;
  gpointer watch_data;
  VelChangeFunc change; /* (nullable) */
  gpointer change_data;
};

/* How many terms from the first on may share a batch. */
static unsigned
count_alike (const VelCondition *const *conditions, unsigned n)
{
  unsigned alike = 1;

  while (alike < MIN (n, MOST_IN_BATCH) && vel_shape_equal (conditions[0]->states->shape, conditions[alike]->states->shape))
    alike++;
  return alike;
}

/* Returns: the number of a runner for these terms */
static unsigned
find_runner (VelContext *ctx, VelGuidance *self, const VelNetwork *network, unsigned n, const VelCondition *const *conditions,
             VelShape shape)
{
  Runner runner = { .n = n, .states = conditions[0]->states->shape };

  for (guint i = 0; i < self->runners->len; i++) {
    const Runner *other = &g_array_index (self->runners, Runner, i);

    if (other->n == n && vel_shape_equal (other->states, runner.states))
      return i;
  }
  shape.size[0] = n * self->batch;
  runner.denoiser = vel_denoiser_new (ctx, network, n, conditions, shape);
  memcpy (runner.bound, conditions, n * sizeof *conditions);
  g_array_append_val (self->runners, runner);
  return self->runners->len - 1;
}

static void
add_groups (VelContext *ctx, VelGuidance *self, const VelNetwork *network, VelShape shape)
{
  for (unsigned i = 0; i < self->here && vel_context_ok (ctx);) {
    unsigned n = count_alike (self->conditions + i, self->here - i);
    Group group = { .first = i, .runner = find_runner (ctx, self, network, n, self->conditions + i, shape) };

    g_array_append_val (self->groups, group);
    i += n;
  }
}

static void
clear_runner (gpointer data)
{
  vel_denoiser_free (((Runner *) data)->denoiser);
}

VelGuidance *
vel_guidance_new (VelContext *ctx, const VelNetwork *network, const VelElsewhere *elsewhere, unsigned n, const VelTerm *terms,
                  VelShape shape, const double *sigmas, unsigned n_sigmas)
{
  g_autoptr (VelGuidance) self = g_new0 (VelGuidance, 1);

  self->n = n;
  self->network = *network;
  self->here = elsewhere && n > 1 ? n - 1 : n;
  self->conditions = g_new (const VelCondition *, n);
  self->weights = g_new (double, n);
  self->batch = shape.size[0];
  self->runners = g_array_new (FALSE, FALSE, sizeof (Runner));
  g_array_set_clear_func (self->runners, clear_runner);
  self->groups = g_array_new (FALSE, FALSE, sizeof (Group));
  for (unsigned i = 0; i < n; i++) {
    self->weights[i] = terms[i].weight;
    self->conditions[i] = terms[i].condition;
  }
  self->times = vel_times_new (ctx, network, vel_unet_get_times (network->unet), self->here, self->conditions, sigmas, n_sigmas);
  add_groups (ctx, self, network, shape);
  if (self->here < n)
    self->half = vel_half_new (ctx, elsewhere, network, self->conditions[self->here], shape, sigmas, n_sigmas);
  return vel_context_ok (ctx) ? g_steal_pointer (&self) : NULL;
}

void
vel_guidance_free (VelGuidance *self)
{
  if (!self)
    return;
  g_clear_pointer (&self->groups, g_array_unref);
  g_clear_pointer (&self->runners, g_array_unref);
  g_clear_pointer (&self->half, vel_half_free);
  g_clear_pointer (&self->times, vel_times_free);
  g_free (self->conditions);
  g_free (self->weights);
  g_free (self);
}

void
vel_guidance_watch_first (VelGuidance *self, VelRawFunc watch, gpointer data)
{
  self->watch = watch;
  self->watch_data = data;
}

void
vel_guidance_set_change (VelGuidance *self, VelChangeFunc change, gpointer data)
{
  self->change = change;
  self->change_data = data;
}

void
vel_guidance_set_rescale (VelGuidance *self, double amount)
{
  self->rescale = amount;
}

void
vel_guidance_set_step (VelGuidance *self, unsigned step, unsigned n_steps)
{
  self->step = step;
  self->n_steps = n_steps;
}

void
vel_guidance_go_on (VelGuidance *self, unsigned evaluations)
{
  self->evaluation = evaluations;
}

unsigned
vel_guidance_get_evaluations (const VelGuidance *self)
{
  return self->evaluation;
}

/* What is to be painted may be something else now. */
static void
follow (VelContext *ctx, VelGuidance *self)
{
  g_autofree const VelCondition **before = g_memdup2 (self->conditions, self->n * sizeof *self->conditions);

  if (self->evaluation++ == 0 || !self->change)
    return;
  self->change (self->evaluation - 1, self->conditions, self->change_data);
  if (memcmp (before, self->conditions, self->here * sizeof *before) != 0)
    vel_times_bind (ctx, self->times, self->conditions);
  if (self->half && before[self->here] != self->conditions[self->here])
    vel_half_bind (ctx, self->half, self->conditions[self->here]);
}

/* raws: [n], the network's outputs */
static void
report (VelContext *ctx, VelGuidance *self, VelTensor *const *raws)
{
  if (self->watch && vel_context_ok (ctx))
    self->watch (vel_context_slice (ctx, raws[0], 0, 1), self->n > 1 ? vel_context_slice (ctx, raws[self->n - 1], 0, 1) : NULL,
                 self->watch_data);
  self->watch = NULL;
}

/* One group's terms. denoised, raws: [of all terms] */
static void
run_group (VelContext *ctx, VelGuidance *self, const Group *group, VelTensor *x, double sigma, VelTensor *times, VelTensor **denoised,
           VelTensor **raws)
{
  Runner *runner = &g_array_index (self->runners, Runner, group->runner);
  const VelCondition *const *conditions = self->conditions + group->first;
  gsize size = runner->n * sizeof *conditions;
  VelTensor *made, *raw;

  if (memcmp (runner->bound, conditions, size) != 0) {
    vel_denoiser_bind (ctx, runner->denoiser, conditions);
    memcpy (runner->bound, conditions, size);
  }
  if (times->shape.size[0] > 1) /* every term has a row of its own */
    times = vel_context_slice (ctx, times, group->first, runner->n);
  vel_denoiser_set_step (runner->denoiser, self->step, self->n_steps);
  made = vel_denoiser_run (ctx, runner->denoiser, x, sigma, times, &raw);
  if (self->watch) /* the next group may use the same memory */
    raw = vel_op_combine (ctx, 1, (double[]){ 1 }, &raw);
  for (unsigned i = 0; i < runner->n; i++) {
    denoised[group->first + i] = vel_context_slice (ctx, made, i * self->batch, self->batch);
    raws[group->first + i] = vel_context_slice (ctx, raw, i * self->batch, self->batch);
  }
}

/* Every term through the network. denoised, raws: [n] */
static void
run_terms (VelContext *ctx, VelGuidance *self, VelTensor *x, double sigma, VelTensor **denoised, VelTensor **raws)
{
  VelTensor *times = vel_times_get (ctx, self->times, sigma);

  if (self->half)
    vel_half_begin (ctx, self->half, x, sigma);
  for (guint g = 0; g < self->groups->len; g++)
    run_group (ctx, self, &g_array_index (self->groups, Group, g), x, sigma, times, denoised, raws);
  if (self->half)
    denoised[self->here] = vel_half_end (ctx, self->half, &raws[self->here]);
}

/* Of what is left of each picture without `skip` times x: the deviation, which the sign and scale of the network's output do not change in
 * proportion. deviations: [batch] */
static void
measure (VelTensor *denoised, const float *x, double skip, gint64 batch, double *deviations)
{
  gsize count = (gsize) (vel_shape_count (denoised->shape) / batch);
  g_autofree float *values = g_malloc (denoised->bytes);

  vel_tensor_download (denoised, values);
  for (gint64 b = 0; b < batch; b++) {
    double sum = 0, squares = 0;

    for (gsize i = (gsize) b * count; i < (gsize) (b + 1) * count; i++) {
      double value = values[i] - skip * x[i];

      sum += value;
      squares += value * value;
    }
    deviations[b] = sqrt (fmax (squares / (double) count - sum / (double) count * (sum / (double) count), 0));
  }
}

/* guided: changed */
static void
bring_back (VelContext *ctx, VelGuidance *self, VelTensor *x, double sigma, VelTensor *first, VelTensor *guided)
{
  double skip = vel_network_get_skip (&self->network, sigma);
  g_autofree double *wanted = g_new (double, self->batch), *found = g_new (double, self->batch);
  g_autofree float *host = g_malloc (x->bytes);

  if (!vel_context_ok (ctx))
    return;
  vel_tensor_download (x, host);
  measure (first, host, skip, self->batch, wanted);
  measure (guided, host, skip, self->batch, found);
  for (gint64 b = 0; b < self->batch; b++) {
    double factor = found[b] > 0 ? self->rescale * wanted[b] / found[b] + 1 - self->rescale : 1;
    VelTensor *out = vel_context_slice (ctx, guided, b, 1);

    vel_op_combine_into (ctx, out, 2, (double[]){ factor, (1 - factor) * skip }, (VelTensor *[]){ out, vel_context_slice (ctx, x, b, 1) });
  }
}

VelTensor *
vel_guidance_run (VelContext *ctx, VelGuidance *self, VelTensor *x, double sigma)
{
  g_autofree VelTensor **denoised = g_new (VelTensor *, self->n), **raws = g_new (VelTensor *, self->n);
  VelTensor *sum;

  vel_context_open (ctx);
  follow (ctx, self);
  run_terms (ctx, self, x, sigma, denoised, raws);
  report (ctx, self, raws);
  sum = vel_op_combine (ctx, MIN (self->n, MOST_IN_SUM), self->weights, denoised);
  for (unsigned i = MOST_IN_SUM; i < self->n; i++)
    vel_op_combine_into (ctx, sum, 2, (double[]){ 1, self->weights[i] }, (VelTensor *[]){ sum, denoised[i] });
  if (self->rescale > 0)
    bring_back (ctx, self, x, sigma, denoised[0], sum);
  return vel_context_close (ctx, sum);
}

const char *
vel_guidance_find_culprit (VelGuidance *self)
{
  const char *culprit = NULL;

  for (guint i = 0; i < self->runners->len && !culprit; i++)
    culprit = vel_denoiser_find_culprit (g_array_index (self->runners, Runner, i).denoiser);
  return culprit || !self->half ? culprit : vel_half_find_culprit (self->half);
}
