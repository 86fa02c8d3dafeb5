/* A merged weight, seen through what it does.  SPDX-License-Identifier: Apache-2.0 */
#include "tests/cases/cases.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_TERMS = 3, SIDE = 5, ROWS = SIDE * SIDE };

typedef struct {
  size_t rank; /* 0: whole */
  double scale;
  size_t first, rows; /* 0 rows: all */
  VelType type;       /* VEL_F64: that of the target */
} Change;

typedef struct {
  size_t in, out;
  unsigned kernel; /* 0: a linear layer */
  bool gated;
  VelType type; /* in the file */
  unsigned n;
  Change changes[MAX_TERMS];
} Shape;

#define ALL 0, 0, VEL_F64

static const Shape shapes[] = {
  { 20, 24, 0, false, VEL_F16, 0 },
  { 1, 1, 0, false, VEL_F32, 1, { { 1, 1, ALL } } },
  { 20, 24, 0, false, VEL_F16, 1, { { 5, 0.5, ALL } } },
  { 77, 50, 0, false, VEL_BF16, 1, { { 33, -1.5, 0, 0, VEL_F32 } } },
  { 64, 48, 0, false, VEL_F16, 3, { { 4, 0.8, 0, 16, VEL_F64 }, { 2, 1, 16, 16, VEL_F64 }, { 8, -0.3, 20, 28, VEL_F64 } } },
  { 12, 40, 0, false, VEL_F16, 2, { { 0, 0.7, ALL }, { 3, 2, 5, 7, VEL_F16 } } },
  { 20, 24, 0, true, VEL_F16, 1, { { 5, 0.5, ALL } } },
  { 33, 52, 0, true, VEL_F32, 2, { { 4, 0.5, 10, 30, VEL_F64 }, { 0, 1.25, 26, 26, VEL_F64 } } },
  { 20, 24, 1, false, VEL_F16, 2, { { 5, 0.5, ALL }, { 4, -0.5, 0, 0, VEL_BF16 } } },
  { 20, 24, 3, false, VEL_F16, 0 },
  { 20, 24, 3, false, VEL_F16, 2, { { 5, 0.5, ALL }, { 4, -0.5, ALL } } },
  { 7, 33, 3, false, VEL_BF16, 2, { { 16, 1, ALL }, { 0, 0.5, ALL } } },
};

/* All of one weight's changes. */
typedef struct {
  VelMergeTerm terms[MAX_TERMS];
  unsigned n;
} Terms;

static void
terms_init (Terms *self, const Shape *shape, const VelCaseTarget *target)
{
  size_t columns = shape->in * (shape->kernel > 0 ? shape->kernel * shape->kernel : 1);

  self->n = shape->n;
  for (unsigned i = 0; i < shape->n; i++) {
    const Change *change = &shape->changes[i];
    VelCaseTarget typed = *target;
    VelMergeTerm *term = &self->terms[i];

    if (change->type != VEL_F64)
      typed.type = change->type;
    if (change->type == VEL_F16 || change->type == VEL_BF16)
      typed.rounding = change->type;
    *term = (VelMergeTerm){ .rank = change->rank, .scale = change->scale, .type = typed.type, .first = change->first };
    term->rows = change->rows > 0 ? change->rows : shape->out;
    term->up = vel_case_input (&typed, term->rows * (change->rank > 0 ? change->rank : columns), 10 + i, 0.2);
    term->down = change->rank > 0 ? vel_case_input (&typed, change->rank * columns, 20 + i, 0.2) : NULL;
  }
}

static void
terms_clear (Terms *self, const VelCaseTarget *target)
{
  for (unsigned i = 0; i < self->n; i++) {
    vel_case_free (target, self->terms[i].up);
    if (self->terms[i].down != NULL)
      vel_case_free (target, self->terms[i].down);
  }
}

/* The layer's answer to some pixels. */
static void
apply (const Shape *shape, const VelCaseTarget *target, const VelPacked *weight, float *out)
{
  size_t count = ROWS * (shape->gated ? shape->out / 2 : shape->out);
  void *x = vel_case_input (target, ROWS * shape->in, 5, 1), *result = vel_case_result (target, count, NULL);

  if (shape->kernel > 0)
    target->kernels->conv (target->backend, &(VelConvArgs){ .type = target->type,
                                                            .batch = 1,
                                                            .height = SIDE,
                                                            .width = SIDE,
                                                            .stride = 1,
                                                            .pad_before = shape->kernel / 2,
                                                            .pad_after = shape->kernel / 2,
                                                            .weight = weight,
                                                            .x = x,
                                                            .out = result });
  else
    target->kernels->linear (target->backend,
                             &(VelLinearArgs){ .type = target->type, .rows = ROWS, .weight = weight, .x = x, .out = result });
  vel_case_take (target, result, count, out);
  vel_case_free (target, x);
}

static void
run (const void *data, const VelCaseTarget *target, float *out)
{
  const VelKernels *kernels = target->kernels;
  const Shape *shape = data;
  size_t columns = shape->in * (shape->kernel > 0 ? shape->kernel * shape->kernel : 1);
  void *values = vel_case_weight (target, shape->out * columns, shape->type, 1, 1 / sqrt ((double) columns));
  VelWeightRows rows = { values, shape->type, shape->out };
  VelPackLinear linear = { shape->in, 1, &rows, shape->gated, target->type };
  VelPackConv conv = { values, shape->type, shape->out, shape->in, shape->kernel, target->type };
  VelPacked *original = shape->kernel > 0 ? kernels->pack_conv (target->backend, &conv) : kernels->pack_linear (target->backend, &linear);
  VelPacked *weight = kernels->pack_like (target->backend, original);
  Terms terms;

  terms_init (&terms, shape, target);
  /* Something else is in the weight when its turn comes: only the original counts. */
  if (terms.n > 0)
    kernels->merge (target->backend, &(VelMergeArgs){ weight, original, 1, &terms.terms[terms.n - 1] }, 1);
  kernels->merge (target->backend, &(VelMergeArgs){ weight, original, terms.n, terms.terms }, 1);
  apply (shape, target, weight, out);
  kernels->unpack (target->backend, weight);
  kernels->unpack (target->backend, original);
  terms_clear (&terms, target);
  free (values);
}

void
vel_cases_merge (VelCaseVisit visit, void *data)
{
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    const Shape *shape = &shapes[i];
    /* On a card in 16 bits the changed weight is rounded once more than the original was. */
    VelCase self = { .bound = 4e-6, .count = ROWS * (shape->gated ? shape->out / 2 : shape->out), .shape = shape, .run = run };

    snprintf (self.name, sizeof self.name, "merge %zu->%zu kernel %u %s%s, %u changes, the first of rank %zu", shape->in, shape->out,
              shape->kernel, vel_case_type_name (shape->type), shape->gated ? " gated" : "", shape->n, shape->changes[0].rank);
    visit (&self, data);
  }
}
