/* Where sampling starts: noise, or a picture with noise over it.
 * SPDX-License-Identifier: Apache-2.0
 * AUTOMATIC1111 1.10 modules/sd_samplers_common.py setup_img2img_steps. */
#pragma once

#include "engine/models/vae.h"
#include "engine/params.h"
#include "engine/pipeline/trace.h"
#include "plugins/plugin.h"

/* Which of the full run's sigmas are used. */
typedef struct {
  const double *sigmas; /* n_steps + 1, into the array that was handed in */
  unsigned n_steps;
  double noise_sigma;   /* of the start */
  double lowest, highest; /* of the full run, lowest above 0 */
} VelStart;

/* sigmas: of the full run. strength: < 0 for noise alone. FALSE with VEL_ERROR_REQUEST if no step would be left. */
gboolean vel_start_plan (VelStart *self, const VelSampler *sampler, GArray *sigmas, double strength, GError **error);

/* The picture at `path`, which must be width x height, as a scaled latent [1, h, w, 4] of its own memory.
 * Returns: (transfer full); NULL with VEL_ERROR_REQUEST, VEL_ERROR_FORMAT, VEL_ERROR_MEMORY or cancelled */
VelTensor *vel_start_encode (VelContext *ctx, const VelVae *vae, const char *path, guint width, guint height, double scale, GError **error);

/* x = latent + sigma * noise in the sampler's scale. noise, x: [B, h, w, 4]; latent: [1, h, w, 4] for all pictures, or NULL. */
void vel_start_mix (VelContext *ctx, const VelStart *self, const VelSampler *sampler, VelTensor *x, VelTensor *noise, VelTensor *latent);
