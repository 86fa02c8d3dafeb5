/* What waits, while something waits.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/worker.h"

#include <gtk/gtk.h>

#define VEL_TYPE_QUEUE_LINE (vel_queue_line_get_type ())
G_DECLARE_FINAL_TYPE (VelQueueLine, vel_queue_line, VEL, QUEUE_LINE, GtkBox)

void vel_queue_line_set_worker (VelQueueLine *self, VelWorker *worker);
/* Looks again; the worker says when a job is added or over, but not when one begins. */
void vel_queue_line_update (VelQueueLine *self);
