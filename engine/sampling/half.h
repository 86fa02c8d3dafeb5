/* The half of guidance that another device evaluates at the same time: its own copy of the network, in a thread of its own.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/helper.h"
#include "engine/sampling/denoiser.h"

/* Where: all calls of that device happen on that thread. Borrowed while a half is there. */
typedef struct {
  VelHelper *helper;
  VelDevice *device;
  VelUNet *unet; /* on that device */
} VelElsewhere;

/* On the helper: what an error there means to the first device's computation: a lost device says so, and short memory is no reason for
 * that one to make room. *error: not NULL */
void vel_elsewhere_explain (const VelElsewhere *self, GError **error);

typedef struct VelHalf VelHalf;

/* ctx: of the first device.  network: as there, but for the UNet.  condition: on ctx's device; shape: [B, h, w, channels].
 * Returns: (transfer full); NULL if that failed (ask vel_context_check) */
VelHalf *vel_half_new (VelContext *ctx, const VelElsewhere *elsewhere, const VelNetwork *network, const VelCondition *condition, VelShape shape,
                       const double *sigmas, unsigned n_sigmas);
void vel_half_free (VelHalf *self);
/* Another condition of the same shapes from now on. */
void vel_half_bind (VelContext *ctx, VelHalf *self, const VelCondition *condition);
/* Takes x [B, h, w, 4] along and begins; what ctx's device does from now on happens meanwhile. */
void vel_half_begin (VelContext *ctx, VelHalf *self, VelTensor *x, double sigma);
/* Waits. raw: (out) the network's output. -> [B, h, w, 4], denoised, both on ctx's device. Errors are ctx's then. */
VelTensor *vel_half_end (VelContext *ctx, VelHalf *self, VelTensor **raw);
/* See vel_denoiser_find_culprit. */
const char *vel_half_find_culprit (VelHalf *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelHalf, vel_half_free)
