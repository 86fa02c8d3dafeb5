/* The emulator's settings for tests, in C.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How threads take turns and when asynchronous copies land: 0 forward and late, 1 reverse and early, 2 in a random order and late, 3 random
 * and early. */
#define VEL_EMULATOR_MODES 4
void vel_emulator_use_mode (unsigned mode);

/* What cards opened from now on can do: 80, or 90 for warpgroups. */
void vel_emulator_use_capability (unsigned capability);

/* Kernels do nothing and memory is zeros: what a program asks of a card stays the same, in no time. */
void vel_emulator_use_dry (bool dry);

/* The n-th call of a card's runtime from now on (from 1) fails; 0: none. lost: the card breaks down; else memory is short, where the call
 * asks for memory. */
void vel_emulator_fail_at (unsigned n, bool lost);
/* Calls since then. */
unsigned vel_emulator_calls (void);

#ifdef __cplusplus
}
#endif
