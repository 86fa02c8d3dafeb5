/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/cases/cases.h"

#include <math.h>
#include <stdio.h>

typedef struct {
  size_t batch, heads, head_dim, rows, keys;
  bool causal, stacked; /* stacked: q, k and v are columns of one matrix */
  double sharpness;     /* of the softmax: size of q; 0: 1 */
} Shape;

static const Shape shapes[] = {
  { 1, 1, 1, 1, 1 },
  { 1, 1, 4, 1, 3 },
  { 1, 2, 40, 50, 77 },
  { 2, 3, 8, 17, 17, false, true },
  { 3, 2, 12, 33, 77 },
  { 1, 12, 64, 77, 77, true, true },
  { 2, 2, 64, 77, 77, true },
  { 1, 1, 32, 600, 600, true },
  { 2, 8, 40, 256, 256, false, true },
  { 1, 2, 80, 100, 1025 },
  { 1, 2, 160, 64, 300, false, true },
  { 1, 2, 160, 10, 77 },
  { 1, 1, 512, 130, 257 },
  { 1, 2, 40, 64, 1030, false, false, 30 },
  { 1, 3, 13, 49, 513, false, false, 8 },
  { 1, 1, 7, 5, 1200, false, false, 100 },
};

static void
run (const void *data, const VelCaseTarget *target, float *out)
{
  const Shape *shape = data;
  size_t width = shape->heads * shape->head_dim, stride = shape->stacked ? 3 * width : width;
  size_t tokens = shape->stacked && shape->keys > shape->rows ? shape->keys : shape->rows;
  size_t count = shape->batch * shape->rows * width, keys = shape->batch * shape->keys * stride;
  char *q = vel_case_input (target, shape->batch * tokens * stride, 1, shape->sharpness > 0 ? shape->sharpness : 1);
  char *k = shape->stacked ? q + width * vel_type_size (target->type) : vel_case_input (target, keys, 2, 1);
  char *v = shape->stacked ? q + 2 * width * vel_type_size (target->type) : vel_case_input (target, keys, 3, 1);
  void *result = vel_case_result (target, count, NULL);

  target->kernels->attention (target->backend, &(VelAttentionArgs){
                                                   .type = target->type,
                                                   .batch = shape->batch,
                                                   .heads = shape->heads,
                                                   .head_dim = shape->head_dim,
                                                   .rows = shape->rows,
                                                   .keys = shape->keys,
                                                   .scale = 1 / sqrt ((double) shape->head_dim),
                                                   .causal = shape->causal,
                                                   .q = q,
                                                   .k = k,
                                                   .v = v,
                                                   .q_stride = stride,
                                                   .k_stride = stride,
                                                   .v_stride = stride,
                                                   .out = result,
                                               });
  vel_case_take (target, result, count, out);
  vel_case_free (target, q);
  if (!shape->stacked) {
    vel_case_free (target, k);
    vel_case_free (target, v);
  }
}

void
vel_cases_attention (VelCaseVisit visit, void *data)
{
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    const Shape *shape = &shapes[i];
    /* A score rounds by its size times 6e-8, and e^ passes that on. */
    VelCase self = { .bound = shape->sharpness > 1 ? 2e-6 * shape->sharpness : 2e-6, .shape = shape, .run = run };

    self.count = shape->batch * shape->rows * shape->heads * shape->head_dim;
    snprintf (self.name, sizeof self.name, "attention batch %zu heads %zux%zu rows %zu keys %zu%s%s sharpness %g", shape->batch,
              shape->heads, shape->head_dim, shape->rows, shape->keys, shape->causal ? " causal" : "", shape->stacked ? " stacked" : "",
              shape->sharpness);
    visit (&self, data);
  }
}
