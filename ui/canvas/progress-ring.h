/* A ring that closes with each step, one stroke of colour a step.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

#define VEL_TYPE_PROGRESS_RING (vel_progress_ring_get_type ())
G_DECLARE_FINAL_TYPE (VelProgressRing, vel_progress_ring, VEL, PROGRESS_RING, GtkWidget)

/* fraction: 0..1. text: (nullable) in the middle; short. */
void vel_progress_ring_set (VelProgressRing *self, double fraction, const char *text);
/* What an assistive tool says: "Step 9 of 20, 7 seconds left". */
void vel_progress_ring_set_value_text (VelProgressRing *self, const char *text);
