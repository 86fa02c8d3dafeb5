/* The building blocks of every network: a layer is its packed weights, loaded by name, and one function.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/formats/weights.h"
#include "engine/tensor/context.h"

/* Loading one model: where weights come from, where they go, how far it is. Keeps the first error, as VelContext does: a network's
 * load function reads like its architecture and its caller looks once. */
typedef struct {
  VelWeights *weights;
  VelDevice *device;
  GCancellable *cancellable;                     /* (nullable) looked at before every layer */
  void (*progress) (double fraction, void *data); /* (nullable) share of the bytes packed so far */
  void *progress_data;
  guint64 bytes, total_bytes;
  gsize packed_bytes; /* device memory taken */
  GError *error;
} VelLoader;

typedef struct {
  VelPacked *weight;
  float *bias; /* [out], host, or NULL */
  gint64 in, out;
  VelDevice *device;
} VelLinear;

typedef struct {
  VelPacked *weight;
  float *bias;
  gint64 in, out, kernel;
  VelDevice *device;
} VelConv;

typedef struct {
  float *gamma, *beta; /* [channels] */
  gint64 channels;
  double eps;
} VelNorm;

/* name: without ".weight". in, out: -1 takes what is there. bias: whether the architecture has one. */
void vel_linear_load (VelLinear *self, VelLoader *loader, const char *name, gint64 in, gint64 out, gboolean bias);
/* Several layers over one input as one product; names: NULL-terminated. */
void vel_linear_load_stacked (VelLinear *self, VelLoader *loader, const char *const *names, gint64 in, gint64 out_each, gboolean bias);
/* GEGLU's projection: [2 out, in], value half then gate half; the layer's out is `out`. */
void vel_linear_load_gated (VelLinear *self, VelLoader *loader, const char *name, gint64 in, gint64 out);
void vel_linear_clear (VelLinear *self);
void vel_conv_load (VelConv *self, VelLoader *loader, const char *name, gint64 in, gint64 out, gint64 kernel);
void vel_conv_clear (VelConv *self);
void vel_norm_load (VelNorm *self, VelLoader *loader, const char *name, gint64 channels, double eps);
void vel_norm_clear (VelNorm *self);
/* printf into the loader's scratch: a name for the call it stands in. */
const char *vel_loader_name (VelLoader *loader, char *buffer, gsize size, const char *format, ...) G_GNUC_PRINTF (4, 5);
gboolean vel_loader_ok (VelLoader *loader);
