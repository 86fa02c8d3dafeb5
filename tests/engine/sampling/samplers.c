/* The sampler plugins' formulas against k-diffusion and diffusers, over a made-up model in double precision.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engine/registry.h"
#include "engine/sampling/noise-levels.h"
#include "tests/engine/golden.h"

#define N 7

struct VelTensor {
  double values[N];
};

struct VelRun {
  const VelSampler *sampler;
  const json_t *params;
  VelTensor *x;
  VelTensor tensors[12];
  unsigned n_tensors, n_drawn, n_steps;
};

static VelTensor *
new_like (VelRun *run, const VelTensor *x)
{
  VelTensor *tensor = &run->tensors[run->n_tensors++];

  g_assert_cmpuint (run->n_tensors, <=, G_N_ELEMENTS (run->tensors));
  for (unsigned i = 0; i < N; i++)
    tensor->values[i] = NAN; /* reading it before writing shows */
  return tensor;
}

/* make.py: model () */
static bool
denoise (VelRun *run, VelTensor *out, VelTensor *x, double sigma)
{
  double scale = run->sampler->flags & VEL_SAMPLER_VARIANCE_PRESERVING ? sqrt (1 + sigma * sigma) : 1;

  run->n_steps += x == run->x;
  for (unsigned i = 0; i < N; i++) {
    double value = x->values[i] * scale;

    out->values[i] = 0.8 * tanh (value / (1 + sigma)) + 0.1 * cos (value + sigma);
  }
  return true;
}

static void
combine (VelRun *run, VelTensor *out, unsigned n, const double *weights, VelTensor *const *terms)
{
  for (unsigned i = 0; i < N; i++) {
    double sum = 0;

    for (unsigned k = 0; k < n; k++)
      sum += weights[k] * terms[k]->values[i];
    out->values[i] = sum;
  }
}

/* make.py: noise () */
static void
draw (VelRun *run, VelTensor *out)
{
  for (unsigned i = 0; i < N; i++)
    out->values[i] = sin (i * 1.7 + 3.0 * run->n_drawn + 1);
  run->n_drawn++;
}

/* samplers.py: increment () */
static void
brownian (VelRun *run, VelTensor *out, double from, double to)
{
  for (unsigned i = 0; i < N; i++)
    out->values[i] = sin (i * 1.3 + 5 * from - 3 * to);
}

static double
distance (VelRun *run, const VelTensor *a, const VelTensor *b, const VelTensor *before, double absolute, double relative)
{
  double sum = 0;

  for (unsigned i = 0; i < N; i++) {
    double larger = fmax (fabs (a->values[i]), fabs (before->values[i]));
    double difference = (a->values[i] - b->values[i]) / fmax (absolute, relative * larger);

    sum += difference * difference;
  }
  return sqrt (sum / N);
}

static double
param (VelRun *run, const char *name)
{
  const json_t *value = json_object_get (run->params, name);

  if (value != NULL)
    return json_number_value (value);
  for (const VelPluginParam *row = run->sampler->params; row != NULL && row->name != NULL; row++)
    if (strcmp (row->name, name) == 0)
      return row->standard;
  g_error ("%s asks for a param “%s” that it does not have", run->sampler->id, name);
}

static double
sigma_to_t (VelRun *run, double sigma)
{
  const VelNoiseLevels *levels = vel_noise_levels_sd ();

  return sigma > 0 ? levels->sigma_to_t (levels->model, sigma) : 0;
}

static double
t_to_sigma (VelRun *run, double t)
{
  const VelNoiseLevels *levels = vel_noise_levels_sd ();

  return levels->t_to_sigma (levels->model, t);
}

static const VelSamplerHost host = { VEL_PLUGIN_ABI, new_like, denoise, combine, draw, param, brownian, distance, sigma_to_t, t_to_sigma };

static double
compare_path (const json_t *path)
{
  const char *name = json_string_value (json_object_get (path, "sampler"));
  const json_t *levels = json_object_get (path, "sigmas"), *start = json_object_get (path, "start"), *end = json_object_get (path, "end");
  unsigned n_steps = json_array_size (levels) - 1;
  g_autofree double *sigmas = g_new (double, n_steps + 1);
  VelTensor x;
  VelRun run = { vel_registry_find_sampler (name), json_object_get (path, "params"), &x };
  double largest = 0;

  g_assert_nonnull (run.sampler);
  for (unsigned i = 0; i <= n_steps; i++)
    sigmas[i] = golden_number (levels, i);
  for (unsigned i = 0; i < N; i++)
    x.values[i] = golden_number (start, i);
  g_assert_true (run.sampler->run (&host, &run, &x, sigmas, n_steps));
  if (!(run.sampler->flags & VEL_SAMPLER_OWN_STEPS))
    g_assert_cmpuint (run.n_steps, ==, n_steps); /* progress and trace count calls on x */
  for (unsigned i = 0; i < N; i++)
    largest = MAX (largest, fabs (x.values[i] - golden_number (end, i)));
  g_test_message ("%s, %u steps: largest difference %.3g", name, n_steps, largest);
  return largest;
}

static void
test_paths (void)
{
  json_t *root = golden_load ("sigmas", "samplers.json"), *path;
  gsize i;

  json_array_foreach (json_object_get (root, "paths"), i, path)
    g_assert_cmpfloat (compare_path (path), <, 1e-9);
  json_decref (root);
}

static bool
refuse (VelRun *run, VelTensor *out, VelTensor *x, double sigma)
{
  return ++run->n_steps < 3;
}

/* A sampler whose host says no asks nothing more. */
static void
test_cancelled (void)
{
  VelSamplerHost stopping = host;
  g_autofree const char **ids = vel_registry_list (VEL_REGISTRY_SAMPLERS);
  double sigmas[9];

  stopping.denoise = refuse;
  for (unsigned i = 0; i < 9; i++)
    sigmas[i] = 10.0 - i;
  for (gsize k = 0; ids[k] != NULL; k++) {
    VelTensor x = { 0 };
    VelRun run = { vel_registry_find_sampler (ids[k]), NULL, &x };

    g_assert_false (run.sampler->run (&stopping, &run, &x, sigmas, 8));
    g_assert_cmpuint (run.n_steps, ==, 3);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/samplers/paths", test_paths);
  g_test_add_func ("/samplers/cancelled", test_cancelled);
  return g_test_run ();
}
