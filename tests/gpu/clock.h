/* What a measurement needs beside a table: the card's own clock, and a plain copy to compare with.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct VelClock VelClock;

/* name: "cuda", "emulated" or "reference"; NULL if this build does not have it */
const VelKernels *vel_clock_find_table (const char *name);

/* A card's clock stands in its stream (events); any other table is timed by the clock on the wall. */
VelClock *vel_clock_new (const VelKernels *kernels, VelBackend *backend);
void vel_clock_free (VelClock *self);
void vel_clock_start (VelClock *self);
/* Waits for everything asked for since. Returns: seconds */
double vel_clock_stop (VelClock *self);
/* From device memory to device memory, in the order of the ops. */
void vel_clock_copy (VelClock *self, void *to, const void *from, size_t bytes);

#ifdef __cplusplus
}
#endif
