/* The layers of the autoencoder, for those who run them: whole, in strips, or to see what they take.  SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "engine/models/vae.h"

#define VEL_VAE_CHANNELS 4 /* of latents */

typedef struct {
  VelNorm norm1;
  VelConv conv1; /* [out, in, 3, 3] */
  VelNorm norm2;
  VelConv conv2; /* [out, out, 3, 3] */
  VelConv skip;  /* [out, in, 1, 1], where in != out */
} VelVaeBlock;

/* One head over all pixels. */
typedef struct {
  VelNorm norm;
  VelLinear qkv; /* [3 C, C] */
  VelLinear out; /* [C, C] */
} VelVaeAttention;

typedef struct {
  VelVaeBlock in;
  VelVaeAttention attention;
  VelVaeBlock out;
} VelVaeMiddle;

typedef struct {
  unsigned n_blocks;
  VelVaeBlock *blocks;
  gboolean has_resample;
  VelConv resample; /* 3x3: stride 2 going down, after doubling going up */
} VelVaeLevel;

typedef struct {
  VelConv conv_in;
  unsigned n_levels;
  VelVaeLevel *levels; /* by the file's number: 0 is full size */
  VelVaeMiddle middle;
  VelNorm norm_out;
  VelConv conv_out;
} VelVaeCoder;

struct VelVae {
  VelType type; /* of activations */
  VelVaeCoder encoder, decoder;
  VelConv quant, post_quant; /* 1x1 */
  gboolean has_encoder;
};

/* x: [B, h, w, C] -> the same */
VelTensor *vel_vae_middle (VelContext *ctx, const VelVaeMiddle *self, VelTensor *x);
/* The first channels of each pixel: the mean of [mean, log variance]. */
VelTensor *vel_vae_take_mean (VelContext *ctx, VelTensor *moments);
