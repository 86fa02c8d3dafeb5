/* The host side of the sampler plugins.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/sampling/sampler.h"

#include <math.h>
#include <string.h>

#include "engine/sampling/brownian.h"
#include "engine/sampling/planes.h"
#include "engine/sampling/plugin-params.h"

struct VelRun {
  const VelSampler *sampler;
  const VelSampling *sampling;
  VelGuidance *guidance;
  VelTensor *x;        /* what the sampler moves */
  VelTensor *denoised; /* the last guess */
  unsigned n_steps;
  unsigned started;    /* steps begun */
  VelTensor *noises;   /* [n B, h, w, C]: of this step and of those to come, sent to the device at once; NULL before the first is asked for */
  gint64 taken;        /* of them, in pictures */
};

#define NOISES_BYTES ((gint64) 64 << 20) /* at most at once */

typedef struct {
  VelRandom *streams;
  guint n;
} Streams;

static void
fill_from_stream (gpointer data, gint64 picture, float *planes, gsize count)
{
  const Streams *all = data;

  vel_random_normal (&all->streams[picture % all->n], planes, count);
}

void
vel_sampler_draw (VelContext *ctx, VelRandom *streams, guint n_streams, VelTensor *out)
{
  vel_planes_fill (ctx, out, FALSE, fill_from_stream, &(Streams) { streams, n_streams });
}

void
vel_sampler_draw_together (VelContext *ctx, VelRandom *stream, VelTensor *out)
{
  vel_planes_fill (ctx, out, TRUE, fill_from_stream, &(Streams) { stream, 1 });
}

static VelTensor *
host_new_like (VelRun *run, const VelTensor *x)
{
  return vel_context_tensor (run->sampling->ctx, x->type, x->shape);
}

static void
report (VelRun *run, unsigned finished)
{
  const VelSampling *sampling = run->sampling;

  if (sampling->step && vel_context_ok (sampling->ctx))
    sampling->step (sampling->ctx, finished, run->x, finished ? run->denoised : NULL, sampling->step_data);
}

/* The network works on latent + sigma * noise; a variance-preserving sampler's x is that over sqrt (1 + sigma^2). */
static VelTensor *
exploding (VelRun *run, VelTensor *x, double sigma)
{
  if (!(run->sampler->flags & VEL_SAMPLER_VARIANCE_PRESERVING))
    return x;
  return vel_op_combine (run->sampling->ctx, 1, (double[]) { sqrt (1 + sigma * sigma) }, &x);
}

/* What the network makes of x, held still where the mask says so. */
static VelTensor *
denoise_over_mask (VelRun *run, VelTensor *x, double sigma)
{
  VelTensor *denoised = vel_guidance_run (run->sampling->ctx, run->guidance, exploding (run, x, sigma), sigma);

  if (run->sampling->mask)
    vel_mask_apply (run->sampling->ctx, run->sampling->mask, denoised, sigma);
  return denoised;
}

/* What the network makes of a copy of x in which the mask holds still; the noise it sees there is then taken out of x itself. Levels are
 * timesteps to such samplers. */
static VelTensor *
denoise_under_mask (VelRun *run, VelTensor *x, double sigma)
{
  VelContext *ctx = run->sampling->ctx;
  double time = run->sampling->levels->sigma_to_t (run->sampling->levels->model, sigma);
  VelTensor *seen = vel_op_combine (ctx, 1, (double[]) { 1 }, &x), *own = exploding (run, x, sigma), *denoised;

  vel_mask_apply (ctx, run->sampling->mask, seen, time);
  seen = exploding (run, seen, sigma);
  denoised = vel_guidance_run (ctx, run->guidance, seen, sigma);
  return vel_op_combine (ctx, 3, (double[]) { 1, 1, -1 }, (VelTensor *[]) { denoised, own, seen });
}

static bool
host_denoise (VelRun *run, VelTensor *out, VelTensor *x, double sigma)
{
  VelContext *ctx = run->sampling->ctx;
  VelTensor *denoised;

  if (x == run->x && run->started < run->n_steps) /* of a sampler with steps of its own those beyond pass in silence */
    report (run, run->started++);
  if (run->sampling->turn)
    run->guidance = run->sampling->turn (ctx, sigma, run->guidance, run->sampling->turn_data);
  if (!vel_context_ok (ctx))
    return false;
  vel_guidance_set_step (run->guidance, MAX (run->started, 1) - 1, run->n_steps);
  vel_context_open (ctx);
  denoised = run->sampling->mask && run->sampling->mask_input ? denoise_under_mask (run, x, sigma) : denoise_over_mask (run, x, sigma);
  vel_op_combine_into (ctx, out, 1, (double[]) { 1 }, &denoised);
  vel_op_combine_into (ctx, run->denoised, 1, (double[]) { 1 }, &denoised);
  vel_context_close (ctx, NULL);
  return vel_context_ok (ctx);
}

static void
host_combine (VelRun *run, VelTensor *out, unsigned n, const double *weights, VelTensor *const *terms)
{
  vel_op_combine_into (run->sampling->ctx, out, n, weights, terms);
}

/* One noise for each step that is left, as far as there is room: so a step waits for no upload. Draws come in the order of the steps, and
 * nobody draws from the streams afterwards, so those that are not used change nothing. */
static void
draw_ahead (VelRun *run)
{
  VelShape shape = run->x->shape;
  gint64 left = 1 + (run->n_steps - MIN (run->started, run->n_steps));

  vel_context_drop (run->sampling->ctx, run->noises);
  left = CLAMP (NOISES_BYTES / (gint64) run->x->bytes, 1, left);
  shape.size[0] *= left;
  run->noises = vel_context_tensor (run->sampling->ctx, VEL_F32, shape);
  run->taken = 0;
  if (!run->sampling->together) {
    vel_sampler_draw (run->sampling->ctx, run->sampling->streams, (guint) run->x->shape.size[0], run->noises);
    return;
  }
  for (gint64 i = 0; i < left; i++)
    vel_sampler_draw_together (run->sampling->ctx, run->sampling->streams,
                               vel_context_slice (run->sampling->ctx, run->noises, i * run->x->shape.size[0], run->x->shape.size[0]));
}

static void
host_noise (VelRun *run, VelTensor *out)
{
  VelContext *ctx = run->sampling->ctx;
  gint64 batch = run->x->shape.size[0];

  if (!run->noises || run->taken == run->noises->shape.size[0])
    draw_ahead (run);
  vel_context_open (ctx);
  vel_op_combine_into (ctx, out, 1, (double[]) { 1 }, (VelTensor *[]) { vel_context_slice (ctx, run->noises, run->taken, batch) });
  vel_context_close (ctx, NULL);
  run->taken += batch;
}

static double
host_param (VelRun *run, const char *name)
{
  for (const VelPluginParam *param = run->sampler->params; param && param->name; param++)
    if (strcmp (param->name, name) == 0)
      return vel_plugin_param_get (param, run->sampling->request);
  return 0;
}

/* A step that asks for its path's increment. */
typedef struct {
  const VelSampling *sampling;
  double from, to;
} Stride;

static void
fill_from_path (gpointer data, gint64 picture, float *planes, gsize count)
{
  const Stride *stride = data;
  const VelSampling *sampling = stride->sampling;
  VelBrownian path;

  vel_brownian_init (&path, sampling->path_kind, sampling->path_seeds[picture], sampling->sigma_low, sampling->sigma_high);
  vel_brownian_step (&path, stride->from, stride->to, planes, count);
}

static void
host_brownian (VelRun *run, VelTensor *out, double sigma_from, double sigma_to)
{
  Stride stride = { run->sampling, sigma_from, sigma_to };

  vel_planes_fill (run->sampling->ctx, out, run->sampling->together, fill_from_path, &stride);
}

static double
host_distance (VelRun *run, const VelTensor *a, const VelTensor *b, const VelTensor *before, double absolute, double relative)
{
  gsize count = (gsize) vel_shape_count (a->shape);
  g_autofree float *values = g_new (float, 3 * count);
  const VelTensor *const tensors[] = { a, b, before };
  double sum = 0;

  if (!vel_context_ok (run->sampling->ctx))
    return 0;
  for (gsize k = 0; k < G_N_ELEMENTS (tensors); k++)
    vel_tensor_download (tensors[k], values + k * count);
  for (gsize i = 0; i < count; i++) {
    double larger = fmax (fabsf (values[i]), fabsf (values[2 * count + i]));
    double difference = ((double) values[i] - values[count + i]) / fmax (absolute, relative * larger);

    sum += difference * difference;
  }
  return sqrt (sum / (double) count);
}

static double
host_sigma_to_t (VelRun *run, double sigma)
{
  const VelNoiseLevels *levels = run->sampling->levels;

  return sigma > 0 ? levels->sigma_to_t (levels->model, sigma) : 0;
}

static double
host_t_to_sigma (VelRun *run, double t)
{
  return run->sampling->levels->t_to_sigma (run->sampling->levels->model, t);
}

static const VelSamplerHost host = {
  .abi = VEL_PLUGIN_ABI,
  .new_like = host_new_like,
  .denoise = host_denoise,
  .combine = host_combine,
  .noise = host_noise,
  .param = host_param,
  .brownian = host_brownian,
  .distance = host_distance,
  .sigma_to_t = host_sigma_to_t,
  .t_to_sigma = host_t_to_sigma,
};

gboolean
vel_sampler_run (const VelSampler *sampler, const VelSampling *sampling, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  VelRun run = { .sampler = sampler, .sampling = sampling, .guidance = sampling->guidance, .x = x, .n_steps = n_steps };
  gboolean ok;

  vel_context_open (sampling->ctx);
  run.denoised = vel_context_tensor (sampling->ctx, x->type, x->shape);
  ok = sampler->run (&host, &run, x, sigmas, n_steps) && vel_context_ok (sampling->ctx);
  if (ok)
    report (&run, n_steps);
  vel_context_close (sampling->ctx, NULL);
  return ok;
}
