/* Quantised numbers as ggml stores them: blocks of 32 with a scale of their own.
 * SPDX-License-Identifier: Apache-2.0
 *
 * d and m are halves, q and h integers; element j < 16 is in the low half of byte j of q, element j + 16 in its high half. */
#pragma once

#include <glib.h>

#define VEL_BLOCK 32      /* elements */
#define VEL_Q8_0_BYTES 34 /* of a block */

/* count: a multiple of VEL_BLOCK. */
void vel_blocks_decode_q4_0 (const guint8 *stored, gsize count, float *out); /* d (q - 8) */
void vel_blocks_decode_q4_1 (const guint8 *stored, gsize count, float *out); /* d q + m */
void vel_blocks_decode_q5_0 (const guint8 *stored, gsize count, float *out); /* d (q + 16 h - 16) */
void vel_blocks_decode_q5_1 (const guint8 *stored, gsize count, float *out); /* d (q + 16 h) + m */
void vel_blocks_decode_q8_0 (const guint8 *stored, gsize count, float *out); /* d q */
/* As ggml does: d is the largest magnitude / 127, q the nearest integer, halves away from zero. */
void vel_blocks_encode_q8_0 (const float *values, gsize count, guint8 *out);
