/* The small shapes of tests/cases against the plain loops.  SPDX-License-Identifier: Apache-2.0 */
#include "tests/gpu/bench.h"

#include "kernels/half.h"
#include "tests/cases/cases.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  Bench *bench;
  VelBackend *plain;
  VelType type;
  unsigned cases, failed, skipped;
  double worst;
  char worst_case[160];
} Check;

static float
rounded (float value, VelType type)
{
  return type == VEL_F16    ? vel_half_to_float (vel_half_from_float (value))
         : type == VEL_BF16 ? vel_bfloat_to_float (vel_bfloat_from_float (value))
                            : value;
}

/* A case's bound is for a processor's fp32. On a card sums are longer. What rounds as a contract says is equal to the bit in every type;
 * waves are as exact as their angles; a mean far from 0 or a sharp softmax leaves less of 16 bits, whoever computes. */
static double
find_bound (const VelCase *self, VelType type)
{
  if (strncmp (self->name, "sinusoid", 8) == 0)
    return 1e-4;
  if (self->bound == 0)
    return 0;
  return type == VEL_F32 ? 4 * self->bound : bench_bound (type) * fmax (1, self->bound / 2e-6);
}

static bool
is_equal (const float *found, const float *expected, size_t count, VelType type)
{
  for (size_t i = 0; i < count; i++) {
    float wanted = rounded (expected[i], type);

    if (memcmp (&found[i], &wanted, sizeof wanted) != 0)
      return false;
  }
  return true;
}

static void
judge (Check *check, const VelCase *self, const float *found, const float *again, const float *expected)
{
  Difference difference = bench_compare (found, expected, self->count);
  double bound = find_bound (self, check->type);
  bool same = memcmp (found, again, self->count * sizeof *found) == 0;
  bool right = bound == 0 ? is_equal (found, expected, self->count, check->type)
                          : difference.error <= bound && difference.largest_difference <= 10 * bound * difference.largest;

  check->cases++;
  if (!(difference.error <= check->worst)) {
    check->worst = difference.error;
    snprintf (check->worst_case, sizeof check->worst_case, "%s", self->name);
  }
  if (right && same)
    return;
  check->failed++;
  check->bench->failed = true;
  printf ("{\"step\":\"check\",\"wrong\":\"%s\",\"type\":\"%s\",\"error\":%g,\"bound\":%g,\"largest_difference\":%g,\"largest\":%g,"
          "\"same_twice\":%s}\n",
          self->name, vel_case_type_name (check->type), isfinite (difference.error) ? difference.error : 1e30, bound,
          isfinite (difference.largest_difference) ? difference.largest_difference : 1e30, difference.largest, same ? "true" : "false");
}

static void
check_case (const VelCase *self, void *data)
{
  Check *check = data;
  Bench *bench = check->bench;
  const VelKernels *plain = vel_kernels_reference ();
  VelCaseTarget target = { bench->kernels, bench->backend, check->type, check->type };
  float *expected, *found, *again;

  if ((self->fp32_only && check->type != VEL_F32) || (self->features & ~(bench->kernels->features & plain->features)) != 0 ||
      !bench_is_alive (bench, self->name)) {
    check->skipped++;
    return;
  }
  expected = malloc (self->count * sizeof *expected);
  found = malloc (self->count * sizeof *found);
  again = malloc (self->count * sizeof *again);
  self->run (self->shape, &(VelCaseTarget){ plain, check->plain, VEL_F32, check->type }, expected);
  self->run (self->shape, &target, found);
  self->run (self->shape, &target, again);
  if (bench_is_alive (bench, self->name))
    judge (check, self, found, again, expected);
  free (expected);
  free (found);
  free (again);
}

typedef void (*Visit) (VelCaseVisit visit, void *data);

bool
bench_check (Bench *self, const char *family)
{
  static const struct {
    const char *name;
    Visit visit;
  } families[] = { { "linear", vel_cases_linear },           { "conv", vel_cases_conv },
                   { "attention", vel_cases_attention },     { "norm", vel_cases_norm },
                   { "elementwise", vel_cases_elementwise }, { "layout", vel_cases_layout },
                   { "merge", vel_cases_merge } };
  Visit visit = NULL;

  for (size_t i = 0; i < COUNT_OF (families); i++)
    if (strcmp (families[i].name, family) == 0)
      visit = families[i].visit;
  if (visit == NULL)
    return false;
  for (VelType type = VEL_F32; type <= VEL_BF16; type++) {
    Check checked = { .bench = self, .type = type, .worst = -1 };

    if (!bench_takes (self, type) || !bench_is_alive (self, family))
      continue;
    checked.plain = vel_kernels_reference ()->open (NULL, NULL, 0);
    visit (check_case, &checked);
    printf ("{\"step\":\"check\",\"family\":\"%s\",\"type\":\"%s\",\"cases\":%u,\"failed\":%u,\"skipped\":%u,\"worst\":%g,\"worst_case\":"
            "\"%s\"}\n",
            family, vel_case_type_name (type), checked.cases, checked.failed, checked.skipped, fmax (checked.worst, 0), checked.worst_case);
    vel_kernels_reference ()->close (checked.plain);
  }
  return true;
}
