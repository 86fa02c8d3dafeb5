/* How much memory the system can still give to this process.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* Linux: what is free or can be made so without swapping (MemAvailable), within the limits of the control groups this process is in (version 1
 * and 2; what files occupy there counts as free). root: "" for the system's own files, else a folder that stands for /.
 * available, total: 0 where nothing is known. */
void vel_cpu_read_available (const char *root, size_t *available, size_t *total);
