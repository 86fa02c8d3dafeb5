/* Layers over pictures that lie in the host's memory, some rows at a time on the device: for pictures larger than its memory.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Nothing is approximated: a strip comes with the rows around it that the convolution reads, and a norm's statistics are those of the whole
 * picture, summed on the host in double. Results differ from those of whole pictures by rounding alone. */
#pragma once

#include "engine/models/layers.h"

/* Where the work is done. */
typedef struct {
  guint64 room;       /* bytes of device memory that a strip may take, about */
  const char *folder; /* (nullable) pictures lie in nameless files there instead of in memory; the system writes out what it has no room for */
} VelStripPlace;

/* One picture: [height, width, channels] in host memory. */
typedef struct {
  VelType type;
  gint64 height, width, channels;
  gsize mapped; /* bytes of a file; 0: in memory */
  void *data;
} VelStripped;

/* x: [1, h, w, C]. Returns: (transfer full) (nullable): NULL if the context failed or memory, or the disk, is short */
VelStripped *vel_stripped_take (VelContext *ctx, VelTensor *x, const VelStripPlace *place);
void vel_stripped_free (VelStripped *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelStripped, vel_stripped_free)

typedef struct {
  const VelNorm *norm;         /* (nullable) the convolution reads SiLU (norm (x)) */
  const VelStripped *residual; /* (nullable) added, */
  const VelConv *skip;         /* (nullable) after this 1x1 convolution */
  gboolean doubled;            /* x is first enlarged to twice its sides, each pixel four times */
  gboolean halved;             /* 3x3 with stride 2, and padding right and below alone; sides are even */
} VelStripOptions;

/* 3x3 with padding 1, or 1x1. At least two rows are taken at a time. Returns: (transfer full) (nullable): NULL after an error of the context, or if x is NULL */
VelStripped *vel_stripped_conv (VelContext *ctx, const VelConv *conv, const VelStripped *x, VelStripOptions options, const VelStripPlace *place);
