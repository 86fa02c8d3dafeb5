/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/cases/cases.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PLAIN = 0, BIAS = 1, RESIDUAL = 2, IN_PLACE = 4, GATED = 8 };

typedef struct {
  size_t rows, in, parts[3]; /* 0: no such part */
  VelType types[3];
  unsigned flags;
  VelActivation activation;
} Shape;

static const Shape shapes[] = {
  { 1, 1, { 1 } },
  { 1, 1, { 1 }, { VEL_F16 }, BIAS },
  { 1, 320, { 1280 }, { VEL_F16 }, BIAS, VEL_ACTIVATION_SILU },
  { 2, 1280, { 320 }, { VEL_BF16 }, BIAS },
  { 3, 7, { 5 }, { VEL_F32 }, BIAS | RESIDUAL },
  { 5, 383, { 17 }, { VEL_F16 }, BIAS },
  { 6, 384, { 16 }, { VEL_F16 }, PLAIN },
  { 7, 385, { 33 }, { VEL_BF16 }, BIAS | RESIDUAL | IN_PLACE },
  { 11, 1023, { 40 }, { VEL_F32 }, RESIDUAL },
  { 77, 768, { 768, 768, 768 }, { VEL_F16, VEL_F16, VEL_F16 }, BIAS },
  { 77, 64, { 24, 1, 31 }, { VEL_F16, VEL_F32, VEL_BF16 }, BIAS },
  { 77, 96, { 100 }, { VEL_F16 }, BIAS, VEL_ACTIVATION_QUICK_GELU },
  { 50, 96, { 100 }, { VEL_F16 }, BIAS | RESIDUAL, VEL_ACTIVATION_GELU },
  { 191, 40, { 48 }, { VEL_F16 }, BIAS },
  { 193, 48, { 40 }, { VEL_F32 }, BIAS | RESIDUAL | IN_PLACE },
  { 400, 800, { 24 }, { VEL_F16 }, BIAS | RESIDUAL | IN_PLACE },
  { 1025, 20, { 9 }, { VEL_BF16 }, BIAS },
  { 1, 3, { 2 }, { VEL_F32 }, GATED | BIAS },
  { 4, 33, { 20 }, { VEL_F16 }, GATED },
  { 13, 64, { 13, 13 }, { VEL_BF16, VEL_F16 }, GATED | BIAS },
  { 64, 400, { 512 }, { VEL_F16 }, GATED | BIAS },
  { 200, 72, { 256 }, { VEL_F16 }, GATED | BIAS | RESIDUAL },
  { 140, 200, { 84 }, { VEL_BF16 }, GATED },
  { 300, 40, { 30 }, { VEL_F32 }, GATED | BIAS | RESIDUAL },
};

static void
run (const void *data, const VelCaseTarget *target, float *out)
{
  const VelKernels *kernels = target->kernels;
  const Shape *shape = data;
  VelWeightRows parts[3];
  size_t packed_rows = 0, count;
  unsigned n_parts = 0;
  VelPacked *weight;
  void *x = vel_case_input (target, shape->rows * shape->in, 1, 1), *residual, *result;
  float *bias, *start;

  for (; n_parts < 3 && shape->parts[n_parts] > 0; n_parts++) {
    size_t n = shape->parts[n_parts];

    parts[n_parts]
        = (VelWeightRows){ vel_case_weight (target, n * shape->in, shape->types[n_parts], 2 + n_parts, 1 / sqrt ((double) shape->in)),
                           shape->types[n_parts], n };
    packed_rows += n;
  }
  count = shape->rows * (shape->flags & GATED ? packed_rows / 2 : packed_rows);
  weight = kernels->pack_linear (target->backend, &(VelPackLinear){ shape->in, n_parts, parts, shape->flags & GATED, target->type });
  bias = vel_case_table (target, packed_rows, 7, 0.5);
  start = vel_case_values (count, 8, 1);
  residual = vel_case_input_of (target, count, start);
  result = vel_case_result (target, count, shape->flags & IN_PLACE ? start : NULL);
  kernels->linear (target->backend, &(VelLinearArgs){
                                        .type = target->type,
                                        .rows = shape->rows,
                                        .weight = weight,
                                        .x = x,
                                        .bias = shape->flags & BIAS ? bias : NULL,
                                        .activation = shape->activation,
                                        .residual = shape->flags & IN_PLACE   ? result
                                                    : shape->flags & RESIDUAL ? residual
                                                                              : NULL,
                                        .out = result,
                                    });
  vel_case_take (target, result, count, out);
  kernels->unpack (target->backend, weight);
  for (unsigned i = 0; i < n_parts; i++)
    free ((void *) parts[i].data);
  free (start);
  vel_case_free (target, x);
  vel_case_free (target, bias);
  vel_case_free (target, residual);
}

void
vel_cases_linear (VelCaseVisit visit, void *data)
{
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    const Shape *shape = &shapes[i];
    size_t out = shape->parts[0] + shape->parts[1] + shape->parts[2];
    VelCase self = { .bound = 1e-6, .shape = shape, .run = run };

    if (shape->flags & GATED)
      out /= 2;
    self.count = shape->rows * out;
    snprintf (self.name, sizeof self.name, "linear %zux%zu->%zu %s%s%s%s activation %d", shape->rows, shape->in, out,
              vel_case_type_name (shape->types[0]), shape->parts[1] > 0 ? " stacked" : "", shape->flags & GATED ? " gated" : "",
              shape->flags & IN_PLACE   ? " in place"
              : shape->flags & RESIDUAL ? " residual"
                                        : "",
              shape->activation);
    visit (&self, data);
  }
}
