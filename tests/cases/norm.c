/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/cases/cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  size_t batch, pixels, channels, groups; /* groups 0: layer normalisation of batch * pixels rows */
  bool silu, in_place;
  double mean; /* added to x, whose deviation is 1 */
} Shape;

static const Shape shapes[] = {
  { 1, 1, 2, 1 },           { 1, 1, 32, 32, true },
  { 2, 64, 320, 32, true }, { 1, 4096, 32, 8, true, true },
  { 3, 77, 40, 4 },         { 1, 1000, 6, 3, false, true },
  { 2, 5000, 13, 1, true }, { 1, 2048, 64, 32, false, false, 100 },
  { 1, 1, 1, 0 },           { 1, 1, 9, 0 },
  { 1, 77, 768, 0 },        { 2, 100, 320, 0, false, true },
  { 1, 3, 1283, 0 },        { 1, 50, 1280, 0, false, false, 100 },
};

static void
run (const void *data, const VelKernels *kernels, VelBackend *backend, float *out)
{
  const Shape *shape = data;
  size_t count = shape->batch * shape->pixels * shape->channels;
  float *x = vel_case_values (count, 1, 1), *gamma = vel_case_values (shape->channels, 2, 1),
        *beta = vel_case_values (shape->channels, 3, 1);
  float *from = shape->in_place ? out : x;

  for (size_t i = 0; i < count; i++)
    x[i] += (float) shape->mean;
  memcpy (from, x, count * sizeof *x);
  if (shape->groups > 0)
    kernels->group_norm (backend, &(VelGroupNormArgs){ VEL_F32, shape->batch, shape->pixels, shape->channels, shape->groups, 1e-5, gamma,
                                                       beta, shape->silu, from, out });
  else
    kernels->layer_norm (backend,
                         &(VelLayerNormArgs){ VEL_F32, shape->batch * shape->pixels, shape->channels, 1e-5, gamma, beta, from, out });
  free (x);
  free (gamma);
  free (beta);
}

void
vel_cases_norm (VelCaseVisit visit, void *data)
{
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    const Shape *shape = &shapes[i];
    /* A mean far from 0 leaves x fewer digits. */
    VelCase self = { .bound = 2e-6 * (1 + shape->mean / 20), .shape = shape, .run = run };

    self.count = shape->batch * shape->pixels * shape->channels;
    snprintf (self.name, sizeof self.name, "norm %zux%zux%zu groups %zu%s%s mean %g", shape->batch, shape->pixels, shape->channels,
              shape->groups, shape->silu ? " silu" : "", shape->in_place ? " in place" : "", shape->mean);
    visit (&self, data);
  }
}
