/* The K-quants of ggml: blocks of 256, in parts of 16 or 32 with small scales of their own.
 * SPDX-License-Identifier: Apache-2.0
 *
 * count: a multiple of VEL_K_BLOCK. d and dmin are halves, s and m the parts' integers, q the numbers. */
#pragma once

#include <glib.h>

#define VEL_K_BLOCK 256 /* elements */

void vel_blocks_decode_q2_k (const guint8 *stored, gsize count, float *out); /* d s q - dmin m; parts of 16 */
void vel_blocks_decode_q3_k (const guint8 *stored, gsize count, float *out); /* d (s - 32) (q - 4); parts of 16 */
void vel_blocks_decode_q4_k (const guint8 *stored, gsize count, float *out); /* d s q - dmin m; parts of 32 */
void vel_blocks_decode_q5_k (const guint8 *stored, gsize count, float *out); /* the same with a fifth bit */
void vel_blocks_decode_q6_k (const guint8 *stored, gsize count, float *out); /* d s (q - 32); parts of 16 */
