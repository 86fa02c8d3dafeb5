/* Classifier-free guidance (Ho & Salimans 2022): uncond + scale (cond - uncond), on the denoised latent.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/sampling/half.h"

typedef struct VelGuidance VelGuidance;

/* The first evaluation's raw outputs, of the first picture. Either may be NULL. */
typedef void (*VelRawFunc) (VelTensor *cond, VelTensor *uncond, gpointer data);

/* cond, uncond: for all pictures of a batch; uncond may be NULL where scale is 1. Both go through the network in one batch where they have
 * as many tokens, else one after the other. shape: of the latents, [batch, h, w, 4]. sigmas: [n_sigmas], those
 * that are known beforehand. ctx: used for what is computed once.
 * elsewhere: (nullable) another device, which evaluates uncond at the same time.
 * Returns: (transfer full); NULL if that failed (ask vel_context_check) */
VelGuidance *vel_guidance_new (VelContext *ctx, const VelNetwork *network, const VelElsewhere *elsewhere, double scale,
                               const VelCondition *cond, const VelCondition *uncond, VelShape shape, const double *sigmas, unsigned n_sigmas);
void vel_guidance_free (VelGuidance *self);
void vel_guidance_watch_first (VelGuidance *self, VelRawFunc watch, gpointer data);

/* See vel_denoiser_find_culprit. */
const char *vel_guidance_find_culprit (VelGuidance *self);

/* x: [B, h, w, 4] -> [B, h, w, 4], denoised and guided */
VelTensor *vel_guidance_run (VelContext *ctx, VelGuidance *self, VelTensor *x, double sigma);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelGuidance, vel_guidance_free)
