/* The noise levels a network was trained on, and where a run's steps lie among them.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/sampling/noise-levels.h"

#include <glib/gi18n-lib.h>
#include <math.h>

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

VelNoiseLevels *
vel_noise_levels_new (const double *betas, unsigned n)
{
  Table *self = g_new0 (Table, 1);
  double product = 1;

  g_assert (n >= 2);
  self->sigmas = g_new (double, n);
  self->logs = g_new (double, n);
  for (unsigned i = 0; i < n; i++) {
    float kept; /* abar */

    product *= 1 - betas[i];
    kept = (float) product;
    self->sigmas[i] = sqrtf ((1 - kept) / kept);
    self->logs[i] = log (self->sigmas[i]);
  }
  self->levels = (VelNoiseLevels) { VEL_PLUGIN_ABI, self->sigmas[0], self->sigmas[n - 1], n, self->sigmas, t_to_sigma, sigma_to_t, self,
                                    NULL };
  return &self->levels;
}

VelNoiseLevels *
vel_noise_levels_new_scaled_linear (double first, double last, unsigned n)
{
  g_autofree double *betas = g_new (double, n);
  double step = (sqrt (last) - sqrt (first)) / (n - 1);

  for (unsigned i = 0; i < n; i++) {
    double root = i < n / 2 ? sqrt (first) + step * i : sqrt (last) - step * (n - 1 - i);

    betas[i] = root * root;
  }
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

static gpointer
make_sd (gpointer data)
{
  return vel_noise_levels_new_scaled_linear (0.00085, 0.012, 1000);
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
vel_noise_levels_count (const VelNoiseLevels *self, const VelSchedule *schedule, unsigned n_steps)
{
  return schedule->count != NULL ? MAX (schedule->count (self, NULL, n_steps), 1) : n_steps;
}

GArray *
vel_noise_levels_sigmas (const VelNoiseLevels *self, const VelSampler *sampler, const VelSchedule *schedule, unsigned n_steps, GError **error)
{
  g_autoptr (GArray) sigmas = NULL;
  gboolean discard = (sampler->flags & VEL_SAMPLER_DISCARD_PENULTIMATE) != 0;
  unsigned asked = n_steps + (discard ? 1 : 0), n;

  if ((sampler->flags & VEL_SAMPLER_OWN_TIMESTEPS) != 0)
    return own_timesteps (self, n_steps, error);
  n = vel_noise_levels_count (self, schedule, asked);
  sigmas = g_array_sized_new (FALSE, FALSE, sizeof (double), n + 1);
  g_array_set_size (sigmas, n + 1);
  schedule->sigmas (self, NULL, asked, (double *) sigmas->data);
  if (!check_fall (sigmas, schedule, error))
    return NULL;
  if (discard)
    g_array_remove_index (sigmas, n - 1);
  return g_steal_pointer (&sigmas);
}
