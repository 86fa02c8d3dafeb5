/* What moves or converts: every result is exact.  SPDX-License-Identifier: Apache-2.0 */
#include "tests/cases/cases.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct {
  size_t batch, rows, columns, more; /* more > 0: concat with so many channels */
} Move;

typedef struct {
  size_t count;
  VelType from, to;
} Convert;

static const Move moves[] = {
  { 1, 1, 1 }, { 2, 4, 4096 }, { 1, 4096, 3 }, { 3, 33, 65 }, { 1, 31, 100 }, { 1, 1, 1, 1 }, { 1, 500, 320, 640 }, { 2, 3, 5, 4 },
};

static const Convert conversions[] = {
  { 1, VEL_F32, VEL_F16 },     { 40007, VEL_F32, VEL_F16 },  { 40007, VEL_F32, VEL_BF16 }, { 1001, VEL_F32, VEL_F64 },
  { 1001, VEL_F16, VEL_BF16 }, { 1001, VEL_BF16, VEL_F16 },  { 1001, VEL_F64, VEL_F16 },   { 1001, VEL_F64, VEL_BF16 },
  { 30001, VEL_F16, VEL_F32 }, { 30001, VEL_BF16, VEL_F32 }, { 1001, VEL_F64, VEL_F32 },   { 77, VEL_F32, VEL_F32 },
};

static void
run_move (const void *data, const VelCaseTarget *target, float *out)
{
  const Move *shape = data;
  size_t rows = shape->batch * shape->rows, count = rows * (shape->columns + shape->more);
  void *a = vel_case_input (target, rows * shape->columns, 1, 1), *b = vel_case_input (target, rows * shape->more, 2, 1);
  void *result = vel_case_result (target, count, NULL);

  if (shape->more > 0)
    target->kernels->concat (target->backend, &(VelConcatArgs){ target->type, rows, shape->columns, shape->more, a, b, result });
  else
    target->kernels->transpose (target->backend, &(VelTransposeArgs){ target->type, shape->batch, shape->rows, shape->columns, a, result });
  vel_case_take (target, result, count, out);
  vel_case_free (target, a);
  vel_case_free (target, b);
}

/* The values span all exponents of fp16 and more; the result is brought back to fp32 by the reference. */
static void
run_convert (const void *data, const VelCaseTarget *target, float *out)
{
  const VelKernels *kernels = target->kernels;
  const Convert *shape = data;
  VelBackend *plain = vel_kernels_reference ()->open (NULL, NULL, 0);
  float *x = vel_case_values (shape->count, 1, 1);
  double *host = calloc (shape->count, sizeof *host);
  void *from = kernels->alloc (target->backend, shape->count * sizeof *host), *to = kernels->alloc (target->backend, shape->count * sizeof *host);

  for (size_t i = 0; i < shape->count; i++)
    for (size_t power = 0; power < i % 40; power++)
      x[i] *= i % 80 < 40 ? 0.5f : 2.0f;
  vel_kernels_reference ()->convert (plain, &(VelConvertArgs){ shape->count, VEL_F32, shape->from, x, host });
  kernels->upload (target->backend, from, host, shape->count * vel_type_size (shape->from));
  kernels->convert (target->backend, &(VelConvertArgs){ shape->count, shape->from, shape->to, from, to });
  kernels->download (target->backend, host, to, shape->count * vel_type_size (shape->to));
  vel_kernels_reference ()->convert (plain, &(VelConvertArgs){ shape->count, shape->to, VEL_F32, host, out });
  vel_kernels_reference ()->close (plain);
  free (x);
  free (host);
  kernels->free (target->backend, from);
  kernels->free (target->backend, to);
}

static void
run_sinusoid (const void *data, const VelCaseTarget *target, float *out)
{
  static const float timesteps[] = { 0, 1, 500.25f, 999 };
  const Move *shape = data;
  void *result = vel_case_result (target, shape->rows * shape->columns, NULL);

  target->kernels->sinusoid (target->backend, &(VelSinusoidArgs){ target->type, shape->rows, shape->columns, timesteps, result });
  vel_case_take (target, result, shape->rows * shape->columns, out);
}

void
vel_cases_layout (VelCaseVisit visit, void *data)
{
  static const Move waves = { 1, 4, 320 };
  VelCase sinusoid = { "sinusoid 4x320", .fp32_only = true, .count = 4 * 320, .shape = &waves, .run = run_sinusoid };

  for (size_t i = 0; i < sizeof moves / sizeof *moves; i++) {
    const Move *shape = &moves[i];
    VelCase self = { .bound = 0, .shape = shape, .run = run_move };

    self.count = shape->batch * shape->rows * (shape->columns + shape->more);
    snprintf (self.name, sizeof self.name, "%s %zux%zux%zu and %zu", shape->more > 0 ? "concat" : "transpose", shape->batch, shape->rows,
              shape->columns, shape->more);
    visit (&self, data);
  }
  for (size_t i = 0; i < sizeof conversions / sizeof *conversions; i++) {
    const Convert *shape = &conversions[i];
    VelCase self = { .bound = 0, .fp32_only = true, .count = shape->count, .shape = shape, .run = run_convert };

    snprintf (self.name, sizeof self.name, "convert %zu from %d to %d", shape->count, shape->from, shape->to);
    visit (&self, data);
  }
  visit (&sinusoid, data);
}
