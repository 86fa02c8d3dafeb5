/* The seed: unset it is new for every picture, locked it stays.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

/* control: made by vel_param_seed_new. Shows which seed the last picture had; the lock keeps that one. */
void vel_param_seed_show_used (GtkWidget *control, guint64 seed);
