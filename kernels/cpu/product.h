/* A matrix times a packed weight, where the matrix may be the pixels under a convolution's taps.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/cpu/store.h"

/* Where row r of the matrix lies for each tap: writes pointers[tap * count + i], i < count, for the rows from `first`. */
typedef void (*VelRowFinder) (const void *data, size_t first, size_t count, const float **pointers);

typedef struct {
  VelBackend *backend;
  const VelPacked *weight;
  size_t rows;
  VelRowFinder find_rows;
  const void *data; /* of find_rows */
  VelStore store;
} VelProduct;

void vel_isa_product (const VelProduct *self);
