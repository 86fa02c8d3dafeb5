/* ControlNets while a picture is painted: in each step, the sum of what those add that act in it.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/control/controlnet.h"
#include "engine/control/use.h"
#include "engine/sampling/recording.h"
#include "engine/sampling/times.h"

struct VelControl {
  const VelControlNet *net;
  VelTensor *hint; /* [1, h, w, channels], of vel_controlnet_read_picture */
  VelControlUse use;
};

/* The controls of a network, bound to texts and to one size of picture. */
typedef struct VelControls VelControls;

/* conditions: [n], each for B / n pictures.  x: [B, h, w, 4], where the latents will be; kept.
 * Returns: (transfer full); NULL if that failed (ask vel_context_check), or if the network has none */
VelControls *vel_controls_new (VelContext *ctx, const VelNetwork *network, unsigned n, const VelCondition *const *conditions, VelTensor *x);
void vel_controls_free (VelControls *self);
void vel_controls_bind (VelContext *ctx, VelControls *self, const VelCondition *const *conditions);
/* Runs those that act in this step; nothing is computed for the others. */
void vel_controls_run (VelContext *ctx, VelControls *self, double sigma, unsigned step, unsigned n_steps);
/* Their sum: [n_results], always the same tensors, for vel_unet_forward. */
VelTensor *const *vel_controls_get_added (const VelControls *self);
/* After a run whose result was not finite. Returns: (nullable) the first culprit */
const char *vel_controls_find_culprit (VelControls *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelControls, vel_controls_free)
