/* The two 8-bit floating-point formats that models are stored in.
 * SPDX-License-Identifier: Apache-2.0
 *
 * e4m3fn: sign, 4 bits of exponent, 3 of mantissa; no infinities, 0x7f and 0xff are not a number, the largest is 448.
 * e5m2: the upper byte of a half. */
#pragma once

#include <glib.h>

void vel_float8_decode_e4m3 (const guint8 *stored, gsize count, float *out);
void vel_float8_decode_e5m2 (const guint8 *stored, gsize count, float *out);
/* To e4m3fn, rounded to nearest, ties to even. Numbers beyond 448 become 448: PyTorch makes them not a number, and a model with one of
 * these gives black pictures. What is infinite or not a number stays broken, so that it is seen. */
guint8 vel_float8_from_float (float value);
