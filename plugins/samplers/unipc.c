/* UniPC: a multistep guess that the next model call corrects, at no cost of its own.  SPDX-License-Identifier: Apache-2.0
 * Zhao et al. 2023, "UniPC", algorithms 5 and 7 with B2 (h) = e^h - 1, order 2, predicting the clean picture; diffusers
 * UniPCMultistepScheduler, solver_type bh2. Time is t = -log sigma. */
#include <math.h>

#include "plugins/plugin.h"

#define N_(text) text /* for the translators' tools */

/* h: of this step; back: t of the guess before minus that of the step's begin, below 0. */

/* out = the prediction from x. n: 2 where `before` is used. */
static void
predict (const VelSamplerHost *host, VelRun *run, VelTensor *out, VelTensor *x, VelTensor *guess, VelTensor *before, double h, double back,
         unsigned n)
{
  double keep = exp (-h), look = n > 1 ? (1 - keep) / 2 * h / back : 0;

  host->combine (run, out, n + 1, (double[]) { keep, 1 - keep - look, look }, (VelTensor *[]) { x, guess, before });
}

/* out = the correction of that prediction, now that the guess at its end is known. */
static void
correct (const VelSamplerHost *host, VelRun *run, VelTensor *out, VelTensor *x, VelTensor *guess, VelTensor *before, VelTensor *after,
         double h, double back, unsigned n)
{
  double keep = exp (-h), gain = 1 - keep, of_after = 0.5, of_before = 0, ratio = back / h;

  if (n > 1) { /* of_before + of_after = b1, ratio of_before + of_after = b2: phi functions over B */
    double phi_2 = gain / h - 1, phi_3 = -phi_2 / h - 0.5, b1 = -phi_2 / gain, b2 = -2 * phi_3 / gain;

    of_before = (b1 - b2) / (1 - ratio);
    of_after = b1 - of_before;
    of_before /= ratio;
  }
  host->combine (run, out, n + 2, (double[]) { keep, gain * (1 - of_before - of_after), gain * of_after, gain * of_before },
                 (VelTensor *[]) { x, guess, after, before });
}

static bool
unipc (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  VelTensor *guesses[3] = { host->new_like (run, x), host->new_like (run, x), host->new_like (run, x) }; /* the newest first */
  VelTensor *begin = host->new_like (run, x); /* of the last step, corrected */
  double h = 0, back = 0;
  unsigned n = 0; /* order of the last step */

  for (unsigned i = 0; i < n_steps; i++) {
    VelTensor *oldest = guesses[2];

    guesses[2] = guesses[1];
    guesses[1] = guesses[0];
    guesses[0] = oldest;
    if (!host->denoise (run, guesses[0], x, sigmas[i]))
      return false;
    if (i > 0)
      correct (host, run, begin, begin, guesses[1], guesses[2], guesses[0], h, back, n);
    else
      host->combine (run, begin, 1, (double[]) { 1 }, &x);
    back = -h;
    h = log (sigmas[i] / sigmas[i + 1]); /* infinite in a step to 0 */
    n = i > 0 && i + 1 < n_steps ? 2 : 1;
    predict (host, run, x, begin, guesses[0], guesses[1], h, back, n);
  }
  return true;
}

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "unipc", "UniPC", "uni_pc|uni_pc_bh2|k_unipc|unipc multistep",
  N_ ("Few steps where guidance is low; more, or a Karras schedule, where it is strong."),
  .run = unipc,
};
