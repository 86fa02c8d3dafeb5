/* Worker threads that stay: one loop is shared out at a time.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

typedef struct VelPool VelPool;

/* task: 0 .. n - 1, each exactly once.  thread: 0 is the caller, 1 .. threads - 1 the workers; no two tasks run at once with the
 * same number, so it names private scratch. */
typedef void (*VelTask) (void *data, size_t task, unsigned thread);

/* threads: the caller counts as one; 0: all processors this process may use.  nice: added to the workers' priority; the caller
 * keeps its own. Fewer threads than asked for are no error.  Returns: NULL if there is not enough memory. */
VelPool *vel_pool_new (unsigned threads, int nice);
/* Waits for the workers to end. Not while a loop runs. */
void vel_pool_free (VelPool *self);
unsigned vel_pool_get_threads (const VelPool *self);

/* Runs all tasks and returns when the last has ended. From one thread at a time. A single task runs in the caller. */
void vel_pool_run (VelPool *self, size_t n_tasks, VelTask task, void *data);
