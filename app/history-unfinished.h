/* What `history` does with pictures that are painted and not saved yet.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/verb.h"
#include "engine/history.h"

/* One line for people, or one JSON object. */
void vel_unfinished_print (const VelUnfinished *self, gboolean as_json);
/* All of them; files that can not be used are named on standard error. */
void vel_unfinished_print_all (VelHistory *history, gboolean as_json);
/* argument: an id, or VEL_UNFINISHED_ALL. own: the verb's output, force, device, memory, threads, quiet, json */
VelExit vel_unfinished_finish (VelHistory *history, const char *argument, VelValues *own);
VelExit vel_unfinished_remove (VelHistory *history, const char *argument, VelValues *own);
