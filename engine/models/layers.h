/* The building blocks of every network: a layer is its packed weights, loaded by name, and one function.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/formats/weights.h"
#include "engine/models/slots.h"
#include "engine/tensor/ops.h"

/* Of every group norm of these networks. */
#define VEL_NORM_GROUPS 32

/* Loading one model: where weights come from, where they go, how far it is. Keeps the first error, as VelContext does: a network's
 * load function reads like its architecture and its caller looks once. */
typedef struct {
  VelWeights *weights;
  VelDevice *device;
  VelType compute;                                /* of the activations of the network that is being loaded */
  GCancellable *cancellable;                      /* (nullable) looked at before every tensor */
  void (*progress) (double fraction, void *data); /* (nullable) share of the bytes packed so far */
  void *progress_data;
  guint64 bytes, total_bytes;
  gsize packed_bytes; /* device memory taken */
  gboolean limited;   /* weights that would take more than `room` lie outside (VEL_FEATURE_OUTSIDE) */
  guint64 room;       /* bytes from now on */
  VelSlots *slots;    /* (nullable) learns of every weight and table */
  GError *error;
} VelLoader;

/* True while nothing failed and nobody cancelled. */
gboolean vel_loader_ok (VelLoader *self);
/* A tensor of any storage type as floats in host memory. shape: -1 fits any size. Returns: (transfer full) (nullable): NULL after an
 * error */
float *vel_loader_floats (VelLoader *self, const char *name, VelShape shape);
/* The same as a table in device memory, [count]; and one that holds one number everywhere. The caller frees them by the device's table.
 * Return: (nullable) NULL after an error */
float *vel_loader_table (VelLoader *self, gint64 count, const char *format, ...) G_GNUC_PRINTF (3, 4);
float *vel_loader_fill (VelLoader *self, gint64 count, float value);
/* Notes the error if there is no tensor of this name and shape. */
void vel_loader_expect (VelLoader *self, VelShape shape, const char *format, ...) G_GNUC_PRINTF (3, 4);
/* Is there a tensor of this name? */
gboolean vel_loader_has (VelLoader *self, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* One more than the largest N for which a name starts with "<prefix>N."; 0 if there is none. */
unsigned vel_loader_count (VelLoader *self, const char *prefix);
/* Size of one axis of a tensor that has that many axes, or 0. */
gint64 vel_loader_size (VelLoader *self, unsigned axis, const char *format, ...) G_GNUC_PRINTF (3, 4);

/* The tables of a layer (bias, gamma, beta) are floats in device memory. */
typedef struct {
  const char *name; /* in the file, without ".weight" */
  VelDevice *device;
  VelPacked *weight; /* [out, in] */
  float *bias;       /* [out] or NULL */
  gint64 in, out;
} VelLinear;

typedef struct {
  const char *name;
  VelDevice *device;
  VelPacked *weight; /* [out, in, kernel, kernel] */
  float *bias;       /* [out] */
  gint64 in, out, kernel;
} VelConv;

typedef struct {
  const char *name;
  VelDevice *device;
  float *gamma, *beta; /* [channels] */
  gint64 channels;
  double eps;
} VelNorm;

/* format: the name without ".weight" (one that ends in "_" is completed without a dot), printf-like. in, out: -1 takes what is there. */
void vel_linear_load (VelLinear *self, VelLoader *loader, gint64 in, gint64 out, gboolean bias, const char *format, ...) G_GNUC_PRINTF (6, 7);
/* Layers over one input as one product, in the order of the names (without ".weight"). */
void vel_linear_load_parts (VelLinear *self, VelLoader *loader, const char *const *names, unsigned n, gint64 in);
/* The same for layers of one size whose names are the formatted prefix and a leaf each (space separated). */
void vel_linear_load_stacked (VelLinear *self, VelLoader *loader, gint64 in, gint64 out_each, gboolean bias, const char *leaves,
                              const char *format, ...) G_GNUC_PRINTF (7, 8);
/* GEGLU's projection: [2 out, in], value half then gate half. */
void vel_linear_load_gated (VelLinear *self, VelLoader *loader, gint64 in, gint64 out, const char *format, ...) G_GNUC_PRINTF (5, 6);
void vel_conv_load (VelConv *self, VelLoader *loader, gint64 in, gint64 out, gint64 kernel, const char *format, ...) G_GNUC_PRINTF (6, 7);
void vel_norm_load (VelNorm *self, VelLoader *loader, gint64 channels, double eps, const char *format, ...) G_GNUC_PRINTF (5, 6);
void vel_linear_clear (VelLinear *self);
void vel_conv_clear (VelConv *self);
void vel_norm_clear (VelNorm *self);

/* x: [..., in] -> [..., out].  residual: (nullable) added. */
VelTensor *vel_linear (VelContext *ctx, const VelLinear *self, VelTensor *x, VelActivation activation, VelTensor *residual);
/* 3x3 with padding 1, 1x1 without: same height and width. residual: (nullable), see vel_op_conv.
 * Where a context's edges meet, padding that is alike on both sides is the picture's other end, as torch's padding_mode "circular" has it;
 * padding on one side alone, which the programs do apart from the convolution, stays zeros. */
VelTensor *vel_conv (VelContext *ctx, const VelConv *self, VelTensor *x, VelTensor *residual);
/* The same, plus shifts[.., offset .. offset + out) at every pixel, see vel_op_conv's embedding. */
VelTensor *vel_conv_shifted (VelContext *ctx, const VelConv *self, VelTensor *x, VelTensor *shifts, gint64 offset);
VelTensor *vel_conv_with (VelContext *ctx, const VelConv *self, VelTensor *x, VelConvOptions options);
VelTensor *vel_group_norm (VelContext *ctx, const VelNorm *self, VelTensor *x, gboolean silu);
/* x2: (nullable) channels that follow those of x */
VelTensor *vel_group_norm_two (VelContext *ctx, const VelNorm *self, VelTensor *x, VelTensor *x2, gboolean silu);
VelTensor *vel_layer_norm (VelContext *ctx, const VelNorm *self, VelTensor *x);
