/* Terms in batches of one or two, the last one perhaps on a device of its own.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/sampling/guidance.h"

#define MOST_IN_BATCH 2 /* what memory was planned for */
#define MOST_IN_SUM 8   /* terms of vel_op_combine */

/* Terms that go through the network together. */
typedef struct {
  VelDenoiser *denoiser; /* [n * batch, ...] */
  unsigned n;
} Group;

struct VelGuidance {
  unsigned n;
  double *weights; /* [n] */
  gint64 batch;
  VelTimes *times; /* of the terms here */
  GArray *groups;
  VelHalf *half;   /* (nullable) of the last term */
  VelRawFunc watch;
  gpointer watch_data;
};

/* How many terms from the first on may share a batch. */
static unsigned
count_alike (const VelCondition *conditions, unsigned n)
{
  unsigned alike = 1;

  while (alike < MIN (n, MOST_IN_BATCH) && vel_shape_equal (conditions[0].states->shape, conditions[alike].states->shape))
    alike++;
  return alike;
}

static void
add_groups (VelContext *ctx, VelGuidance *self, const VelNetwork *network, unsigned n, const VelCondition *conditions, VelShape shape)
{
  for (unsigned i = 0; i < n && vel_context_ok (ctx);) {
    Group group = { .n = count_alike (conditions + i, n - i) };

    shape.size[0] = group.n * self->batch;
    group.denoiser = vel_denoiser_new (ctx, network, group.n, conditions + i, shape);
    if (group.denoiser)
      g_array_append_val (self->groups, group);
    i += group.n;
  }
}

static void
clear_group (gpointer data)
{
  vel_denoiser_free (((Group *) data)->denoiser);
}

VelGuidance *
vel_guidance_new (VelContext *ctx, const VelNetwork *network, const VelElsewhere *elsewhere, unsigned n, const VelTerm *terms, VelShape shape,
                  const double *sigmas, unsigned n_sigmas)
{
  g_autoptr (VelGuidance) self = g_new0 (VelGuidance, 1);
  g_autofree VelCondition *conditions = g_new (VelCondition, n);
  unsigned here = elsewhere && n > 1 ? n - 1 : n;

  self->n = n;
  self->weights = g_new (double, n);
  self->batch = shape.size[0];
  self->groups = g_array_new (FALSE, FALSE, sizeof (Group));
  g_array_set_clear_func (self->groups, clear_group);
  for (unsigned i = 0; i < n; i++) {
    self->weights[i] = terms[i].weight;
    conditions[i] = *terms[i].condition;
  }
  self->times = vel_times_new (ctx, network, here, conditions, sigmas, n_sigmas);
  add_groups (ctx, self, network, here, conditions, shape);
  if (here < n)
    self->half = vel_half_new (ctx, elsewhere, network, &conditions[here], shape, sigmas, n_sigmas);
  return vel_context_ok (ctx) ? g_steal_pointer (&self) : NULL;
}

void
vel_guidance_free (VelGuidance *self)
{
  if (!self)
    return;
  g_clear_pointer (&self->groups, g_array_unref);
  g_clear_pointer (&self->half, vel_half_free);
  g_clear_pointer (&self->times, vel_times_free);
  g_free (self->weights);
  g_free (self);
}

void
vel_guidance_watch_first (VelGuidance *self, VelRawFunc watch, gpointer data)
{
  self->watch = watch;
  self->watch_data = data;
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

/* Every term through the network. denoised, raws: [n] */
static void
run_terms (VelContext *ctx, VelGuidance *self, VelTensor *x, double sigma, VelTensor **denoised, VelTensor **raws)
{
  VelTensor *times = vel_times_get (ctx, self->times, sigma);
  gboolean own = times->shape.size[0] > 1; /* rows: every term has one of its own */
  unsigned term = 0;

  if (self->half)
    vel_half_begin (ctx, self->half, x, sigma);
  for (guint g = 0; g < self->groups->len; g++) {
    const Group *group = &g_array_index (self->groups, Group, g);
    VelTensor *rows = own ? vel_context_slice (ctx, times, term, group->n) : times;
    VelTensor *raw, *made = vel_denoiser_run (ctx, group->denoiser, x, sigma, rows, &raw);

    for (unsigned i = 0; i < group->n; i++, term++) {
      denoised[term] = vel_context_slice (ctx, made, i * self->batch, self->batch);
      raws[term] = vel_context_slice (ctx, raw, i * self->batch, self->batch);
    }
  }
  if (self->half)
    denoised[term] = vel_half_end (ctx, self->half, &raws[term]);
}

VelTensor *
vel_guidance_run (VelContext *ctx, VelGuidance *self, VelTensor *x, double sigma)
{
  g_autofree VelTensor **denoised = g_new (VelTensor *, self->n), **raws = g_new (VelTensor *, self->n);
  VelTensor *sum;

  vel_context_open (ctx);
  run_terms (ctx, self, x, sigma, denoised, raws);
  report (ctx, self, raws);
  sum = vel_op_combine (ctx, MIN (self->n, MOST_IN_SUM), self->weights, denoised);
  for (unsigned i = MOST_IN_SUM; i < self->n; i++)
    vel_op_combine_into (ctx, sum, 2, (double[]) { 1, self->weights[i] }, (VelTensor *[]) { sum, denoised[i] });
  return vel_context_close (ctx, sum);
}

const char *
vel_guidance_find_culprit (VelGuidance *self)
{
  const char *culprit = NULL;

  for (guint g = 0; g < self->groups->len && !culprit; g++)
    culprit = vel_denoiser_find_culprit (g_array_index (self->groups, Group, g).denoiser);
  return culprit || !self->half ? culprit : vel_half_find_culprit (self->half);
}
