/* What was computed on the way, kept for comparing tensor by tensor.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A NULL trace keeps nothing: every function may be called with one. Pictures and latents are stored channels first. */
#pragma once

#include "engine/tensor/context.h"

typedef struct VelTrace VelTrace;

VelTrace *vel_trace_new (void);
void vel_trace_free (VelTrace *self);
/* The first of the batch of a [B, h, w, C] tensor, as [1, C, h, w]. */
void vel_trace_add_picture (VelTrace *self, VelTensor *tensor, const char *format, ...) G_GNUC_PRINTF (3, 4);
/* As it is. */
void vel_trace_add (VelTrace *self, VelTensor *tensor, const char *name);
void vel_trace_add_floats (VelTrace *self, const float *values, VelShape shape, const char *name);
void vel_trace_add_ints (VelTrace *self, const gint32 *values, VelShape shape, const char *name);
gboolean vel_trace_write (VelTrace *self, const char *path, GError **error);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelTrace, vel_trace_free)
