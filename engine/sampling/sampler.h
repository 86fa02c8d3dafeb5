/* Runs a sampler plugin: the host it talks to.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/params.h"
#include "engine/sampling/guidance.h"
#include "engine/sampling/mask.h"
#include "engine/tensor/random.h"

/* finished: steps done, fewer than the run has until its end.  x: the latent now, in the sampler's own scale.  denoised: (nullable) the
 * last guess of the clean latent. */
typedef void (*VelStepFunc) (VelContext *ctx, unsigned finished, VelTensor *x, VelTensor *denoised, gpointer data);

/* What evaluates at this noise level, `now` or something that takes over from it. NULL after an error of the context. */
typedef VelGuidance *(*VelTurnFunc) (VelContext *ctx, double sigma, VelGuidance *now, gpointer data);

typedef struct {
  VelContext *ctx;
  VelGuidance *guidance;
  VelTurnFunc turn;    /* (nullable) asked before every evaluation */
  gpointer turn_data;
  const VelNoiseLevels *levels; /* of the network that begins */
  const VelMask *mask; /* (nullable) */
  gboolean mask_input; /* it acts on what the network sees, as if that had no noise: A1111's sd_samplers_timesteps.py */
  VelRandom *streams;  /* [batch], each picture's own; [1] where noise is drawn for all pictures together */
  gboolean together;
  VelRandomKind path_kind;   /* of Brownian paths, */
  const guint64 *path_seeds; /* [batch] or [1] */
  double sigma_low, sigma_high; /* ends of the Brownian paths: the lowest noise level above 0 and the highest of the full run */
  VelValues *request;  /* the sampler's params by name; those not set keep the sampler's own defaults */
  VelStepFunc step;    /* (nullable) called before the first step (finished = 0) and after each */
  gpointer step_data;
} VelSampling;

/* x: in, the start: latent + sigmas[0] * noise, or its variance-preserving form if the sampler says so; out, the end.
 * Returns FALSE if the context failed or was cancelled (ask vel_context_check). */
gboolean vel_sampler_run (const VelSampler *sampler, const VelSampling *sampling, VelTensor *x, const double *sigmas, unsigned n_steps);

/* One unit noise per picture of out [m n_streams, h, w, C], each drawn as [C, h, w]: from each stream in turn, m times. */
void vel_sampler_draw (VelContext *ctx, VelRandom *streams, guint n_streams, VelTensor *out);
/* The same for out [B, h, w, C], drawn at once from one stream. */
void vel_sampler_draw_together (VelContext *ctx, VelRandom *stream, VelTensor *out);
