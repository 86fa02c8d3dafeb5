/* Half of the steps take 2.5 percent of the noise away, evenly, the others the rest, ever faster.  SPDX-License-Identifier: Apache-2.0
 * Genmo's Mochi; ComfyUI comfy/samplers.py linear_quadratic_schedule, threshold_noise = 0.025. */
#include "plugins/plugin.h"

#define N_(text) text /* for the translators' tools */

static void
linear_quadratic (const VelNoiseLevels *levels, const double *params, unsigned n_steps, double *sigmas)
{
  const double threshold = 0.025;
  unsigned linear = n_steps / 2, quadratic = n_steps - linear;

  for (unsigned i = 0; i < n_steps; i++) {
    double done = 0; /* part of the noise that is gone before step i */

    if (i > 0 && i < linear) {
      done = threshold * i / linear;
    } else if (i > 0) { /* a parabola through (linear, threshold) with the line's slope there, 1 at the end */
      double slope = threshold / linear, past = i - linear;
      double bend = (1 - threshold - slope * quadratic) / ((double) quadratic * quadratic);

      done = threshold + slope * past + bend * past * past;
    }
    sigmas[i] = levels->sigma_max * (1 - done);
  }
  sigmas[n_steps] = 0;
}

VEL_PLUGIN_EXPORT const VelSchedule vel_schedule = {
  VEL_PLUGIN_ABI, "linear_quadratic", N_ ("Linear quadratic"), NULL, N_ ("Lingers where the noise is strong, then hurries; made for videos."),
  .sigmas = linear_quadratic,
};
