/* The weights of loaded networks by their names, for what changes them while they are there: W = W0 + the sum of scale * change.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The untouched W0 stays beside a changed weight, so that every change starts from it and taking all changes away brings it back to the bit.
 * A weight keeps its address from its first change on. */
#pragma once

#include "engine/error.h"
#include "engine/tensor/device.h"

typedef struct VelSlots VelSlots;
typedef struct VelSlot VelSlot;

/* One tensor of the model's files, and where it lies: rows first .. first+rows-1 of a slot. */
typedef struct {
  VelSlot *slot;
  const char *name; /* in the original layout: "….to_q.weight", "….norm1.bias" */
  gsize first, rows, in, kernel; /* [rows, in, kernel, kernel]; a table has in 1 */
} VelSlotPart;

/* Returns: (transfer full) */
VelSlots *vel_slots_new (VelDevice *device);
/* Takes all changes away first; the networks must still be there. */
void vel_slots_free (VelSlots *self);

/* For loading. What *weight and *table point to belongs to the layer, and so must stay where it is. names: [n], rows: [n], of the parts that
 * follow one another. */
void vel_slots_add_weight (VelSlots *self, VelPacked **weight, const char *const *names, const gsize *rows, guint n, gsize in, gsize kernel);
void vel_slots_add_table (VelSlots *self, float **table, const char *const *names, const gsize *rows, guint n);

guint vel_slots_get_n_parts (VelSlots *self);
const VelSlotPart *vel_slots_get_part (VelSlots *self, guint index);
/* (nullable) */
const VelSlotPart *vel_slots_find (VelSlots *self, const char *name);
/* Whose changes are in force, in words of whoever made them; "" for none. Borrowed. */
const char *vel_slots_get_state (VelSlots *self);
void vel_slots_set_state (VelSlots *self, const char *state);
/* Device memory that changed weights take beside the untouched ones. */
gsize vel_slots_get_bytes (VelSlots *self);

/* Changes that are in force now, 0 for an untouched slot. */
guint vel_slot_get_n_changes (VelSlot *self);
/* Puts these in place of all that were. terms: what they point to is floats in host memory; n up to VEL_MAX_MERGE_TERMS, 0 brings W0 back.
 * Returns: FALSE with VEL_ERROR_MEMORY, the slot untouched */
gboolean vel_slot_change (VelSlot *self, const VelMergeTerm *terms, guint n, GError **error);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelSlots, vel_slots_free)
