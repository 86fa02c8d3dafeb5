/* IPNDM with weights for the steps as they are.  SPDX-License-Identifier: Apache-2.0
 * Zhang and Chen 2022, DEIS, iPNDM with variable steps; ComfyUI sample_ipndm_v, max_order = 4. */
#include "plugins/samplers/slopes.h"

#define N_(text) text /* for the translators' tools */

/* Divided differences are added up, as the reference does: where steps are uneven two of its terms differ from Adams and Bashforth's
 * (`third` and the last weight of `fourth`), and so do its pictures. */
static unsigned
weigh (const double *sigmas, unsigned n, double weights[MOST_SLOPES])
{
  double h[4] = { 0 }, second, third = 0, fourth = 0, b = 0, q = 0, c = 0;

  n = sigmas[1] > 0 ? n : 1; /* the last step goes straight to the clean picture */
  for (unsigned k = 0; k < n; k++)
    h[k] = sigmas[1 - (int) k] - sigmas[-(int) k];
  second = n > 1 ? h[0] / h[1] / 2 : 0;
  if (n > 2) {
    b = h[1] / h[2];
    third = (1 - h[0] * h[0] / (3 * h[1] * (h[1] + h[2]))) / 2;
  }
  if (n > 3) {
    double two = h[0] + h[1], three = two + h[2];

    c = h[2] / h[3];
    q = h[1] * (h[1] + h[2]) / (h[2] * (h[2] + h[3]));
    fourth = ((1 - h[0] / (3 * two)) / 2 + (1 - h[0] / (2 * two)) * h[0] / (6 * three)) * h[0] * two * three
             / (h[1] * (h[1] + h[2]) * (h[1] + h[2] + h[3]));
  }
  weights[0] = h[0] * (1 + second + third + fourth);
  weights[1] = -h[0] * (second + (1 + b) * third + (1 + b + q) * fourth);
  weights[2] = h[0] * (b * third + (b + q * (1 + c)) * fourth);
  weights[3] = -h[0] * fourth * q * b;
  return n;
}

static bool
ipndm_v (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps)
{
  return slopes_run (host, run, x, sigmas, n_steps, 4, weigh);
}

VEL_PLUGIN_EXPORT const VelSampler vel_sampler = {
  VEL_PLUGIN_ABI, "ipndm_v", "IPNDM_V", "sample_ipndm_v", N_ ("IPNDM that minds how long its steps are."), .run = ipndm_v,
};
