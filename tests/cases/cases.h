/* Ops on many shapes: each case makes its inputs by a formula, runs on any table and names its error bound.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/kernels.h"

/* Where a case runs. Inputs are rounded to `rounding` before anything else, so that a plain table in fp32 can judge one that computes in 16
 * bits from the same numbers. */
typedef struct {
  const VelKernels *kernels;
  VelBackend *backend;
  VelType type;     /* of activations */
  VelType rounding; /* of all inputs; VEL_F32: as they are */
} VelCaseTarget;

typedef struct {
  char name[160];
  double bound;       /* relative L2 against the reference in fp32; the largest difference over the largest value may be ten times that */
  unsigned features;  /* VelFeatures that the table must have */
  bool fp32_only;     /* says its types itself */
  size_t count;       /* elements of the result */
  const void *shape;
  void (*run) (const void *shape, const VelCaseTarget *target, float *out); /* [count], in host memory */
} VelCase;

typedef void (*VelCaseVisit) (const VelCase *self, void *data);

void vel_cases_linear (VelCaseVisit visit, void *data);
void vel_cases_conv (VelCaseVisit visit, void *data);
void vel_cases_attention (VelCaseVisit visit, void *data);
void vel_cases_norm (VelCaseVisit visit, void *data);
void vel_cases_elementwise (VelCaseVisit visit, void *data);
void vel_cases_layout (VelCaseVisit visit, void *data);
void vel_cases_merge (VelCaseVisit visit, void *data);

/* n numbers around 0 with standard deviation `scale`, the same for the same seed, in host memory; free with free. */
float *vel_case_values (size_t n, unsigned seed, double scale);
/* The same numbers, rounded, as fp32, fp16 or bf16: a weight of a file. In host memory; free with free. */
void *vel_case_weight (const VelCaseTarget *target, size_t n, VelType type, unsigned seed, double scale);

/* The same in device memory; vel_case_free frees. An input in the target's type; a table of floats. */
void *vel_case_input (const VelCaseTarget *target, size_t n, unsigned seed, double scale);
void *vel_case_input_of (const VelCaseTarget *target, size_t n, const float *values);
float *vel_case_table (const VelCaseTarget *target, size_t n, unsigned seed, double scale);
void vel_case_free (const VelCaseTarget *target, const void *memory);

/* Room for n results with guards around it; `start`: (nullable) [n], what is there before, else nothing that could be a result. */
void *vel_case_result (const VelCaseTarget *target, size_t n, const float *start);
/* Looks at the guards, fetches the result as floats and frees it. */
void vel_case_take (const VelCaseTarget *target, void *result, size_t n, float *out);
const char *vel_case_type_name (VelType type);
