/* One computation: where it runs, its intermediates, whether it was cancelled, its first error.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Intermediates belong to the innermost scope. Memory of a closed scope is reused by later ops, so a forward pass settles on a fixed
 * set of blocks after its first run. After an error or a cancel every op returns a tensor of the right shape without memory and does
 * nothing; a model's forward pass therefore has no error paths, its caller looks once. */
#pragma once

#include <gio/gio.h>

#include "engine/error.h"
#include "engine/tensor/device.h"

typedef struct VelContext VelContext;

/* cancellable: (nullable), looked at before every op. Returns: (transfer full) */
VelContext *vel_context_new (VelDevice *device, GCancellable *cancellable);
/* Another one on the same device with the same cancellable, for what has to keep its memory to itself. Returns: (transfer full) */
VelContext *vel_context_new_inside (VelContext *self);
/* Another one with the same cancellable on another device. Returns: (transfer full) */
VelContext *vel_context_new_beside (VelContext *self, VelDevice *device);
void vel_context_free (VelContext *self);
VelDevice *vel_context_get_device (VelContext *self);
/* Idle blocks go back to the system when a large one of another size is wanted: least memory, for what passes through many sizes once
 * (the VAE). */
void vel_context_set_lean (VelContext *self, gboolean lean);

/* Edges of pictures meet, left and right, above and below: layers pad by the other end instead of by zeros (engine/models/layers.h). Contexts
 * made from this one after that have it too. */
void vel_context_set_wrap (VelContext *self, gboolean x, gboolean y);
gboolean vel_context_get_wrap_x (VelContext *self);
gboolean vel_context_get_wrap_y (VelContext *self);

void vel_context_open (VelContext *self);
/* Ends the innermost scope; its tensors may be reused. keep: (nullable), moves to the scope outside, and is returned. */
VelTensor *vel_context_close (VelContext *self, VelTensor *keep);

/* A tensor of the innermost scope, contents undefined; borrowed. */
VelTensor *vel_context_tensor (VelContext *self, VelType type, VelShape shape);
/* Elements first .. first+count-1 of axis 0, sharing memory with a tensor of this or an outer scope; borrowed. */
VelTensor *vel_context_slice (VelContext *self, VelTensor *tensor, gint64 first, gint64 count);
/* The same memory under another shape of as many elements; borrowed. */
VelTensor *vel_context_reshape (VelContext *self, VelTensor *tensor, VelShape shape);
/* Gives a tensor of the innermost scope back early; neither it nor a view of it may be used again. NULL is ignored. */
void vel_context_drop (VelContext *self, VelTensor *tensor);

/* True if the computation goes on: no error, not cancelled, the device at work. Ops ask this first. */
gboolean vel_context_ok (VelContext *self);
/* Keeps the first error only. */
void vel_context_fail (VelContext *self, VelError code, const char *format, ...) G_GNUC_PRINTF (3, 4);
/* error: (transfer full), likewise. */
void vel_context_set_error (VelContext *self, GError *error);
/* Hands over the first error, if any, and clears it. Returns: FALSE with error set if there was one. */
gboolean vel_context_check (VelContext *self, GError **error);
/* Takes over the first error of `other`, which is clear of it then. */
void vel_context_take_error (VelContext *self, VelContext *other);
/* For finding out where numbers went out of bounds: with it every layer's result is looked at, which is slow. */
void vel_context_set_watch (VelContext *self, gboolean watch);
/* Looks at a result if asked to. layer: owned by nobody. */
void vel_context_look (VelContext *self, VelTensor *tensor, const char *layer);
/* (nullable) the first layer whose result was not finite */
const char *vel_context_get_culprit (VelContext *self);
/* What the products of the ops so far came to: two for each multiplication and addition, whatever algorithm ran. */
void vel_context_count (VelContext *self, double flops);
double vel_context_get_flops (VelContext *self);
/* Whether the same ops as since the last call would find all their memory here: not after blocks went back to the device in between. */
gboolean vel_context_is_settled (VelContext *self);
/* Largest number of bytes held at once. */
size_t vel_context_get_peak (VelContext *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelContext, vel_context_free)
