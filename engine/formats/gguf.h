/* The GGUF container of ggml's programs: typed metadata, then tensors, some of them in blocks of quantised numbers.
 * SPDX-License-Identifier: Apache-2.0
 * https://github.com/ggml-org/ggml/blob/master/docs/gguf.md */
#pragma once

#include "engine/formats/tensor-file-reader.h"

extern const VelContainer vel_gguf_container;
