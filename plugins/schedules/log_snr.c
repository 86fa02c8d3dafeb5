/* Even steps in the logarithm of signal to noise, for UniPC.  SPDX-License-Identifier: Apache-2.0 */
#include "plugins/schedules/unipc-times.h"

#define N_(text) text /* for the translators' tools */

static void
log_snr (const VelNoiseLevels *levels, const double *params, unsigned n_steps, double *sigmas)
{
  unsigned n = count (levels, params, n_steps);
  double high = log (levels->table[levels->n_table - 1]), low = log (levels->table[0]);

  for (unsigned i = 0; i <= n; i++)
    sigmas[i] = exp ((low * i + high * (n - i)) / n);
}

VEL_PLUGIN_EXPORT const VelSchedule vel_schedule = {
  VEL_PLUGIN_ABI, "log_snr", N_ ("Log SNR (UniPC)"), "logSNR", N_ ("Even ratios of noise to the training's first level, as A1111's UniPC can take them."),
  .sigmas = log_snr, .count = count,
};
