/* UniPC: a multistep guess that the next model call corrects, at no cost of its own.
 * SPDX-License-Identifier: Apache-2.0
 * Zhao et al. 2023, "UniPC", algorithms 5 to 7, predicting the clean picture, in the forms of its authors' code: B (h) = h (bh1), e^h - 1
 * (bh2), or coefficients that vary (vary_coeff). Time is t = -log sigma; a step takes h of it. */
#pragma once

#include <math.h>

#include "plugins/plugin.h"

#define MOST_ORDER 3

enum { BH1, BH2, VARY_COEFF };

#define UNIPC_PARAMS(usual_variant, usual_order) \
  { "unipc_variant", N_ ("UniPC variant"), N_ ("Which of UniPC's forms; the first is for few steps without guidance."), 0, 2, \
    usual_variant, VEL_PLUGIN_CHOICE, "bh1|bh2|vary_coeff" }, \
  { "unipc_order", N_ ("UniPC order"), N_ ("How many guesses a step looks back on; 2 suits strong guidance, 3 none."), 1, MOST_ORDER, \
    usual_order, VEL_PLUGIN_WHOLE }, \
  { "unipc_lower_order_final", N_ ("UniPC lower final order"), N_ ("Look back less in the last steps, which steadies few of them."), 0, 1, 1, \
    VEL_PLUGIN_YES_NO }

/* A step as its predictor and its corrector see it. */
typedef struct {
  double from, to; /* noise levels */
  double h;        /* infinite in a step to 0 */
  double back[2];  /* times of the guesses before, minus that of the step's begin: below 0 */
  unsigned order;
} UniPCStep;

/* How much of the differences from the guess at the step's begin is added, in shares of 1 - e^-h. */
typedef struct {
  double before[2], after;
} UniPCShares;

/* The paper's h phi_k (h) at -h for k from 1 to 4, the first with its sign turned: 1 - e^-h. */
static inline void
find_phis (double h, double *phi)
{
  phi[0] = 1 - exp (-h);
  phi[1] = phi[0] / h - 1;
  phi[2] = -phi[1] / h - 0.5;
  phi[3] = -phi[2] / h - 1.0 / 6;
}

/* B (h) forms: shares so that polynomials up to the order are met at the nodes back / h and, where it corrects, 1. */
static inline UniPCShares
share_by_b (const UniPCStep *step, double b_of_h, bool correct)
{
  UniPCShares shares = { { 0, 0 }, 0 };
  double phi[4], scale, b[3], r[2] = { step->back[0] / step->h, step->back[1] / step->h }, *before = shares.before;

  find_phis (step->h, phi);
  scale = b_of_h / phi[0];
  for (int i = 0, factorial = 1; i < 3; factorial *= ++i + 1)
    b[i] = -phi[i + 1] * factorial / b_of_h;
  if (correct && step->order == 1)
    shares.after = 0.5;
  else if (correct) { /* what is left for `after` makes the sum b[0] */
    if (step->order == 2)
      before[0] = (b[0] - b[1]) / (1 - r[0]);
    else {
      double m[2][2] = { { 1 - r[0], 1 - r[1] }, { 1 - r[0] * r[0], 1 - r[1] * r[1] } }, det = m[0][0] * m[1][1] - m[0][1] * m[1][0];

      before[0] = ((b[0] - b[1]) * m[1][1] - m[0][1] * (b[0] - b[2])) / det;
      before[1] = (m[0][0] * (b[0] - b[2]) - (b[0] - b[1]) * m[1][0]) / det;
    }
    shares.after = b[0] - before[0] - before[1];
  } else if (step->order == 2)
    before[0] = 0.5;
  else if (step->order == 3) {
    before[1] = (b[1] - r[0] * b[0]) / (r[1] - r[0]);
    before[0] = b[0] - before[1];
  }
  shares.after *= scale;
  for (int k = 0; k < 2 && k + 1 < (int) step->order; k++)
    before[k] = scale * before[k] / r[k];
  return shares;
}

/* inverse of an n by n matrix, n <= 3, by cofactors */
static inline void
invert (unsigned n, double m[3][3], double inverse[3][3])
{
  double det = 0;

  if (n == 1)
    inverse[0][0] = 1 / m[0][0];
  else if (n == 2) {
    det = m[0][0] * m[1][1] - m[0][1] * m[1][0];
    inverse[0][0] = m[1][1] / det;
    inverse[0][1] = -m[0][1] / det;
    inverse[1][0] = -m[1][0] / det;
    inverse[1][1] = m[0][0] / det;
  } else {
    for (int i = 0; i < 3; i++)
      for (int j = 0; j < 3; j++)
        inverse[j][i] = m[(i + 1) % 3][(j + 1) % 3] * m[(i + 2) % 3][(j + 2) % 3] - m[(i + 1) % 3][(j + 2) % 3] * m[(i + 2) % 3][(j + 1) % 3];
    for (int j = 0; j < 3; j++)
      det += m[0][j] * inverse[j][0];
    for (int i = 0; i < 9; i++)
      (&inverse[0][0])[i] /= det;
  }
}

/* The form whose coefficients vary. The share of `after` is that of the code: with the matrix' row of the order before. */
static inline UniPCShares
share_varying (const UniPCStep *step, bool correct)
{
  UniPCShares shares = { { 0, 0 }, 0 };
  unsigned n = step->order, rows = correct ? n : n - 1, last = n > 1 ? n - 2 : 0;
  double phi[4], nodes[3], m[3][3], inverse[3][3];

  find_phis (step->h, phi);
  for (unsigned i = 0; i < rows; i++) {
    nodes[i] = i + 1 < n ? step->back[i] / step->h : 1;
    m[i][0] = 1;
    m[i][1] = nodes[i] / 2;
    m[i][2] = nodes[i] * nodes[i] / 6;
  }
  if (rows > 0)
    invert (rows, m, inverse);
  for (unsigned j = 0; j + 1 < n; j++) {
    for (unsigned k = 0; k + 1 < n; k++)
      shares.before[j] -= phi[k + 1] * inverse[k][j];
    shares.before[j] /= nodes[j] * phi[0];
  }
  if (correct)
    shares.after = -phi[n] * inverse[last][n - 1] / phi[0];
  return shares;
}

/* out = the step from x. guesses: at its begin, then earlier ones.  after: (nullable) at its end, to correct with.  preserving: x is scaled
 * by 1 / sqrt (1 + sigma^2). */
static inline void
take_step (const VelSamplerHost *host, VelRun *run, const UniPCStep *step, int variant, bool preserving, VelTensor *out, VelTensor *x,
           VelTensor **guesses, VelTensor *after)
{
  double keep = exp (-step->h), gain = 1 - keep, shrink = preserving ? 1 / hypot (1, step->to) : 1;
  double of_x = preserving ? keep * hypot (1, step->from) * shrink : keep;
  UniPCShares shares = { { 0, 0 }, 0 };
  double weights[5], rest = 1;
  VelTensor *terms[5] = { x, guesses[0] };
  unsigned n = 2;

  if (variant == VARY_COEFF && (after || step->order > 1))
    shares = share_varying (step, after != NULL);
  else if (after || step->order > 1)
    shares = share_by_b (step, variant == BH1 ? step->h : gain, after != NULL);
  if (after) {
    terms[n] = after;
    weights[n++] = shrink * gain * shares.after;
  }
  for (unsigned k = 0; k + 1 < step->order; k++) {
    terms[n] = guesses[k + 1];
    weights[n++] = shrink * gain * shares.before[k];
    rest -= shares.before[k];
  }
  rest -= shares.after;
  weights[0] = of_x;
  weights[1] = shrink * gain * rest;
  host->combine (run, out, n, weights, terms);
}

static inline bool
run_unipc (const VelSamplerHost *host, VelRun *run, VelTensor *x, const double *sigmas, unsigned n_steps, bool preserving)
{
  int variant = (int) host->param (run, "unipc_variant");
  unsigned order = (unsigned) host->param (run, "unipc_order");
  bool lower = host->param (run, "unipc_lower_order_final") != 0;
  VelTensor *guesses[MOST_ORDER + 1]; /* the newest first */
  VelTensor *begin = host->new_like (run, x); /* of the last step, corrected */
  UniPCStep step = { 0 };

  for (int k = 0; k <= MOST_ORDER; k++)
    guesses[k] = host->new_like (run, x);
  for (unsigned i = 0; i < n_steps; i++) {
    VelTensor *oldest = guesses[MOST_ORDER];

    for (int k = MOST_ORDER; k > 0; k--)
      guesses[k] = guesses[k - 1];
    guesses[0] = oldest;
    if (!host->denoise (run, guesses[0], x, sigmas[i]))
      return false;
    if (i > 0)
      take_step (host, run, &step, variant, preserving, begin, begin, guesses + 1, guesses[0]);
    else
      host->combine (run, begin, 1, (double[]) { 1 }, &x);
    step = (UniPCStep) { sigmas[i], sigmas[i + 1], log (sigmas[i] / sigmas[i + 1]), { -step.h, step.back[0] - step.h }, order };
    if (step.order > i + 1)
      step.order = i + 1;
    if (lower && step.order > n_steps - i)
      step.order = n_steps - i;
    if (sigmas[i + 1] == 0)
      step.order = 1;
    take_step (host, run, &step, variant, preserving, x, begin, guesses, NULL);
  }
  return true;
}
