/* The noise levels a network was trained on, and where a run's steps lie among them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * k-diffusion external.py DiscreteSchedule: a table of sigmas, one for each training timestep; between them log sigma is linear. */
#pragma once

#include <glib.h>

#include "engine/params.h"
#include "engine/sampling/rules.h"
#include "plugins/plugin.h"

/* From the betas of the forward process: abar = cumprod (1 - beta), rounded to float as checkpoints store it, sigma =
 * sqrt ((1 - abar) / abar). n: at least 2. Returns: (transfer full) */
VelNoiseLevels *vel_noise_levels_new (const double *betas, unsigned n);
/* betas = linspace (sqrt first, sqrt last, n)^2, as Stable Diffusion has it. Returns: (transfer full) */
VelNoiseLevels *vel_noise_levels_new_scaled_linear (double first, double last, unsigned n);
void vel_noise_levels_free (VelNoiseLevels *self);
/* Stable Diffusion's: 1000 steps, betas 0.00085 .. 0.012. Borrowed, lives for ever. */
const VelNoiseLevels *vel_noise_levels_sd (void);
/* The same for one network. family: of static storage, or NULL.  zero_terminal_snr: moved so that the last level is all but pure noise (Lin
 * et al. 2023, algorithm 1; AUTOMATIC1111 1.10 modules/sd_models.py rescale_zero_terminal_snr_abar). Returns: (transfer full) */
VelNoiseLevels *vel_noise_levels_new_sd (const char *family, gboolean zero_terminal_snr);

/* How many steps the schedule takes when n_steps are asked for; some bring a number of their own. At least 1. */
unsigned vel_noise_levels_count (const VelNoiseLevels *self, const VelSchedule *schedule, const double *params, unsigned n_steps);

/* Falling noise levels of a run of n_steps >= 1 steps, as the sampler wants them: one more than it takes steps, the last one 0, or above it
 * where the schedule leaves a rest of noise. Of a sampler of its own timesteps (DDIM's) there are n, n + 1 or more, the last above 0.
 * Returns: (transfer full) (element-type double), at least 2; NULL with VEL_ERROR_PLUGIN if the schedule's do not fall, or
 * VEL_ERROR_REQUEST if the sampler can not take so few or so many steps */
GArray *vel_noise_levels_sigmas (const VelNoiseLevels *self, const VelSampler *sampler, const VelSchedule *schedule, unsigned n_steps,
                                 GError **error);

/* What else shapes a descent. */
typedef struct {
  const VelRules *rules;   /* (nullable) which samplers discard the last but one level, where not those that say so themselves */
  VelValues *request;      /* (nullable) discard_penultimate, sigma_min, sigma_max, and the schedule's params by name */
  gboolean whole_range;    /* sigma_min and sigma_max say nothing */
} VelDescent;

/* The same, and VEL_ERROR_REQUEST if sigma_min is not below sigma_max. */
GArray *vel_noise_levels_sigmas_by (const VelNoiseLevels *self, const VelDescent *descent, const VelSampler *sampler,
                                    const VelSchedule *schedule, unsigned n_steps, GError **error);
/* The timestep whose sigma is nearest in its logarithm, in floats as ComfyUI's ModelSamplingDiscrete.timestep has it. */
unsigned vel_noise_levels_nearest (const VelNoiseLevels *self, double sigma);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelNoiseLevels, vel_noise_levels_free)
