/* A model in another type and container.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/formats/weights.h"

typedef enum {
  VEL_CONVERT_FP32,
  VEL_CONVERT_FP16,
  VEL_CONVERT_BF16,
  VEL_CONVERT_FP8,  /* e4m3fn */
  VEL_CONVERT_Q8_0, /* the only one that is written as GGUF; the others are safetensors */
} VelConvertType;

typedef struct {
  VelConvertType type;
  const char *output;
  gboolean replace;                                  /* an existing file may be */
  const char *architecture;                          /* (nullable) for a GGUF's general.architecture */
  void (*progress) (double fraction, gpointer data); /* (nullable) */
  gpointer data;
} VelConvert;

/* Writes every tensor as the original layout has it (convert-layout.h), of a part alone without the prefix; metadata goes along. Floating numbers are rounded once, to nearest, ties to
 * even; others stay what they are, and so does what an 8-bit type would spoil: everything but matrices and kernels, and the VAE.
 * Scales of 8-bit weights are multiplied in.
 * Returns: FALSE with VEL_ERROR_NUMBERS naming a tensor that fp16 can not hold, VEL_ERROR_FORMAT, VEL_ERROR_STORAGE, G_IO_ERROR_EXISTS */
gboolean vel_convert (VelWeights *weights, const VelConvert *how, GCancellable *cancellable, GError **error);
