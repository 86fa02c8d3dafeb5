/* The timesteps of UniPC's code: from the network's last to its first, where a rest of noise stays.
 * SPDX-License-Identifier: Apache-2.0
 * AUTOMATIC1111 1.10 modules/models/diffusion/uni_pc/uni_pc.py get_time_steps, marginal_log_mean_coeff. */
#pragma once

#include <math.h>

#include "plugins/plugin.h"

/* As many steps as DDIM's timesteps are, of which A1111 counts them: 1000 / n is rounded down first. */
static inline unsigned
count (const VelNoiseLevels *levels, const double *params, unsigned n_steps)
{
  unsigned apart = n_steps < levels->n_table ? levels->n_table / n_steps : 1;

  return (levels->n_table + apart - 1) / apart;
}

/* Between the table's entries the logarithm of alpha = 1 / sqrt (1 + sigma^2) is linear here, not that of sigma. */
static inline double
level_at (const VelNoiseLevels *levels, double t)
{
  double low = floor (t), share = t - low, below, above;

  if (share == 0)
    return levels->t_to_sigma (levels->model, t);
  below = levels->t_to_sigma (levels->model, low);
  above = levels->t_to_sigma (levels->model, low + 1);
  return sqrt (expm1 ((1 - share) * log1p (below * below) + share * log1p (above * above)));
}
