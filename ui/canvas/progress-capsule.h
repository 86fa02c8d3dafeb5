/* How far the job in work is, floating below the picture: ring, step, time left, Stop.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

#include "engine/worker.h"

#define VEL_TYPE_PROGRESS_CAPSULE (vel_progress_capsule_get_type ())
G_DECLARE_FINAL_TYPE (VelProgressCapsule, vel_progress_capsule, VEL, PROGRESS_CAPSULE, GtkBox)

/* job: (nullable) NULL empties it. */
void vel_progress_capsule_set_job (VelProgressCapsule *self, VelJob *job);
/* Without Stop, which a narrow window has beside Generate. */
void vel_progress_capsule_set_compact (VelProgressCapsule *self, gboolean compact);
