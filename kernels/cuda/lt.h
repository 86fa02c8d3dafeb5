/* Linear layers by cuBLASLt, which is loaded at run time if it is there.
 * SPDX-License-Identifier: Apache-2.0
 *
 * For each shape the library names some algorithms; each is timed on the card, and the best one is remembered, also on disk. */
#pragma once

#include "kernels/cuda/backend.cuh"

/* cache: (nullable) folder for what was tuned. Returns: NULL if there is no such library; then our own kernels do everything */
VelLt *vel_lt_open (VelBackend *backend, const char *cache);
void vel_lt_close (VelLt *self);
/* Returns: false if it can not do this one (gated, an activation, a shape it has no algorithm for) */
bool vel_lt_linear (VelBackend *backend, const VelLinearArgs *args);
