/* The button that paints, and how many at once.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/params.h"

#include <gtk/gtk.h>

#define VEL_TYPE_GENERATE_BAR (vel_generate_bar_get_type ())
G_DECLARE_FINAL_TYPE (VelGenerateBar, vel_generate_bar, VEL, GENERATE_BAR, GtkBox)

void vel_generate_bar_set_request (VelGenerateBar *self, VelValues *request);
/* While a job is in work the button adds to the queue; a narrow window shows Stop here. */
void vel_generate_bar_set_busy (VelGenerateBar *self, gboolean busy);
void vel_generate_bar_set_compact (VelGenerateBar *self, gboolean compact);
