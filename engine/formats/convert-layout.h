/* How a tensor of a model stands in a file of the original layout, where diffusers and transformers have it otherwise.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Text encoders that were OpenCLIP's (SDXL's second one, SD2's, known by their widths) have queries, keys and values in one matrix there, and
 * their projection transposed; the VAE's attention has 1x1 convolutions for matrices. */
#pragma once

#include "engine/formats/weights.h"

typedef struct {
  char *name;
  const char *parts[3]; /* tensors of the model whose rows follow one another */
  guint n_parts;
  gboolean transposed; /* a matrix, in itself */
  guint n_axes;
  const gint64 *axes; /* the tensor's, or these: */
  gint64 own_axes[4];
} VelWritten;

/* name: of the model's names. Returns: (transfer full); NULL for a tensor that goes along with another, or that the original does not have */
VelWritten *vel_written_new (VelWeights *weights, const char *name);
void vel_written_free (VelWritten *self);
