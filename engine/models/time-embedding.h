/* What a timestep adds to the channels of every residual block of a network: a sinusoid, two layers, and a projection for each block.
 * SPDX-License-Identifier: Apache-2.0
 * ldm/modules/diffusionmodules/openaimodel.py UNetModel, time_embed, label_emb and emb_layers. */
#pragma once

#include "engine/models/layers.h"

typedef struct {
  VelType type; /* of the network's activations */
  gint64 channels, width, vector_width;
  VelLinear time_in, time_out;
  VelLinear guidance_in;           /* where it is told the scale of guidance */
  VelLinear vector_in, vector_out; /* where there is a label_emb */
  VelLinear shifts;                /* the projections of all residual blocks, [shift_width, width] */
  gint64 shift_width;              /* sum of their channels */
  GPtrArray *names;                /* of the projections, while loading */
} VelTimeEmbedding;

/* prefix: "model.diffusion_model." First this, then an _add for each residual block, then _load_shifts. channels: of the network. */
void vel_time_embedding_load (VelTimeEmbedding *self, VelLoader *loader, const char *prefix, gint64 channels);
/* name: of a block's projection, without ".weight". Returns: where its channels begin in a row of shifts */
gint64 vel_time_embedding_add (VelTimeEmbedding *self, VelLoader *loader, gint64 out, const char *name);
void vel_time_embedding_load_shifts (VelTimeEmbedding *self, VelLoader *loader);
void vel_time_embedding_clear (VelTimeEmbedding *self);

/* timesteps: [n] host, may be fractional.  vectors: (nullable) [m, vector_width], added to every time: pooled text and sizes of SDXL.
 * guidance: the scale, for networks that are told it instead of being guided (Meng et al. 2023; Luo et al. 2023); others do not read it.
 * -> [n * m, shift_width], m rows for each timestep (one without vectors) */
VelTensor *vel_time_embedding_run (VelContext *ctx, const VelTimeEmbedding *self, const float *timesteps, gint64 n, double guidance,
                                   VelTensor *vectors);
