/* Every so many of the fifty timesteps that consistency models are distilled at, from the last.  SPDX-License-Identifier: Apache-2.0
 * diffusers LCMScheduler and TCDScheduler with original_inference_steps = 50; stable-diffusion.cpp lcm. */
#include "plugins/plugin.h"

#define N_(text) text /* for the translators' tools */
#define DISTILLED 50u /* timesteps */

static unsigned
count (const VelNoiseLevels *levels, const double *params, unsigned n_steps)
{
  return n_steps < DISTILLED ? n_steps : DISTILLED;
}

static void
lcm (const VelNoiseLevels *levels, const double *params, unsigned n_steps, double *sigmas)
{
  unsigned n = count (levels, params, n_steps), apart = levels->n_table / DISTILLED;

  for (unsigned i = 0; i < n; i++)
    sigmas[i] = levels->t_to_sigma (levels->model, (DISTILLED - i * DISTILLED / n) * apart - 1);
  sigmas[n] = 0;
}

VEL_PLUGIN_EXPORT const VelSchedule vel_schedule = {
  VEL_PLUGIN_ABI, "lcm", "LCM", NULL, N_ ("The timesteps that consistency models (LCM, TCD) learned, fifty at most."),
  .sigmas = lcm, .count = count,
};
