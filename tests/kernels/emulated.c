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

  if (self->fp32_only && precision->type != VEL_F32)
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

static void
test_ops (gconstpointer cases)
{
  for (guint i = 0; i < G_N_ELEMENTS (precisions); i++) {
    char why[256] = "";
    Runner runner = { vel_kernels_reference ()->open (NULL, NULL, 0), vel_kernels_emulated ()->open (NULL, why, sizeof why), &precisions[i] };

    g_assert_nonnull (runner.emulated);
    runner.modes = g_getenv ("VELATURA_TEST_BRIEFLY") ? 2 : VEL_EMULATOR_MODES; /* for sanitizers, which are slow */
    ((void (*) (VelCaseVisit, void *)) cases) (check_case, &runner);
    g_test_message ("%s: %u cases, largest relative L2 difference %.3g", vel_case_type_name (precisions[i].type), runner.n, runner.worst);
    vel_kernels_emulated ()->close (runner.emulated);
    vel_kernels_reference ()->close (runner.plain);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/emulated/linear", vel_cases_linear, test_ops);
  g_test_add_data_func ("/emulated/conv", vel_cases_conv, test_ops);
  g_test_add_data_func ("/emulated/attention", vel_cases_attention, test_ops);
  g_test_add_data_func ("/emulated/norm", vel_cases_norm, test_ops);
  g_test_add_data_func ("/emulated/elementwise", vel_cases_elementwise, test_ops);
  g_test_add_data_func ("/emulated/layout", vel_cases_layout, test_ops);
  return g_test_run ();
}
