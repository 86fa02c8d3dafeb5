/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/cases/cases.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct {
  size_t count;
  VelActivation activation;
  unsigned terms; /* 0: an activation */
  bool in_place;
  size_t channels; /* of LEAKY */
} Shape;

static const Shape shapes[] = {
  { 1, VEL_ACTIVATION_NONE },
  { 1, VEL_ACTIVATION_SILU },
  { 7, VEL_ACTIVATION_GELU },
  { 1000, VEL_ACTIVATION_SILU, 0, true },
  { 40000, VEL_ACTIVATION_SILU },
  { 40001, VEL_ACTIVATION_GELU },
  { 20000, VEL_ACTIVATION_QUICK_GELU, 0, true },
  { 1, VEL_ACTIVATION_LEAKY, .channels = 1 },
  { 40000, VEL_ACTIVATION_LEAKY, .channels = 32 },
  { 33333, VEL_ACTIVATION_LEAKY, 0, true, 3 },
  { 24 * 701, VEL_ACTIVATION_LEAKY, .channels = 24 },
  { 13 * 1300, VEL_ACTIVATION_LEAKY, .channels = 13 },
  { 1, VEL_ACTIVATION_NONE, 1 },
  { 9, VEL_ACTIVATION_NONE, 2, true },
  { 20001, VEL_ACTIVATION_NONE, 3 },
  { 33333, VEL_ACTIVATION_NONE, 8, true },
};

static void
run (const void *data, const VelCaseTarget *target, float *out)
{
  const Shape *shape = data;
  unsigned last = shape->terms > 0 ? shape->terms - 1 : 0;
  double weights[8];
  float *values[8];
  void *x[8], *result;
  const void *terms[8];
  float *slopes = vel_case_table (target, shape->channels > 0 ? shape->channels : 1, 9, 0.3);

  for (unsigned i = 0; i < 8; i++) {
    values[i] = vel_case_values (shape->count, i, i == 0 ? 3 : 1);
    x[i] = vel_case_input_of (target, shape->count, values[i]);
    weights[i] = i % 2 == 0 ? 1.0 / (i + 3) : -0.7 * i;
    terms[i] = x[i];
  }
  result = vel_case_result (target, shape->count, shape->in_place ? values[last] : NULL);
  if (shape->in_place)
    terms[last] = result;
  if (shape->terms > 0)
    target->kernels->combine (target->backend, &(VelCombineArgs){ target->type, shape->count, shape->terms, weights, terms, result });
  else
    target->kernels->activate (target->backend,
                               &(VelActivateArgs){ target->type, shape->count, shape->activation, terms[0], result, shape->channels, slopes });
  vel_case_take (target, result, shape->count, out);
  for (unsigned i = 0; i < 8; i++) {
    free (values[i]);
    vel_case_free (target, x[i]);
  }
  vel_case_free (target, slopes);
}

static const Shape blends[] = { { 1 }, { 7, .in_place = true }, { 16384 }, { 33333, .in_place = true } };

static void
run_blend (const void *data, const VelCaseTarget *target, float *out)
{
  const Shape *shape = data;
  VelCaseTarget floats = *target;
  float *values = vel_case_values (shape->count, 0, 3), *share, *rest, *result;
  void *x;

  floats.type = VEL_F32;
  x = vel_case_input_of (&floats, shape->count, values);
  share = vel_case_table (&floats, shape->count, 1, 1);
  rest = vel_case_table (&floats, shape->count, 2, 2);
  result = vel_case_result (&floats, shape->count, shape->in_place ? values : NULL);
  target->kernels->blend (target->backend, &(VelBlendArgs){ shape->count, shape->in_place ? result : x, share, rest, result });
  vel_case_take (&floats, result, shape->count, out);
  free (values);
  vel_case_free (target, x);
  vel_case_free (target, share);
  vel_case_free (target, rest);
}

static void
visit_blends (VelCaseVisit visit, void *data)
{
  for (size_t i = 0; i < sizeof blends / sizeof *blends; i++) {
    VelCase self = { .fp32_only = true, .count = blends[i].count, .shape = &blends[i], .run = run_blend };

    snprintf (self.name, sizeof self.name, "blend %zu%s", blends[i].count, blends[i].in_place ? " in place" : "");
    visit (&self, data);
  }
}

void
vel_cases_elementwise (VelCaseVisit visit, void *data)
{
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    const Shape *shape = &shapes[i];
    /* A combination rounds as the contract says, step by step: equal to the last bit. */
    VelCase self = { .bound = shape->terms > 0 ? 0 : 2e-7, .count = shape->count, .shape = shape, .run = run };

    snprintf (self.name, sizeof self.name, "%s %zu: %d%s", shape->terms > 0 ? "combine" : "activate", shape->count,
              shape->terms > 0 ? (int) shape->terms : (int) shape->activation, shape->in_place ? " in place" : "");
    visit (&self, data);
  }
  visit_blends (visit, data);
}
