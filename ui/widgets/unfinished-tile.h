/* One picture that is painted and not saved yet: its rough preview, and what can be done about it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The window's actions "win.finish" and "win.discard-unfinished" get its id. */
#pragma once

#include <gtk/gtk.h>

#include "engine/unfinished.h"

#define VEL_TYPE_UNFINISHED_TILE (vel_unfinished_tile_get_type ())
G_DECLARE_FINAL_TYPE (VelUnfinishedTile, vel_unfinished_tile, VEL, UNFINISHED_TILE, GtkBox)

GtkWidget *vel_unfinished_tile_new (const VelUnfinished *picture);
