/* The safetensors container: a JSON header and raw little-endian tensors, memory-mapped.
 * SPDX-License-Identifier: Apache-2.0
 * https://github.com/huggingface/safetensors: header length in 8 bytes, at most 100 MB, no duplicate names, no overlaps or holes. */
#pragma once

#include "engine/formats/tensor-file-reader.h"

extern const VelContainer vel_safetensors_container;

/* Opens a file that is expected to be one, such as our own. As vel_tensor_file_open. */
VelTensorFile *vel_safetensors_open (const char *path, GCancellable *cancellable, GError **error);

/* Writes a file: temporary name, fsync, rename. Tensors in host memory. */
typedef struct {
  const char *name;
  VelType type;
  VelShape shape;
  const void *data;
} VelTensorOut;
gboolean vel_safetensors_write (const char *path, const VelTensorOut *tensors, gsize count, GHashTable *metadata, GError **error);
