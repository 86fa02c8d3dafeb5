/* Model families: which networks a file holds and how they are to be used. A family is a table in family-<name>.c.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/formats/weights.h"

typedef enum {
  VEL_PREDICTION_EPSILON,
  VEL_PREDICTION_V,
} VelPrediction;

typedef struct {
  const char *id;            /* "sd1" */
  const char *label;         /* "Stable Diffusion 1" */
  const char *marker;        /* a tensor name prefix that only this family has */
  gint64 unet_heads;         /* > 0: heads per attention; 0: unet_head_dim channels per head */
  gint64 unet_head_dim;
  double latent_scale;       /* latents = encoder mean * scale */
  guint clip_skip;           /* the usual one, A1111's numbering */
  guint width, height;       /* what the family was trained on */
  gint64 vae_channels;       /* of the VAE the preview's matrix is for; a file with another one gets a matrix of its own */
  double latent_to_rgb[5][3];/* preview: colour in 0..1 = sum over 4 channels of latent * row, + last row */
} VelFamily;

/* (nullable) */
const VelFamily *vel_family_match (VelWeights *weights);

/* What the shapes say. */
typedef struct {
  const VelFamily *family;
  gint64 in_channels, out_channels, model_channels, context_dim;
  gint64 text_width, text_layers, vae_channels;
  unsigned n_levels;             /* of the UNet */
  guint width, height;           /* to paint at when nothing is said */
  VelPrediction prediction;
  const char *prediction_source; /* "option", "tensor", "metadata", "scheduler", "family" */
} VelArchitecture;

/* prediction_option: (nullable) "eps", "v". Returns FALSE with VEL_ERROR_FAMILY or VEL_ERROR_WEIGHT. */
gboolean vel_architecture_read (VelArchitecture *self, VelWeights *weights, const char *prediction_option, GError **error);
const char *vel_prediction_to_string (VelPrediction prediction); /* "eps", "v" */
