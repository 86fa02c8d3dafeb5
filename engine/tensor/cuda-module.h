/* The CUDA backend, which is a module of its own, so that the program starts where there is neither card nor driver.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#include "kernels/kernels.h"

/* Loaded at the first call and kept. Looked for where VELATURA_CUDA_MODULE says, else beside the program's other modules. Any thread.
 * Returns: (nullable) NULL with a sentence in `why` (transfer none) if there is no such module or it does not fit. */
const VelKernels *vel_cuda_module_get (const char **why);
