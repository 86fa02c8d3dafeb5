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

/* Squares of n x n pixels as channels, back, and pixels n x n times: what networks that enlarge pictures need. */
typedef struct {
  const char *name;
  size_t count, size[5];
  ptrdiff_t strides[5];
} Rearrangement;

static const Rearrangement rearrangements[] = {
  { "pixels to channels", 6 * 10 * 3, { 3, 5, 3, 2, 2 }, { 2 * 10 * 3, 2 * 3, 1, 10 * 3, 3 } },
  { "channels to pixels", 5 * 7 * 48, { 5, 4, 7, 4, 3 }, { 7 * 48, 4, 48, 1, 16 } },
  { "pixels 3 x 3 times", 5 * 7 * 4, { 5, 3, 7, 3, 4 }, { 7 * 4, 0, 4, 0, 1 } },
  { "a crop", 40 * 40 * 8, { 1, 1, 30, 20, 8 }, { 0, 0, 40 * 8, 8, 1 } },
};

static size_t
rearranged_count (const Rearrangement *shape)
{
  return shape->size[0] * shape->size[1] * shape->size[2] * shape->size[3] * shape->size[4];
}

static void
run_rearrange (const void *data, const VelCaseTarget *target, float *out)
{
  const Rearrangement *shape = data;
  void *x = vel_case_input (target, shape->count, 1, 1), *result = vel_case_result (target, rearranged_count (shape), NULL);
  VelRearrangeArgs args = { .from = target->type, .to = target->type, .scale = 1, .x = x, .out = result };

  for (size_t i = 0; i < 5; i++) {
    args.size[i] = shape->size[i];
    args.strides[i] = shape->strides[i];
  }
  target->kernels->rearrange (target->backend, &args);
  vel_case_take (target, result, rearranged_count (shape), out);
  vel_case_free (target, x);
}

static void
visit_rearrangements (VelCaseVisit visit, void *data)
{
  for (size_t i = 0; i < sizeof rearrangements / sizeof *rearrangements; i++) {
    VelCase self = { .count = rearranged_count (&rearrangements[i]), .shape = &rearrangements[i], .run = run_rearrange };

    snprintf (self.name, sizeof self.name, "rearrange %s", rearrangements[i].name);
    visit (&self, data);
  }
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
  visit_rearrangements (visit, data);
}
