/* The card's kernels, run by the emulator, against the plain loops: every op and type, copies as late and as early as they may land, threads
 * in several orders.  SPDX-License-Identifier: Apache-2.0 */
#include "tests/cases/cases.h"

#include <glib.h>
#include <math.h>
#include <string.h>

#include "kernels/cuda/emulator/faults.h"

typedef struct {
  VelType type;
  double bound; /* relative L2; 0: the case's own */
} Precision;

/* What a result's last rounding leaves, and for attention that of the probabilities too. */
static const Precision precisions[] = { { VEL_F32, 0 }, { VEL_F16, 8e-4 }, { VEL_BF16, 6e-3 } };

typedef struct {
  VelBackend *plain, *emulated;
  const Precision *precision;
  double worst;
  guint n;
  size_t largest; /* of results that are looked at; 0: all */
  unsigned modes;
} Runner;

/* Returns: (transfer full) */
static float *
run_case (const VelCase *self, VelCaseTarget target)
{
  float *out = g_new (float, self->count);

  self->run (self->shape, &target, out);
  return out;
}

static double
relative_error (const VelCase *self, const float *expected, const float *found)
{
  double squares = 0, difference = 0;

  for (size_t i = 0; i < self->count; i++) {
    double d = (double) found[i] - expected[i];

    if (memcmp (&found[i], &expected[i], sizeof *found) == 0)
      continue;
    difference += isfinite (d) ? d * d : INFINITY;
    squares += (double) expected[i] * expected[i];
  }
  return difference == 0 ? 0 : sqrt (difference / squares);
}

static void
check_case (const VelCase *self, void *data)
{
  Runner *runner = data;
  const Precision *precision = runner->precision;
  g_autofree float *expected = NULL, *first = NULL;
  double bound = precision->bound > 0 ? precision->bound : MAX (2 * self->bound, 1e-6);

  if ((self->fp32_only && precision->type != VEL_F32) || (runner->largest > 0 && self->count > runner->largest))
    return;
  /* A mean far from 0, or a sharp softmax, leaves less of 16 bits, whoever computes. */
  if (precision->type != VEL_F32)
    bound *= MAX (1, self->bound / 2e-6);
  if (self->bound == 0 && precision->type == VEL_F32)
    bound = 0;
  expected = run_case (self, (VelCaseTarget) { vel_kernels_reference (), runner->plain, VEL_F32, precision->type });
  for (unsigned mode = 0; mode < runner->modes; mode++) {
    g_autofree float *found = NULL;
    double error;

    vel_emulator_use_mode (mode);
    found = run_case (self, (VelCaseTarget) { vel_kernels_emulated (), runner->emulated, precision->type, precision->type });
    error = relative_error (self, expected, found);
    runner->worst = MAX (runner->worst, error);
    if (!(error <= bound))
      g_error ("%s in %s, mode %u: relative L2 %.3g (bound %.3g)", self->name, vel_case_type_name (precision->type), mode, error, bound);
    if (!first)
      first = g_steal_pointer (&found);
    else if (memcmp (first, found, self->count * sizeof *first) != 0)
      g_error ("%s in %s: mode %u gives other bits than the first", self->name, vel_case_type_name (precision->type), mode);
  }
  runner->n++;
}

/* capability: 80, or 90 for what a card with warpgroups does otherwise */
static void
check_ops (gconstpointer cases, unsigned capability)
{
  vel_emulator_use_capability (capability);
  for (guint i = capability == 90 ? 1 : 0; i < G_N_ELEMENTS (precisions); i++) {
    char why[256] = "";
    Runner runner = { vel_kernels_reference ()->open (NULL, NULL, 0), vel_kernels_emulated ()->open (NULL, why, sizeof why), &precisions[i] };

    g_assert_nonnull (runner.emulated);
    runner.modes = g_getenv ("VELATURA_TEST_BRIEFLY") ? 2 : VEL_EMULATOR_MODES; /* for sanitizers, which are slow */
    ((void (*) (VelCaseVisit, void *)) cases) (check_case, &runner);
    g_test_message ("%s: %u cases, largest relative L2 difference %.3g", vel_case_type_name (precisions[i].type), runner.n, runner.worst);
    vel_kernels_emulated ()->close (runner.emulated);
    vel_kernels_reference ()->close (runner.plain);
  }
  vel_emulator_use_capability (80);
}

static void
test_ops (gconstpointer cases)
{
  check_ops (cases, 80);
}

static void
test_warpgroups (gconstpointer cases)
{
  check_ops (cases, 90);
}

/* What is small, with and without warpgroups, for sanitizers that slow everything down. */
static void
test_tiny (gconstpointer cases)
{
  for (unsigned capability = 80; capability <= 90; capability += 10) {
    Runner runner = { .plain = vel_kernels_reference ()->open (NULL, NULL, 0), .precision = &precisions[1], .modes = 2, .largest = 16000 };

    vel_emulator_use_capability (capability);
    runner.emulated = vel_kernels_emulated ()->open (NULL, NULL, 0);
    ((void (*) (VelCaseVisit, void *)) cases) (check_case, &runner);
    g_test_message ("capability %u: %u cases, largest relative L2 difference %.3g", capability, runner.n, runner.worst);
    g_assert_cmpuint (runner.n, >, 4);
    vel_kernels_emulated ()->close (runner.emulated);
    vel_kernels_reference ()->close (runner.plain);
  }
  vel_emulator_use_capability (80);
}

/* A picture's pixels to planes and back, cropped, with another scale. */
static void
test_rearrange (void)
{
  enum { HEIGHT = 7, WIDTH = 9, CHANNELS = 3 };
  VelBackend *plain = vel_kernels_reference ()->open (NULL, NULL, 0), *emulated = vel_kernels_emulated ()->open (NULL, NULL, 0);
  VelRearrangeArgs args = { .size = { 1, 1, CHANNELS, HEIGHT - 2, WIDTH - 3 },
                            .strides = { 0, 0, 1, WIDTH * CHANNELS, CHANNELS },
                            .scale = 0.5f,
                            .shift = 0.25f };
  const gsize count = CHANNELS * (HEIGHT - 2) * (WIDTH - 3);

  for (guint i = 0; i < G_N_ELEMENTS (precisions); i++) {
    VelType type = precisions[i].type;
    VelCaseTarget targets[] = { { vel_kernels_reference (), plain, VEL_F32, type }, { vel_kernels_emulated (), emulated, type, type } };
    float found[2][CHANNELS * (HEIGHT - 2) * (WIDTH - 3)];

    for (guint t = 0; t < 2; t++) {
      char *x = vel_case_input (&targets[t], HEIGHT * WIDTH * CHANNELS, 1, 1);
      void *result = vel_case_result (&targets[t], count, NULL);

      args.from = args.to = targets[t].type;
      args.x = x + (WIDTH + 2) * CHANNELS * vel_type_size (targets[t].type); /* one down, two to the right */
      args.out = result;
      targets[t].kernels->rearrange (targets[t].backend, &args);
      vel_case_take (&targets[t], result, count, found[t]);
      vel_case_free (&targets[t], x);
    }
    g_assert_cmpfloat (relative_error (&(VelCase) { .count = count }, found[0], found[1]), <=, precisions[i].bound);
  }
  vel_kernels_emulated ()->close (emulated);
  vel_kernels_reference ()->close (plain);
}

enum { LAYERS = 5, WIDTH = 24, SEEN = 7 };

/* A product with the weight, as it lies. */
static void
run_layer (const VelCaseTarget *target, const VelPacked *weight, void *x, float *found)
{
  void *out = vel_case_result (target, SEEN * WIDTH, NULL);

  target->kernels->linear (target->backend, &(VelLinearArgs){ .type = target->type, .rows = SEEN, .weight = weight, .x = x, .out = out });
  vel_case_take (target, out, SEEN * WIDTH, found);
}

/* Weights outside of the card do what those on it do, whatever their order: guessed, changed, and after one of them is gone. */
static void
test_outside (void)
{
  static const unsigned order[] = { 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 4, 2, 2, 0, 3, 1, 0, 2, 4, 0, 2, 4, 3 };
  VelBackend *backend = vel_kernels_emulated ()->open (NULL, NULL, 0);
  VelCaseTarget target = { vel_kernels_emulated (), backend, VEL_F16, VEL_F16 };
  VelPacked *inside[LAYERS], *outside[LAYERS];
  void *x = vel_case_input (&target, SEEN * WIDTH, 1, 1);
  size_t before, after, all;

  for (unsigned i = 0; i < LAYERS; i++) {
    g_autofree void *values = vel_case_weight (&target, WIDTH * WIDTH, VEL_F32, 10 + i, 0.2);
    VelWeightRows rows = { values, VEL_F32, WIDTH };
    VelPackLinear args = { WIDTH, 1, &rows, false, VEL_F16, false };

    inside[i] = target.kernels->pack_linear (backend, &args);
    args.outside = true;
    outside[i] = target.kernels->pack_linear (backend, &args);
    g_assert_true (inside[i] && outside[i]);
    g_assert_cmpuint (target.kernels->packed_bytes (outside[i]), ==, 0);
  }
  for (unsigned i = 0; i < G_N_ELEMENTS (order); i++) {
    float expected[SEEN * WIDTH], found[SEEN * WIDTH];

    if (i == 24) {
      target.kernels->unpack (backend, outside[1]);
      outside[1] = NULL;
    }
    vel_emulator_use_mode (i);
    run_layer (&target, inside[order[i]], x, expected);
    run_layer (&target, outside[order[i]], x, found);
    g_assert_cmpmem (found, sizeof found, expected, sizeof expected);
  }
  target.kernels->memory (backend, &before, &all);
  for (unsigned i = 0; i < LAYERS; i++) {
    target.kernels->unpack (backend, inside[i]);
    target.kernels->unpack (backend, outside[i]);
  }
  target.kernels->memory (backend, &after, &all);
  /* The two places go with the last weight that needs them. */
  g_assert_cmpuint (after - before, >=, (LAYERS + 2) * WIDTH * WIDTH * 2);
  vel_case_free (&target, x);
  target.kernels->close (backend);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (g_getenv ("VELATURA_TEST_TINY")) {
    g_test_add_data_func ("/tiny/linear", vel_cases_linear, test_tiny);
    g_test_add_data_func ("/tiny/conv", vel_cases_conv, test_tiny);
    g_test_add_data_func ("/tiny/attention", vel_cases_attention, test_tiny);
    g_test_add_data_func ("/tiny/norm", vel_cases_norm, test_tiny);
    g_test_add_data_func ("/tiny/merge", vel_cases_merge, test_tiny);
    g_test_add_func ("/tiny/outside", test_outside);
    return g_test_run ();
  }
  g_test_add_data_func ("/emulated/linear", vel_cases_linear, test_ops);
  g_test_add_data_func ("/emulated/conv", vel_cases_conv, test_ops);
  g_test_add_data_func ("/emulated/attention", vel_cases_attention, test_ops);
  g_test_add_data_func ("/emulated/norm", vel_cases_norm, test_ops);
  g_test_add_data_func ("/emulated/elementwise", vel_cases_elementwise, test_ops);
  g_test_add_data_func ("/emulated/layout", vel_cases_layout, test_ops);
  g_test_add_data_func ("/emulated/linear-warpgroups", vel_cases_linear, test_warpgroups);
  g_test_add_data_func ("/emulated/attention-warpgroups", vel_cases_attention, test_warpgroups);
  g_test_add_data_func ("/emulated/conv-warpgroups", vel_cases_conv, test_warpgroups);
  g_test_add_data_func ("/emulated/merge", vel_cases_merge, test_ops);
  g_test_add_func ("/emulated/outside", test_outside);
  g_test_add_func ("/emulated/rearrange", test_rearrange);
  return g_test_run ();
}
