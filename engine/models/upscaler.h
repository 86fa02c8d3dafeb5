/* A network that enlarges pictures, whatever its kind; recognised by its tensors' names and read from their shapes.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/models/layers.h"

typedef struct VelUpscaler VelUpscaler;

typedef struct {
  const char *kind; /* "ESRGAN", "ESRGAN+", "Compact" */
  unsigned scale;
  unsigned blocks; /* or layers */
  gint64 features;
  unsigned multiple; /* sides have to be multiples of this */
} VelUpscalerFacts;

/* Returns: FALSE with VEL_ERROR_FAMILY or without an error if it is no such network; weights: of any file */
gboolean vel_upscaler_look (VelWeights *weights, VelUpscalerFacts *facts, GError **error);
/* Returns: (transfer full); NULL with an error of the loader */
VelUpscaler *vel_upscaler_load (VelLoader *loader);
void vel_upscaler_free (VelUpscaler *self);
const VelUpscalerFacts *vel_upscaler_get_facts (const VelUpscaler *self);
/* x: [1, h, w, 3] fp32 in 0 … 1, both sides multiples of `multiple` -> [1, h scale, w scale, 3] fp32, not cut to that range */
VelTensor *vel_upscaler_forward (VelContext *ctx, const VelUpscaler *self, VelTensor *x);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelUpscaler, vel_upscaler_free)
