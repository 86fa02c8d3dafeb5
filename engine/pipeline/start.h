/* Where sampling starts: noise, or a picture with noise over it.
 * SPDX-License-Identifier: Apache-2.0
 * AUTOMATIC1111 1.10 modules/sd_samplers_common.py setup_img2img_steps. */
#pragma once

#include "engine/models/vae.h"
#include "engine/params.h"
#include "engine/pipeline/trace.h"
#include "engine/pixels/bitmap.h"
#include "engine/sampling/rules.h"
#include "plugins/plugin.h"

/* Which of the full run's sigmas are used. */
typedef struct {
  const double *sigmas; /* n_steps + 1, into the array that was handed in */
  unsigned n_steps;
  double noise_sigma;   /* of the start */
  double noise_scale;     /* of unit noise, where there is no picture below */
  double lowest, highest; /* where Brownian paths end, lowest above 0 */
} VelStart;

/* How far a picture is painted anew. */
typedef struct {
  unsigned steps;  /* asked for */
  double strength; /* < 0: from noise alone */
  gboolean exact;  /* where the rules let strength say how many of the steps are run: all of them are, of a run that is longer instead */
  double noise;    /* how many times the noise that belongs there lies over the picture, */
  double extra;    /* and how much of it besides, at any level: A1111's initial_noise_multiplier and img2img_extra_noise */
} VelReach;

/* How many steps the full run has of which those that are asked for are a part. */
unsigned vel_start_count (const VelRules *rules, VelReach reach);
/* sigmas: of the full run.  sigma_max: the network's. FALSE with VEL_ERROR_REQUEST if no step would be left. */
gboolean vel_start_plan (VelStart *self, const VelRules *rules, const VelSampler *sampler, GArray *sigmas, VelReach reach, double sigma_max,
                         GError **error);

/* RGB pixels as a scaled latent [1, h, w, 4] of its own memory.
 * Returns: (transfer full); NULL with VEL_ERROR_REQUEST, VEL_ERROR_MEMORY or cancelled */
VelTensor *vel_start_encode (VelContext *ctx, const VelVae *vae, const VelBitmap *image, double scale, GError **error);

/* latent: [1, h, w, C]. torch's bilinear interpolation, as A1111 stretches a start picture's latent.
 * Returns: (transfer full) [1, height, width, C]; NULL with VEL_ERROR_MEMORY or cancelled */
VelTensor *vel_start_stretch (VelContext *ctx, VelTensor *latent, gint64 height, gint64 width, GError **error);

/* x = latent + sigma * noise in the sampler's scale. noise, x: [B, h, w, 4]; latent: likewise, or [1, h, w, 4] for all pictures, or NULL. */
void vel_start_mix (VelContext *ctx, const VelStart *self, const VelSampler *sampler, VelTensor *x, VelTensor *noise, VelTensor *latent);
