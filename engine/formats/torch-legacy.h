/* A checkpoint as torch.save wrote it before 1.6, and still does if asked: five pickles, then raw storages.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/formats/tensor-file-reader.h"

extern const VelContainer vel_torch_legacy_container;
/* Anything that begins as a pickle or as a tar archive does, to say what it is. */
extern const VelContainer vel_torch_other_container;
