/* What a network adds for each noise level, computed once.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/sampling/network.h"

typedef struct VelTimes VelTimes;

/* embedding: of the UNet, or of a network beside it.  conditions: [n], for whose vectors.  sigmas: [n_sigmas], those that are known
 * beforehand; 0 is left out. Returns: (transfer full) */
VelTimes *vel_times_new (VelContext *ctx, const VelNetwork *network, const VelTimeEmbedding *embedding, unsigned n,
                         const VelCondition *const *conditions, const double *sigmas, unsigned n_sigmas);
void vel_times_free (VelTimes *self);
/* Other conditions from now on, as many. */
void vel_times_bind (VelContext *ctx, VelTimes *self, const VelCondition *const *conditions);
/* For any sigma > 0; kept. -> [n, width], borrowed; without vectors [1, width] for all */
VelTensor *vel_times_get (VelContext *ctx, VelTimes *self, double sigma);
/* Rows of vel_times_get, [n or 1, width], each for as many rows of `shifts`. */
void vel_times_fill (VelContext *ctx, VelTensor *shifts, VelTensor *times);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelTimes, vel_times_free)
