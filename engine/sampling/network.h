/* A network as sampling sees it: how its output is meant, and what it is told of the picture.
 * SPDX-License-Identifier: Apache-2.0
 * Karras et al. 2022, table 1; k-diffusion external.py DiscreteEpsDDPMDenoiser, DiscreteVDDPMDenoiser, without quantisation of t. */
#pragma once

#include "engine/models/family.h"
#include "engine/models/unet.h"
#include "plugins/plugin.h"

typedef struct VelControl VelControl; /* control.h */

/* A network and how its output is meant. */
typedef struct {
  const VelUNet *unet;
  VelPrediction prediction;
  const VelNoiseLevels *levels;
  gboolean nearest_time;      /* see VelRules */
  double scale;               /* of guidance, for networks that are told it */
  const VelControl *controls; /* [n_controls], of networks on the same device that add to what the UNet's first half makes */
  unsigned n_controls;
} VelNetwork;

/* denoised = skip x + out raw, at this noise level */
double vel_network_get_skip (const VelNetwork *self, double sigma);
double vel_network_get_out (const VelNetwork *self, double sigma);

/* What a picture is to be, for the network. Tensors of a device, in fp32; borrowed by whoever gets it. */
typedef struct {
  VelTensor *states; /* [1, T, C], of the text */
  VelTensor *vector; /* [1, V], pooled text and sizes; NULL where the network wants none */
  VelTensor *extra;  /* [1, h, w, k], what it reads beside the latent; NULL likewise */
  gboolean negative; /* what is to be avoided */
} VelCondition;

void vel_condition_clear (VelCondition *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VelCondition, vel_condition_clear)

/* One kind of tensor (a member's offset) of each condition, [n], one after the other, each for as many rows of `all`. */
void vel_conditions_fill (VelContext *ctx, VelTensor *all, unsigned n, const VelCondition *const *conditions, gsize member);
/* -> [batch, ...], of memory of its own. Returns: (transfer full); NULL if memory is short, which the context knows */
VelTensor *vel_conditions_stack (VelContext *ctx, unsigned n, const VelCondition *const *conditions, gsize member, gint64 batch,
                                 VelType type);
/* A tensor of memory of its own. Returns: likewise */
VelTensor *vel_network_tensor (VelContext *ctx, VelType type, VelShape shape);
