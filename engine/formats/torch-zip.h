/* A checkpoint as torch.save writes it since 1.6: a zip archive of a pickle and raw storages.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Only what PyTorch writes: every member stored as it is, once, beside the others, under one folder. */
#pragma once

#include "engine/formats/tensor-file-reader.h"

extern const VelContainer vel_torch_zip_container;
