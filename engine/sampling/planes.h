/* Values that are drawn as torch lays them out, in tensors as ours are.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/tensor/context.h"

/* Writes one picture's values, [channels, height, width]. */
typedef void (*VelPlanesFunc) (gpointer data, gint64 picture, float *planes, gsize count);

/* out: [B, h, w, C] in fp32, filled picture by picture, or, together, by one call for all: [B, channels, height, width]. Nothing is drawn
 * where the context has failed. */
void vel_planes_fill (VelContext *ctx, VelTensor *out, gboolean together, VelPlanesFunc func, gpointer data);
