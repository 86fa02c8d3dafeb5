/* Noise that belongs to noise levels instead of to an order of draws: a Brownian path over sigma, the same one for any steps along it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * k-diffusion sampling.py BrownianTreeNoiseSampler over torchsde's BrownianTree (tolerance 1e-6, halving), bit by bit where the normal
 * values are. Sigmas are rounded to float, as those programs keep them. */
#pragma once

#include "engine/tensor/random.h"

typedef struct {
  VelRandomKind kind;
  guint64 seed;
  double low, high; /* the path's ends */
} VelBrownian;

/* kind: whose normal values. low < high: the ends of the path, the lowest noise level above 0 and the highest one of a run. */
void vel_brownian_init (VelBrownian *self, VelRandomKind kind, guint64 seed, double low, double high);

/* The unit noise of a step between two different noise levels of the path: its increment over the root of the distance. Values are laid
 * out as torch's [C, h, w]. */
void vel_brownian_step (const VelBrownian *self, double from, double to, float *out, gsize count);
