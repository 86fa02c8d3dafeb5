/* How a model and a picture are fitted into a device's memory.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What is free is looked at before each picture, and the first rung of a ladder that fits is taken:
 *   whole      everything is on the device at once, and stays for the next picture
 *   in turns   the text encoder leaves once it has spoken
 *   streamed   besides, weights of the UNet that find no room come from the host's memory for each use, the next one while one is used; on the last
 *              rung those of ControlNets too
 * The needs are estimates; when memory runs out nevertheless, the picture is painted again a rung further down (generate.c). What is painted is
 * decoded whole, then without the other networks on the device, then in strips (vae.h), then by the processor. */
#pragma once

#include "engine/models/family.h"
#include "engine/params.h"
#include "engine/pipeline/precision.h"

typedef struct {
  guint width, height; /* of the first pass; 0: the architecture's */
  gint64 batch;        /* 0: nothing is painted, only decoded */
  VelValues *request;  /* (nullable) may ask for a second pass, which is larger */
  guint n_controls;    /* networks beside the UNet, */
  guint64 controls, controls_held; /* bytes of their weights: that they take, and that they take on the device already */
} VelPictureSize;

/* In bytes. */
typedef struct {
  guint64 text, unet, vae;  /* weights, in the precision they are computed in */
  guint64 largest;          /* of the UNet's weights */
  guint64 painting;         /* intermediates of a step, with guidance */
  guint64 controls;         /* weights and intermediates of networks beside the UNet */
} VelMemoryNeeds;

typedef enum { VEL_FIT_WHOLE, VEL_FIT_IN_TURNS, VEL_FIT_STREAMED } VelFit;

typedef struct {
  guint rung; /* from 0, whole, to VEL_LAST_RUNG */
  VelFit fit;
  guint64 room; /* for weights of the UNet on the device */
} VelMemoryPlan;

/* Streamed with all the room there seems to be, with half of it, with none. */
#define VEL_LAST_RUNG 4

void vel_memory_needs_estimate (VelMemoryNeeds *self, VelWeights *weights, const VelArchitecture *architecture, VelPrecision precision,
                                VelPictureSize size);
/* free_bytes: what the device could give if it held nothing of this model; 0: not known, which is taken for enough. rung: none before it. */
void vel_memory_plan_choose (VelMemoryPlan *self, const VelMemoryNeeds *needs, guint64 free_bytes, guint rung);
/* For people. Returns: (transfer full) (nullable): NULL for whole */
char *vel_memory_plan_describe (const VelMemoryPlan *self, const VelMemoryNeeds *needs, const char *device);
