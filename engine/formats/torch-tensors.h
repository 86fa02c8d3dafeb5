/* From a checkpoint's pickle to named tensors, for both of PyTorch's containers.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What was saved is often a dict of tensors; a trainer's file has one under "state_dict" beside everything else; others nest dicts and
 * lists. A tensor's name is the path to it, with dots ("string_to_param.*"), without "state_dict." where that is the model. Texts and
 * numbers at the top are metadata. */
#pragma once

#include "engine/formats/pickle.h"
#include "engine/formats/tensor-file-reader.h"

/* Finds a storage's bytes by its key. Returns: FALSE if the container has none */
typedef gboolean (*VelTorchFind) (gpointer container, const VelPickleValue *key, const guint8 **data, guint64 *bytes);

/* Checks every tensor against its storage, and adds it. Returns: FALSE with the error of vel_tensor_file_damaged */
gboolean vel_torch_add_tensors (VelTensorFile *file, const VelPickleValue *root, VelTorchFind find, gpointer container,
                                GCancellable *cancellable, GError **error);
