/* The edge of the panel that can be dragged.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

/* handle: any narrow widget at the panel's edge. width: to begin with, in pixels. */
void vel_width_handle_init (GtkWidget *handle, GtkWidget *panel, int width);
int vel_width_handle_get_width (GtkWidget *handle);
/* A narrow window has its own width for the panel; the one dragged to comes back afterwards. */
void vel_width_handle_set_compact (GtkWidget *handle, gboolean compact);
