/* Earlier pictures, newest first, along the window's edge.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Signals: "chosen" (gint64 id): show it; "opened" (gint64 id): take over its settings; "live-chosen": show the one being painted;
 * "read": the list was read and has pictures; "unfinished": there are others that are painted and not saved. */
#pragma once

#include "engine/history.h"
#include "engine/worker.h"

#include <gtk/gtk.h>

#define VEL_TYPE_HISTORY_STRIP (vel_history_strip_get_type ())
G_DECLARE_FINAL_TYPE (VelHistoryStrip, vel_history_strip, VEL, HISTORY_STRIP, GtkBox)

/* history: (nullable) */
void vel_history_strip_set_history (VelHistoryStrip *self, VelHistory *history);
/* The job in work has a place of its own above the others. (nullable) */
void vel_history_strip_set_job (VelHistoryStrip *self, VelJob *job);
void vel_history_strip_set_preview (VelHistoryStrip *self, GdkTexture *texture);
/* Marks a picture without "chosen"; < 0: none. */
void vel_history_strip_select (VelHistoryStrip *self, gint64 id);
/* < 0 if there is none. */
gint64 vel_history_strip_get_newest (VelHistoryStrip *self);
guint vel_history_strip_get_n_pictures (VelHistoryStrip *self);
guint vel_history_strip_get_n_unfinished (VelHistoryStrip *self);
