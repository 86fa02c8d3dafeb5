/* Noise levels and schedules against k-diffusion.  SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engine/pipeline/request.h"
#include "engine/registry.h"
#include "engine/sampling/noise-levels.h"
#include "tests/engine/golden.h"

#define TOLERANCE 1e-6 /* the reference computes in single precision */

static void
test_table (void)
{
  const VelNoiseLevels *levels = vel_noise_levels_sd ();
  json_t *root = golden_load ("sigmas", "sigmas.json"), *table = json_object_get (root, "table");

  g_assert_cmpuint (levels->n_table, ==, 1000);
  for (gsize i = 0; i < json_array_size (table); i++)
    g_assert_cmpfloat (relative_difference (levels->table[37 * i], golden_number (table, i)), <, 1e-7);
  json_decref (root);
}

static void
test_times (void)
{
  const VelNoiseLevels *levels = vel_noise_levels_sd ();
  json_t *root = golden_load ("sigmas", "sigmas.json"), *point;
  gsize i;

  json_array_foreach (json_object_get (root, "times"), i, point) {
    double sigma = golden_number (point, 0), t = golden_number (point, 1);

    /* single precision knows a time between entries to about 1e-4 */
    g_assert_cmpfloat (fabs (levels->sigma_to_t (levels->model, sigma) - t), <, 2e-4);
  }
  for (unsigned k = 0; k < levels->n_table; k++) {
    g_assert_cmpfloat (levels->sigma_to_t (levels->model, levels->table[k]), ==, k);
    g_assert_cmpfloat (levels->t_to_sigma (levels->model, k), ==, levels->table[k]);
  }
  g_assert_cmpfloat (levels->t_to_sigma (levels->model, -1), ==, levels->sigma_min);
  g_assert_cmpfloat (levels->t_to_sigma (levels->model, 5000), ==, levels->sigma_max);
  json_decref (root);
}

/* options: (nullable) numbers by name */
static VelValues *
ask (json_t *options)
{
  VelValues *request = vel_request_new ();
  const char *name;
  json_t *value;

  json_object_foreach (options, name, value) {
    vel_values_set_real (request, name, json_number_value (value));
  }
  return request;
}

static void
test_schedules (void)
{
  const VelSampler *euler = vel_registry_find_sampler ("euler"), *ddim = vel_registry_find_sampler ("ddim");
  json_t *root = golden_load ("sigmas", "sigmas.json"), *row;
  double largest = 0;
  gsize i;

  g_assert_nonnull (euler);
  g_assert_nonnull (ddim);
  json_array_foreach (json_object_get (root, "schedules"), i, row) {
    const char *name = json_string_value (json_object_get (row, "schedule"));
    const json_t *wanted = json_object_get (row, "sigmas");
    unsigned steps = json_integer_value (json_object_get (row, "steps"));
    gboolean own = strcmp (name, "ddim") == 0;
    g_auto (GStrv) parts = g_strsplit (name, ".", 2); /* a schedule and whose network it is for */
    const VelSchedule *schedule = vel_registry_find_schedule (own ? "normal" : parts[0]);
    VelNoiseLevels levels = *vel_noise_levels_sd ();
    g_autoptr (GError) error = NULL;
    g_autoptr (GArray) got = NULL;
    g_autoptr (VelValues) request = ask (json_object_get (row, "options"));

    levels.family = parts[1];
    g_assert_nonnull (schedule);
    got = vel_noise_levels_sigmas_by (&levels, &(VelDescent) { NULL, request }, own ? ddim : euler, schedule, steps, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (got->len, ==, json_array_size (wanted));
    for (guint k = 0; k < got->len; k++) {
      double difference = relative_difference (g_array_index (got, double, k), golden_number (wanted, k));

      largest = MAX (largest, difference);
      /* single precision knows the time of a level between entries to about 1e-4 of a step */
      if (difference > (json_object_get (row, "options") ? 1e-5 : TOLERANCE))
        g_error ("%s of %u steps, level %u: %.9g, wanted %.9g", name, steps, k, g_array_index (got, double, k), golden_number (wanted, k));
    }
  }
  json_decref (root);
  g_test_message ("largest relative difference %.3g", largest);
}

/* DPM2's way: the levels of n + 1 steps without the last but one. */
static void
test_discard (void)
{
  const VelSchedule *normal = vel_registry_find_schedule ("normal");
  VelSampler sampler = *vel_registry_find_sampler ("euler");
  g_autoptr (GArray) whole = vel_noise_levels_sigmas (vel_noise_levels_sd (), &sampler, normal, 6, NULL);
  g_autoptr (GArray) cut = NULL;

  sampler.flags = VEL_SAMPLER_DISCARD_PENULTIMATE;
  cut = vel_noise_levels_sigmas (vel_noise_levels_sd (), &sampler, normal, 5, NULL);
  g_assert_cmpuint (cut->len, ==, 6);
  g_assert_cmpmem (cut->data, 5 * sizeof (double), whole->data, 5 * sizeof (double));
  g_assert_cmpfloat (g_array_index (cut, double, 5), ==, 0);
}

/* Asked for, it happens to any sampler; DDIM's own timesteps are as for a step more, as A1111 has it. */
static void
test_discard_asked (void)
{
  const VelNoiseLevels *levels = vel_noise_levels_sd ();
  const VelSchedule *karras = vel_registry_find_schedule ("karras");
  const VelSampler *euler = vel_registry_find_sampler ("euler"), *dpm2 = vel_registry_find_sampler ("dpm2");
  const VelSampler *ddim = vel_registry_find_sampler ("ddim");
  g_autoptr (VelValues) request = vel_request_new ();
  const VelDescent descent = { NULL, request };
  g_autoptr (GArray) asked = NULL, always = NULL, own = NULL, more = NULL;

  vel_values_set_int (request, "discard_penultimate", 1);
  asked = vel_noise_levels_sigmas_by (levels, &descent, euler, karras, 7, NULL);
  always = vel_noise_levels_sigmas (levels, dpm2, karras, 7, NULL);
  g_assert_cmpmem (asked->data, asked->len * sizeof (double), always->data, always->len * sizeof (double));
  own = vel_noise_levels_sigmas_by (levels, &descent, ddim, karras, 7, NULL);
  more = vel_noise_levels_sigmas (levels, ddim, karras, 8, NULL);
  g_assert_cmpmem (own->data, own->len * sizeof (double), more->data, more->len * sizeof (double));
}

static void
rise (const VelNoiseLevels *levels, const double *params, unsigned n_steps, double *sigmas)
{
  for (unsigned i = 0; i <= n_steps; i++)
    sigmas[i] = i;
}

static void
test_refused (void)
{
  const VelSchedule rising = { VEL_PLUGIN_ABI, "rising", "Rising", .sigmas = rise };
  g_autoptr (VelValues) request = vel_request_new ();
  VelDescent descent = { NULL, request };
  g_autoptr (GArray) whole = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_null (vel_noise_levels_sigmas (vel_noise_levels_sd (), vel_registry_find_sampler ("euler"), &rising, 4, &error));
  g_assert_error (error, VEL_ERROR, VEL_ERROR_PLUGIN);
  g_clear_error (&error);
  g_assert_null (vel_noise_levels_sigmas (vel_noise_levels_sd (), vel_registry_find_sampler ("ddim"), &rising, 1, &error));
  g_assert_error (error, VEL_ERROR, VEL_ERROR_REQUEST);
  g_clear_error (&error);
  vel_values_set_real (request, "sigma_max", 0.02); /* below the network's lowest */
  g_assert_null (vel_noise_levels_sigmas_by (vel_noise_levels_sd (), &descent, vel_registry_find_sampler ("euler"),
                                             vel_registry_find_schedule ("normal"), 4, &error));
  g_assert_error (error, VEL_ERROR, VEL_ERROR_REQUEST);
  g_assert_nonnull (strstr (error->message, "sigma_min"));
  descent.whole_range = TRUE;
  whole = vel_noise_levels_sigmas_by (vel_noise_levels_sd (), &descent, vel_registry_find_sampler ("euler"),
                                      vel_registry_find_schedule ("normal"), 4, NULL);
  g_assert_cmpfloat (g_array_index (whole, double, 0), ==, vel_noise_levels_sd ()->sigma_max);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sigmas/table", test_table);
  g_test_add_func ("/sigmas/times", test_times);
  g_test_add_func ("/sigmas/schedules", test_schedules);
  g_test_add_func ("/sigmas/discard", test_discard);
  g_test_add_func ("/sigmas/discard-asked", test_discard_asked);
  g_test_add_func ("/sigmas/refused", test_refused);
  return g_test_run ();
}
