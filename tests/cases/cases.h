/* Ops on many shapes: each case makes its inputs by a formula, runs on any table and names its error bound.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/kernels.h"

typedef struct {
  char name[160];
  double bound; /* relative L2 against the reference; the largest difference over the largest value may be ten times that */
  size_t count; /* elements of the result */
  const void *shape;
  void (*run) (const void *shape, const VelKernels *kernels, VelBackend *backend, float *out); /* [count] */
} VelCase;

typedef void (*VelCaseVisit) (const VelCase *self, void *data);

void vel_cases_linear (VelCaseVisit visit, void *data);
void vel_cases_conv (VelCaseVisit visit, void *data);
void vel_cases_attention (VelCaseVisit visit, void *data);
void vel_cases_norm (VelCaseVisit visit, void *data);
void vel_cases_elementwise (VelCaseVisit visit, void *data);
void vel_cases_layout (VelCaseVisit visit, void *data);

/* n numbers around 0 with standard deviation `scale`, the same for the same seed; free with free. */
float *vel_case_values (size_t n, unsigned seed, double scale);
/* The same numbers as fp32, fp16 or bf16. */
void *vel_case_weight (size_t n, VelType type, unsigned seed, double scale);
const char *vel_case_type_name (VelType type);
