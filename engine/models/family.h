/* Model families: which networks a file holds and how they are to be used. A family is a table in family-<name>.c.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/models/clip.h"

typedef enum {
  VEL_PREDICTION_EPSILON,
  VEL_PREDICTION_V,
} VelPrediction;

/* By what a family is told from the others: a prefix of tensor names, and where that is not enough, what the text encoder's activation
 * is called in a folder's text_encoder/config.json; where that is not told, the UNet decides. */
typedef struct {
  const char *prefix, *hidden_act; /* hidden_act: (nullable) */
} VelMarker;

/* Numbers that go to the UNet beside the pooled text, each as a sinusoid of VEL_SIZE_CHANNELS channels. */
typedef enum {
  VEL_SIZE_END,
  VEL_SIZE_HEIGHT,
  VEL_SIZE_WIDTH,
  VEL_SIZE_CROP,  /* 0: nothing was cut off */
  VEL_SIZE_SCORE, /* how beautiful the picture is to be: 6, of what is to be avoided 2.5 */
} VelSizeNumber;

#define VEL_SIZE_CHANNELS 256
#define VEL_MAX_TEXTS 2

typedef struct {
  const char *id;            /* "sd1" */
  const char *label;         /* "Stable Diffusion 1" */
  VelMarker markers[2];      /* any of them; those of families further up in the list come first */
  VelTextUse text[VEL_MAX_TEXTS + 1]; /* text encoders whose states stand side by side; ends with a NULL prefix */
  VelSizeNumber sizes[7];
  gboolean zero_for_empty;   /* an empty negative prompt is zeros, not the states of no words */
  gint64 context_dim;        /* usual width of the text states that the UNet reads */
  gboolean matrices;         /* its transformers begin with a matrix, not a 1x1 convolution: what tells UNets of unusual width apart */
  gint64 unet_heads;         /* > 0: heads per attention; 0: unet_head_dim channels per head */
  gint64 unet_head_dim;
  double latent_scale;       /* latents = encoder mean * scale */
  guint clip_skip;           /* the usual one, A1111's numbering */
  gboolean (*predicts_v) (VelWeights *weights, gboolean *v); /* (nullable) for files that do not say it; FALSE: can not tell */
  guint width, height;       /* what the family was trained on */
  guint side_of_v;           /* where that was larger for those that predict v; 0: was not */
  gint64 vae_channels;       /* of the VAE the preview's matrix is for; a file with another one gets a matrix of its own, 0: always */
  double latent_to_rgb[5][3];/* preview: colour in 0..1 = sum over 4 channels of latent * row, + last row */
} VelFamily;

/* NULL-terminated */
const VelFamily *const *vel_family_get_all (void);
/* By all that is there; of a UNet alone by its shapes. (nullable) */
const VelFamily *vel_family_match (VelWeights *weights);

/* What the UNet reads beside the latent. */
typedef enum {
  VEL_EXTRA_NONE,
  VEL_EXTRA_MASK, /* 5 channels: what is to be painted, and the latent of all else (inpainting models) */
  VEL_EXTRA_EDIT, /* 4 channels: the latent of the picture to change (InstructPix2Pix, Brooks et al. 2023) */
} VelExtra;

/* Width of the text states that the UNet reads, by its shapes; 0 without one. */
gint64 vel_family_context_dim (VelWeights *weights);
/* Width of the sinusoids that go to the UNet beside the pooled text. */
gint64 vel_family_sizes_width (const VelFamily *self);

/* What the shapes say. */
typedef struct {
  const VelFamily *family;
  VelExtra extra;
  gint64 in_channels, out_channels, model_channels, context_dim;
  guint n_texts;                  /* text encoders that are there */
  gint64 text_width, text_layers; /* of all text encoders, side by side; of the first one */
  gint64 pooled_width, vector_width; /* of the pooled text, of that and the sizes; 0: none */
  gint64 vae_channels;
  unsigned n_levels;             /* of the UNet */
  guint width, height;           /* to paint at when nothing is said */
  gboolean told_guidance;        /* the network is told the scale and is not guided: consistency models */
  gboolean zero_terminal_snr;    /* trained up to pure noise: the file says so */
  VelPrediction prediction;
  const char *prediction_source; /* "option", "tensor", "metadata", "scheduler", "weights", "family" */
} VelArchitecture;

/* Of whatever parts are there; prediction_option: (nullable) "eps", "v". Returns FALSE without a UNet of a known family. */
gboolean vel_architecture_look (VelArchitecture *self, VelWeights *weights, const char *prediction_option);
/* Of a model that is complete. Returns FALSE with VEL_ERROR_FAMILY or VEL_ERROR_WEIGHT; where a part is missing, the sentence
 * names it and the option that gives it. */
gboolean vel_architecture_read (VelArchitecture *self, VelWeights *weights, const char *prediction_option, GError **error);
const char *vel_prediction_to_string (VelPrediction prediction); /* "eps", "v" */
