/* The noise levels a network was trained on, and where a run's steps lie among them.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/sampling/noise-levels.h"

#include <glib/gi18n-lib.h>
#include <math.h>

#include "engine/sampling/plugin-params.h"

#define N_TIMESTEPS 1000
#define FIRST_BETA 0.00085
#define LAST_BETA 0.012
#define ALMOST_NOTHING 4.8973451890853435e-08f /* of the picture, in the last level of zero terminal SNR */

typedef struct {
  VelNoiseLevels levels; /* first: handed to plugins */
  double *sigmas;        /* [n_table] */
  double *logs;          /* [n_table] */
} Table;

static double
t_to_sigma (const void *model, double t)
{
  const Table *table = model;
  unsigned last = table->levels.n_table - 1, low;

  t = CLAMP (t, 0, last);
  low = MIN ((unsigned) t, last - 1);
  if (t == low)
    return table->sigmas[low];
  if (t == last)
    return table->sigmas[last];
  return exp (table->logs[low] + (t - low) * (table->logs[low + 1] - table->logs[low]));
}

static double
sigma_to_t (const void *model, double sigma)
{
  const Table *table = model;
  unsigned low = 0, high = table->levels.n_table - 1;
  double t;

  /* the last entry not above sigma, or the first; a sigma of the table gives its timestep exactly */
  while (high - low > 1) {
    unsigned middle = low + (high - low) / 2;

    if (table->sigmas[middle] <= sigma)
      low = middle;
    else
      high = middle;
  }
  t = (log (sigma) - table->logs[low]) / (table->logs[high] - table->logs[low]);
  return low + CLAMP (t, 0, 1);
}

/* kept: abar, [n] */
static VelNoiseLevels *
levels_from (const float *kept, unsigned n)
{
  Table *self = g_new0 (Table, 1);

  g_assert (n >= 2);
  self->sigmas = g_new (double, n);
  self->logs = g_new (double, n);
  for (unsigned i = 0; i < n; i++) {
    self->sigmas[i] = sqrtf ((1 - kept[i]) / kept[i]);
    self->logs[i] = log (self->sigmas[i]);
  }
  self->levels = (VelNoiseLevels) { VEL_PLUGIN_ABI, self->sigmas[0], self->sigmas[n - 1], n, self->sigmas, t_to_sigma, sigma_to_t, self,
                                    NULL };
  return &self->levels;
}

static float *
cumulate (const double *betas, unsigned n)
{
  float *kept = g_new (float, n);
  double product = 1;

  for (unsigned i = 0; i < n; i++) {
    product *= 1 - betas[i];
    kept[i] = (float) product;
  }
  return kept;
}

VelNoiseLevels *
vel_noise_levels_new (const double *betas, unsigned n)
{
  g_autofree float *kept = cumulate (betas, n);

  return levels_from (kept, n);
}

/* Returns: (transfer full) */
static double *
scaled_linear (double first, double last, unsigned n)
{
  double *betas = g_new (double, n);
  double step = (sqrt (last) - sqrt (first)) / (n - 1);

  for (unsigned i = 0; i < n; i++) {
    double root = i < n / 2 ? sqrt (first) + step * i : sqrt (last) - step * (n - 1 - i);

    betas[i] = root * root;
  }
  return betas;
}

VelNoiseLevels *
vel_noise_levels_new_scaled_linear (double first, double last, unsigned n)
{
  g_autofree double *betas = scaled_linear (first, last, n);

  return vel_noise_levels_new (betas, n);
}

void
vel_noise_levels_free (VelNoiseLevels *self)
{
  Table *table = (Table *) self;

  if (self == NULL)
    return;
  g_free (table->sigmas);
  g_free (table->logs);
  g_free (table);
}

/* The roots are shifted so that the last is 0 and stretched so that the first stays; a little is left, since sigma is to be finite. */
static void
rescale_to_zero_terminal_snr (float *kept, unsigned n)
{
  float first = sqrtf (kept[0]), last = sqrtf (kept[n - 1]);

  for (unsigned i = 0; i < n; i++) {
    float root = (sqrtf (kept[i]) - last) * (first / (first - last));

    kept[i] = root * root;
  }
  kept[n - 1] = ALMOST_NOTHING;
}

VelNoiseLevels *
vel_noise_levels_new_sd (const char *family, gboolean zero_terminal_snr)
{
  g_autofree double *betas = scaled_linear (FIRST_BETA, LAST_BETA, N_TIMESTEPS);
  g_autofree float *kept = cumulate (betas, N_TIMESTEPS);
  VelNoiseLevels *levels;

  if (zero_terminal_snr)
    rescale_to_zero_terminal_snr (kept, N_TIMESTEPS);
  levels = levels_from (kept, N_TIMESTEPS);
  levels->family = family;
  return levels;
}

static gpointer
make_sd (gpointer data)
{
  return vel_noise_levels_new_sd (NULL, FALSE);
}

const VelNoiseLevels *
vel_noise_levels_sd (void)
{
  static GOnce once = G_ONCE_INIT;

  return g_once (&once, make_sd, NULL);
}

/* DDIM's evenly spaced timesteps i * (n_table / n_steps) + 1, downwards. AUTOMATIC1111 1.10
 * modules/sd_samplers_timesteps.py get_timesteps. Their number is not always n_steps + 1: 1000 / n_steps is rounded down first. */
static GArray *
own_timesteps (const VelNoiseLevels *self, unsigned n_steps, GError **error)
{
  GArray *sigmas;
  unsigned stride = n_steps <= self->n_table ? self->n_table / n_steps : 0, n;

  n = stride > 0 ? (self->n_table + stride - 1) / stride : 0;
  if (n < 2) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST,
                 /* Translators: “steps” is the option's name */
                 _ ("steps: “%u” can not be used with this sampler, wanted is a whole number from 2 to %u"), n_steps, self->n_table);
    return NULL;
  }
  sigmas = g_array_sized_new (FALSE, FALSE, sizeof (double), n);
  for (unsigned i = n; i-- > 0;) {
    unsigned t = MIN (i * stride + 1, self->n_table - 1);

    g_array_append_val (sigmas, self->table[t]);
  }
  return sigmas;
}

static gboolean
check_fall (const GArray *sigmas, const VelSchedule *schedule, GError **error)
{
  for (guint i = 0; i < sigmas->len; i++) {
    double sigma = g_array_index (sigmas, double, i);
    gboolean last = i + 1 == sigmas->len;

    if (last ? sigma >= 0 && isfinite (sigma) : isfinite (sigma) && sigma > g_array_index (sigmas, double, i + 1))
      continue;
    g_set_error (error, VEL_ERROR, VEL_ERROR_PLUGIN,
                 _ ("The schedule “%s” gives noise level %g at step %u of %u, where a falling series is wanted; choose "
                    "another one"),
                 schedule->id, sigma, i, sigmas->len - 1);
    return FALSE;
  }
  return TRUE;
}

unsigned
vel_noise_levels_count (const VelNoiseLevels *self, const VelSchedule *schedule, const double *params, unsigned n_steps)
{
  return schedule->count != NULL ? MAX (schedule->count (self, params, n_steps), 1) : n_steps;
}

GArray *
vel_noise_levels_sigmas (const VelNoiseLevels *self, const VelSampler *sampler, const VelSchedule *schedule, unsigned n_steps, GError **error)
{
  return vel_noise_levels_sigmas_by (self, &(VelDescent) { NULL }, sampler, schedule, n_steps, error);
}

unsigned
vel_noise_levels_nearest (const VelNoiseLevels *self, double sigma)
{
  float wanted = logf ((float) sigma), best = INFINITY;
  unsigned nearest = 0;

  for (unsigned t = 0; t < self->n_table; t++) {
    float distance = fabsf (wanted - logf ((float) self->table[t]));

    if (distance < best) {
      best = distance;
      nearest = t;
    }
  }
  return nearest;
}

/* The levels as a schedule is to see them: a plugin looks at sigma_min and sigma_max, but the table stays the network's. */
static gboolean
set_range (VelNoiseLevels *levels, const VelDescent *descent, GError **error)
{
  double lowest = descent->request ? vel_values_get_real (descent->request, "sigma_min") : 0;
  double highest = descent->request ? vel_values_get_real (descent->request, "sigma_max") : 0;

  if (descent->whole_range)
    return TRUE;
  levels->sigma_min = lowest > 0 ? lowest : levels->sigma_min;
  levels->sigma_max = highest > 0 ? highest : levels->sigma_max;
  if (levels->sigma_min < levels->sigma_max)
    return TRUE;
  g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST,
               /* Translators: “sigma_min” and “sigma_max” are names of options */
               _ ("sigma_min: the lowest noise level, %g, is not below the highest, %g; lower it or raise sigma_max"), levels->sigma_min,
               levels->sigma_max);
  return FALSE;
}

static gboolean
discards (const VelDescent *descent, const VelSampler *sampler)
{
  if (descent->request && vel_values_get_bool (descent->request, "discard_penultimate"))
    return TRUE;
  if (descent->rules && descent->rules->discard)
    return g_strv_contains (descent->rules->discard, sampler->id);
  return (sampler->flags & VEL_SAMPLER_DISCARD_PENULTIMATE) != 0;
}

GArray *
vel_noise_levels_sigmas_by (const VelNoiseLevels *self, const VelDescent *descent, const VelSampler *sampler, const VelSchedule *schedule,
                            unsigned n_steps, GError **error)
{
  g_autoptr (GArray) sigmas = NULL;
  g_autofree double *params = vel_plugin_params_dup (schedule->params, descent->request);
  VelNoiseLevels levels = *self;
  gboolean discard = discards (descent, sampler);
  unsigned asked = n_steps + (discard ? 1 : 0), n;

  if ((sampler->flags & VEL_SAMPLER_OWN_TIMESTEPS) != 0) /* A1111 discards none here, but spreads them as for the step more */
    return own_timesteps (self, asked, error);
  if (!set_range (&levels, descent, error))
    return NULL;
  n = vel_noise_levels_count (&levels, schedule, params, asked);
  sigmas = g_array_sized_new (FALSE, FALSE, sizeof (double), n + 1);
  g_array_set_size (sigmas, n + 1);
  schedule->sigmas (&levels, params, asked, (double *) sigmas->data);
  if (!check_fall (sigmas, schedule, error))
    return NULL;
  if (discard)
    g_array_remove_index (sigmas, n - 1);
  return g_steal_pointer (&sigmas);
}
