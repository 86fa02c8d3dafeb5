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
run_move (const void *data, const VelKernels *kernels, VelBackend *backend, float *out)
{
  const Move *shape = data;
  float *a = vel_case_values (shape->batch * shape->rows * shape->columns, 1, 1);
  float *b = vel_case_values (shape->batch * shape->rows * shape->more, 2, 1);

  if (shape->more > 0)
    kernels->concat (backend, &(VelConcatArgs){ VEL_F32, shape->batch * shape->rows, shape->columns, shape->more, a, b, out });
  else
    kernels->transpose (backend, &(VelTransposeArgs){ VEL_F32, shape->batch, shape->rows, shape->columns, a, out });
  free (a);
  free (b);
}

/* The values span all exponents of fp16 and more; the result is brought back to fp32 by the reference. */
static void
run_convert (const void *data, const VelKernels *kernels, VelBackend *backend, float *out)
{
  const Convert *shape = data;
  VelBackend *plain = vel_kernels_reference ()->open (NULL, NULL, 0);
  float *x = vel_case_values (shape->count, 1, 1);
  double *from = calloc (shape->count, sizeof *from), *to = calloc (shape->count, sizeof *to);

  for (size_t i = 0; i < shape->count; i++)
    for (size_t power = 0; power < i % 40; power++)
      x[i] *= i % 80 < 40 ? 0.5f : 2.0f;
  vel_kernels_reference ()->convert (plain, &(VelConvertArgs){ shape->count, VEL_F32, shape->from, x, from });
  kernels->convert (backend, &(VelConvertArgs){ shape->count, shape->from, shape->to, from, to });
  vel_kernels_reference ()->convert (plain, &(VelConvertArgs){ shape->count, shape->to, VEL_F32, to, out });
  vel_kernels_reference ()->close (plain);
  free (x);
  free (from);
  free (to);
}

static void
run_sinusoid (const void *data, const VelKernels *kernels, VelBackend *backend, float *out)
{
  static const float timesteps[] = { 0, 1, 500.25f, 999 };
  const Move *shape = data;

  kernels->sinusoid (backend, &(VelSinusoidArgs){ VEL_F32, shape->rows, shape->columns, timesteps, out });
}

void
vel_cases_layout (VelCaseVisit visit, void *data)
{
  static const Move waves = { 1, 4, 320 };
  VelCase sinusoid = { "sinusoid 4x320", 0, 4 * 320, &waves, run_sinusoid };

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
    VelCase self = { .bound = 0, .count = shape->count, .shape = shape, .run = run_convert };

    snprintf (self.name, sizeof self.name, "convert %zu from %d to %d", shape->count, shape->from, shape->to);
    visit (&self, data);
  }
  visit (&sinusoid, data);
}
