/* Guidance: a weighted sum of what the network makes of several conditions, on the denoised latent.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Classifier-free guidance (Ho & Salimans 2022), uncond + scale (cond - uncond), has two terms: cond with the weight scale, uncond with
 * 1 - scale. Composed prompts (Liu et al. 2022) and pictures to change (Brooks et al. 2023) have more. */
#pragma once

#include "engine/sampling/half.h"

typedef struct {
  const VelCondition *condition; /* for all pictures of a batch */
  double weight;
} VelTerm;

typedef struct VelGuidance VelGuidance;

/* The first evaluation's raw outputs, of the first picture and the first and the last term; last: NULL if there is one term only. */
typedef void (*VelRawFunc) (VelTensor *first, VelTensor *last, gpointer data);

/* What the terms' conditions are from the evaluation with this number on, the first being 0. conditions: [n], (inout) of the same shapes. */
typedef void (*VelChangeFunc) (unsigned evaluation, const VelCondition **conditions, gpointer data);

/* terms: [n], n >= 1; the conditions are borrowed. Two that follow one another go through the network in one batch where they have as many
 * tokens, else one after the other. shape: of the latents, [batch, h, w, 4]. sigmas: [n_sigmas], those that are known beforehand. ctx: used for what is computed once.
 * elsewhere: (nullable) another device, which evaluates the last of two or more terms at the same time.
 * Returns: (transfer full); NULL if that failed (ask vel_context_check) */
VelGuidance *vel_guidance_new (VelContext *ctx, const VelNetwork *network, const VelElsewhere *elsewhere, unsigned n, const VelTerm *terms,
                               VelShape shape, const double *sigmas, unsigned n_sigmas);
void vel_guidance_free (VelGuidance *self);
void vel_guidance_watch_first (VelGuidance *self, VelRawFunc watch, gpointer data);
/* change: asked before each evaluation but the first. */
void vel_guidance_set_change (VelGuidance *self, VelChangeFunc change, gpointer data);

/* Strong guidance makes everything louder: by how much of the way the network's guided output is brought back to the deviation of the first
 * term's (Lin et al. 2023, section 3.4; diffusers' rescale_noise_cfg). 0: not at all, as from the beginning. */
void vel_guidance_set_rescale (VelGuidance *self, double amount);
/* Evaluations from now on are of step k, from 0, of n. */
void vel_guidance_set_step (VelGuidance *self, unsigned step, unsigned n_steps);
/* Of one that takes over from another: counts on from the evaluations behind it. */
void vel_guidance_go_on (VelGuidance *self, unsigned evaluations);
unsigned vel_guidance_get_evaluations (const VelGuidance *self);

/* See vel_denoiser_find_culprit. */
const char *vel_guidance_find_culprit (VelGuidance *self);

/* x: [B, h, w, 4] -> [B, h, w, 4], denoised and guided */
VelTensor *vel_guidance_run (VelContext *ctx, VelGuidance *self, VelTensor *x, double sigma);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelGuidance, vel_guidance_free)
