/* What several changes of one weight come to: terms for the kernels, which take VEL_MAX_MERGE_TERMS of them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The last of the terms becomes the whole of all that follow, in the order in which they are taken. */
#pragma once

#include "engine/lora/delta.h"
#include "kernels/kernels.h"

typedef struct {
  VelMergeTerm terms[VEL_MAX_MERGE_TERMS];
  guint n;
  /* private */
  VelDelta deltas[VEL_MAX_MERGE_TERMS];
  gsize rows, columns; /* of the weight */
  gsize surplus;       /* changes in the last term beyond its own */
} VelLoraTerms;

/* rows: at least up to the last that is changed; columns: floats in one */
void vel_lora_terms_init (VelLoraTerms *self, gsize rows, gsize columns);
/* delta is emptied. first, rows: what it changes. parts: for the error.
 * Returns: FALSE with VEL_ERROR_MEMORY */
gboolean vel_lora_terms_take (VelLoraTerms *self, VelDelta *delta, double strength, gsize first, gsize rows, const VelDeltaParts *parts,
                              GError **error);
void vel_lora_terms_clear (VelLoraTerms *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VelLoraTerms, vel_lora_terms_clear)
