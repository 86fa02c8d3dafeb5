/* Ten steps that were optimised for one family of networks, and others read between them.  SPDX-License-Identifier: Apache-2.0
 * Sabour et al. 2024, "Align Your Steps", the tables of its how-to; AUTOMATIC1111 1.10 modules/sd_schedulers.py
 * get_align_your_steps_sigmas: log sigma is linear between entries. */
#include <math.h>
#include <string.h>

#include "plugins/plugin.h"

#define N_(text) text /* for the translators' tools */
#define N_LEVELS 11

static const double sd1[N_LEVELS] = { 14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029 };
static const double sdxl[N_LEVELS] = { 14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029 };

static void
align_your_steps (const VelNoiseLevels *levels, const double *params, unsigned n_steps, double *sigmas)
{
  const double *table = levels->family != NULL && strncmp (levels->family, "sdxl", 4) == 0 ? sdxl : sd1;

  for (unsigned i = 0; i < n_steps; i++) {
    double place = n_steps > 1 ? (double) i * (N_LEVELS - 1) / (n_steps - 1) : N_LEVELS - 1; /* a single step is the last one there too */
    unsigned before = place < N_LEVELS - 1 ? (unsigned) place : N_LEVELS - 2;

    sigmas[i] = exp (log (table[before]) + (place - before) * log (table[before + 1] / table[before]));
  }
  sigmas[n_steps] = 0;
}

VEL_PLUGIN_EXPORT const VelSchedule vel_schedule = {
  VEL_PLUGIN_ABI, "align_your_steps", "Align Your Steps", "ays", N_ ("Tuned for about ten steps with Stable Diffusion."),
  .sigmas = align_your_steps,
};
