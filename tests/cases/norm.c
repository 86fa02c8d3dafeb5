/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/cases/cases.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct {
  size_t batch, pixels, channels, groups; /* groups 0: layer normalisation of batch * pixels rows */
  bool silu, in_place;
  double mean; /* added to x, whose deviation is 1 */
  size_t second; /* of the channels, those that come as a second input */
  double outlier; /* added to the first pixel */
} Shape;

static const Shape shapes[] = {
  { 1, 1, 2, 1 },           { 1, 1, 32, 32, true },
  { 2, 64, 320, 32, true }, { 1, 4096, 32, 8, true, true },
  { 3, 77, 40, 4 },         { 1, 1000, 6, 3, false, true },
  { 2, 5000, 13, 1, true }, { 1, 2048, 64, 32, false, false, 100 },
  { 1, 1, 1, 0 },           { 1, 1, 9, 0 },
  { 1, 77, 768, 0 },        { 2, 100, 320, 0, false, true },
  { 2, 50, 48, 8, true, false, 0, 16 },
  { 1, 33, 30, 3, false, false, 0, 5 },
  { 1, 3, 1283, 0 },        { 1, 50, 1280, 0, false, false, 100 },
  { 1, 300, 64, 16, false, false, 1000 },
  { 2, 700, 40, 8, true, false, 0, 0, 300 },
};

static void
run (const void *data, const VelCaseTarget *target, float *out)
{
  const Shape *shape = data;
  size_t rows = shape->batch * shape->pixels, count = rows * shape->channels, first = shape->channels - shape->second;
  float *values = vel_case_values (count, 1, 1);
  float *gamma = vel_case_table (target, shape->channels, 2, 1), *beta = vel_case_table (target, shape->channels, 3, 1);
  void *x, *x2 = vel_case_input (target, rows * shape->second, 4, 1), *result;

  for (size_t i = 0; i < count; i++)
    values[i] += (float) (shape->mean + (i < shape->channels ? shape->outlier : 0));
  x = vel_case_input_of (target, rows * first, values);
  result = vel_case_result (target, count, shape->in_place ? values : NULL);
  if (shape->groups > 0)
    target->kernels->group_norm (target->backend, &(VelGroupNormArgs){ .type = target->type,
                                                                       .batch = shape->batch,
                                                                       .pixels = shape->pixels,
                                                                       .channels = shape->channels,
                                                                       .groups = shape->groups,
                                                                       .eps = 1e-5,
                                                                       .gamma = gamma,
                                                                       .beta = beta,
                                                                       .silu = shape->silu,
                                                                       .x = shape->in_place ? result : x,
                                                                       .out = result,
                                                                       .x2 = shape->second > 0 ? x2 : NULL,
                                                                       .x2_channels = shape->second });
  else
    target->kernels->layer_norm (target->backend, &(VelLayerNormArgs){ target->type, rows, shape->channels, 1e-5, gamma, beta,
                                                                       shape->in_place ? result : x, result });
  vel_case_take (target, result, count, out);
  free (values);
  vel_case_free (target, x);
  vel_case_free (target, x2);
  vel_case_free (target, gamma);
  vel_case_free (target, beta);
}

void
vel_cases_norm (VelCaseVisit visit, void *data)
{
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    const Shape *shape = &shapes[i];
    /* A mean far from 0 leaves x fewer digits than the sums in fp32 of layer norm lose. */
    VelCase self = { .bound = 2e-6 * (shape->outlier > 0 ? 2 : 1) * (1 + (shape->groups > 0 ? 0 : shape->mean / 20)),
                     .features = shape->second > 0 ? VEL_FEATURE_TWO_INPUTS : 0,
                     .shape = shape,
                     .run = run };

    self.count = shape->batch * shape->pixels * shape->channels;
    snprintf (self.name, sizeof self.name, "norm %zux%zux%zu groups %zu%s%s mean %g second %zu", shape->batch, shape->pixels, shape->channels,
              shape->groups, shape->silu ? " silu" : "", shape->in_place ? " in place" : "", shape->mean, shape->second);
    visit (&self, data);
  }
}
