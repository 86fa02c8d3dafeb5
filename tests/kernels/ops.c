/* The processor's ops against the plain loops: every instruction set of this machine, one, two and three threads.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/cases/cases.h"

#include <glib.h>
#include <math.h>
#include <string.h>

static const char *const isas[] = { "portable", "avx2" };

typedef struct {
  VelBackend *plain;
  VelBackend *backends[G_N_ELEMENTS (isas)][3]; /* [isa][threads - 1]; NULL: not on this machine */
  double worst;
} Runner;

/* Returns: (transfer full) */
static float *
run_case (const VelCase *self, const VelKernels *kernels, VelBackend *backend)
{
  float *out = g_new (float, self->count);

  self->run (self->shape, &(VelCaseTarget){ kernels, backend, VEL_F32, VEL_F32 }, out);
  return out;
}

static void
compare (const VelCase *self, const char *who, const float *expected, const float *found, Runner *runner)
{
  double squares = 0, difference = 0, largest = 0, largest_difference = 0, error;

  for (size_t i = 0; i < self->count; i++) {
    double d = (double) found[i] - expected[i];

    squares += isfinite (expected[i]) ? (double) expected[i] * expected[i] : 0;
    largest = isfinite (expected[i]) ? MAX (largest, fabs (expected[i])) : largest;
    if (memcmp (&found[i], &expected[i], sizeof *found) == 0)
      continue; /* infinities too */
    difference += d * d;
    largest_difference = isnan (d) ? INFINITY : MAX (largest_difference, fabs (d));
  }
  error = difference == 0 ? 0 : sqrt (difference / squares);
  runner->worst = MAX (runner->worst, error);
  if (!(error <= self->bound) || !(largest_difference <= 10 * self->bound * largest))
    g_error ("%s, %s: relative L2 %.3g (bound %.3g), largest difference %.3g of %.3g", self->name, who, error, self->bound,
             largest_difference, largest);
}

static void
check_case (const VelCase *self, void *data)
{
  Runner *runner = data;
  g_autofree float *expected = NULL;

  if (self->features & ~vel_kernels_cpu ()->features)
    return;
  expected = run_case (self, vel_kernels_reference (), runner->plain);

  for (unsigned isa = 0; isa < G_N_ELEMENTS (isas); isa++) {
    g_autofree float *first = NULL;

    for (unsigned threads = 1; threads <= 3 && runner->backends[isa][threads - 1] != NULL; threads++) {
      g_autofree float *found = run_case (self, vel_kernels_cpu (), runner->backends[isa][threads - 1]);
      g_autofree char *who = g_strdup_printf ("%s, %u threads", isas[isa], threads);

      compare (self, who, expected, found, runner);
      if (first == NULL)
        first = g_steal_pointer (&found);
      else if (memcmp (first, found, self->count * sizeof *first) != 0)
        g_error ("%s: %s give other bits than one", self->name, who);
    }
  }
}

static void
test_ops (gconstpointer cases)
{
  Runner runner = { .plain = vel_kernels_reference ()->open (NULL, NULL, 0) };
  char why[256];

  for (unsigned isa = 0; isa < G_N_ELEMENTS (isas); isa++)
    for (unsigned threads = 1; threads <= 3; threads++) {
      VelBackendOptions options = { .threads = threads, .isa = isas[isa] };
      VelBackend *backend = vel_kernels_cpu ()->open (&options, why, sizeof why);

      if (backend == NULL)
        g_test_message ("not tested: %s", why);
      else
        g_assert_cmpuint (vel_kernels_cpu ()->threads (backend), ==, threads);
      runner.backends[isa][threads - 1] = backend;
    }
  ((void (*) (VelCaseVisit, void *)) cases) (check_case, &runner);
  g_test_message ("largest relative L2 difference %.3g", runner.worst);
  for (unsigned isa = 0; isa < G_N_ELEMENTS (isas); isa++)
    for (unsigned threads = 1; threads <= 3; threads++)
      vel_kernels_cpu ()->close (runner.backends[isa][threads - 1]);
  vel_kernels_reference ()->close (runner.plain);
}

static void
test_unknown_isa (void)
{
  char why[256] = "";

  g_assert_null (vel_kernels_cpu ()->open (&(VelBackendOptions){ .isa = "mmx" }, why, sizeof why));
  g_assert_nonnull (strstr (why, "mmx"));
}

/* A broken weight or latent must come out broken, in time, and hurt nothing else. */
static void
test_not_finite (void)
{
  static const float bad[] = { NAN, INFINITY, -INFINITY };
  const VelKernels *kernels = vel_kernels_cpu ();
  VelBackend *backend = kernels->open (&(VelBackendOptions){ .threads = 2 }, NULL, 0);
  const size_t tokens = 576, channels = 32;
  g_autofree float *out = g_new0 (float, tokens *channels), *x = g_new0 (float, tokens *channels);
  g_autofree float *gamma = g_new0 (float, channels), *values = g_new0 (float, channels *channels * 9);

  for (unsigned kind = 0; kind < G_N_ELEMENTS (bad); kind++) {
    VelPacked *weight;

    for (size_t i = 0; i < tokens * channels; i++)
      x[i] = i % 7 == 3 ? bad[kind] : (float) i;
    for (size_t i = 0; i < channels * channels * 9; i++)
      values[i] = i % 5 == 0 ? bad[kind] : 1;
    kernels->group_norm (backend, &(VelGroupNormArgs){ VEL_F32, 1, tokens, channels, 8, 1e-5, gamma, gamma, true, x, out });
    g_assert_false (isfinite (out[0]));
    kernels->layer_norm (backend, &(VelLayerNormArgs){ VEL_F32, tokens, channels, 1e-5, gamma, gamma, x, out });
    g_assert_false (isfinite (out[0]));
    kernels->attention (backend, &(VelAttentionArgs){ VEL_F32, 1, 2, 16, tokens, tokens, 0.25, false, x, x, x, 32, 32, 32, out });
    g_assert_false (isfinite (out[0]));
    for (unsigned activation = VEL_ACTIVATION_SILU; activation <= VEL_ACTIVATION_QUICK_GELU; activation++)
      kernels->activate (backend, &(VelActivateArgs){ VEL_F32, tokens * channels, activation, x, out });
    g_assert_true (kind == 0 ? isnan (out[3]) : TRUE);
    weight = kernels->pack_conv (backend, &(VelPackConv){ values, VEL_F32, channels, channels, 3 });
    kernels->conv (backend, &(VelConvArgs){ VEL_F32, 1, 24, 24, 0, 0, 1, 1, 1, .weight = weight, .x = x, .out = out });
    kernels->unpack (backend, weight);
    g_assert_false (isfinite (out[0]));
  }
  kernels->close (backend);
}

/* GELU by its definition in double. */
static void
test_gelu (void)
{
  const VelKernels *kernels = vel_kernels_cpu ();
  const size_t count = 240001;
  g_autofree float *x = g_new (float, count), *out = g_new (float, count);

  for (unsigned isa = 0; isa < G_N_ELEMENTS (isas); isa++) {
    VelBackend *backend = kernels->open (&(VelBackendOptions){ .threads = 1, .isa = isas[isa] }, NULL, 0);
    double absolute = 0, relative = 0;

    if (backend == NULL)
      continue;
    for (size_t i = 0; i < count; i++)
      x[i] = (float) ((double) i / 10000 - 12);
    kernels->activate (backend, &(VelActivateArgs){ VEL_F32, count, VEL_ACTIVATION_GELU, x, out });
    for (size_t i = 0; i < count; i++) {
      double expected = x[i] * 0.5 * erfc (-x[i] * G_SQRT2 / 2), error = fabs (out[i] - expected);

      absolute = MAX (absolute, error / MAX (1, fabs (expected)));
      if (fabs (expected) > 1e-20)
        relative = MAX (relative, error / fabs (expected));
    }
    g_test_message ("%s: largest absolute error %.3g, relative %.3g", isas[isa], absolute, relative);
    g_assert_cmpfloat (absolute, <=, 2e-7);
    g_assert_cmpfloat (relative, <=, strcmp (isas[isa], "portable") == 0 ? 5e-6 : 1e-6);
    kernels->close (backend);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/kernels/linear", vel_cases_linear, test_ops);
  g_test_add_data_func ("/kernels/conv", vel_cases_conv, test_ops);
  g_test_add_data_func ("/kernels/attention", vel_cases_attention, test_ops);
  g_test_add_data_func ("/kernels/norm", vel_cases_norm, test_ops);
  g_test_add_data_func ("/kernels/elementwise", vel_cases_elementwise, test_ops);
  g_test_add_data_func ("/kernels/layout", vel_cases_layout, test_ops);
  g_test_add_data_func ("/kernels/merge", vel_cases_merge, test_ops);
  g_test_add_func ("/kernels/unknown-isa", test_unknown_isa);
  g_test_add_func ("/kernels/not-finite", test_not_finite);
  g_test_add_func ("/kernels/gelu", test_gelu);
  return g_test_run ();
}
