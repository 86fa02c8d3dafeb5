/* The middle of the window: the picture, what floats over it, the banner above, and the welcome before the first picture.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Signals: "preview" (GdkTexture): a new frame of the job in work; "shown": another picture is shown; "example" (char *prompt). */
#pragma once

#include "engine/worker.h"
#include "ui/session.h"

#include <gtk/gtk.h>

#include "ui/canvas/canvas.h"

#define VEL_TYPE_STAGE (vel_stage_get_type ())
G_DECLARE_FINAL_TYPE (VelStage, vel_stage, VEL, STAGE, GtkBox)

void vel_stage_set_session (VelStage *self, VelSession *session);
VelCanvas *vel_stage_get_canvas (VelStage *self);

/* The job in work: its frames are shown as they come. NULL: none; the last frame stays. */
void vel_stage_set_job (VelStage *self, VelJob *job);
/* Back from an earlier picture to the one being painted. */
void vel_stage_show_live (VelStage *self);
/* A picture of the history; decoded elsewhere, so what is there stays until then. */
void vel_stage_show_picture (VelStage *self, gint64 id);
void vel_stage_show_welcome (VelStage *self);

/* What is shown. (nullable) (transfer none) */
const VelHistoryItem *vel_stage_get_item (VelStage *self);
GdkTexture *vel_stage_get_texture (VelStage *self);
gboolean vel_stage_is_live (VelStage *self);

/* One sentence above the canvas until it is closed. */
void vel_stage_show_error (VelStage *self, const char *sentence);
/* The sentence shown. (nullable) */
const char *vel_stage_get_error (VelStage *self);
void vel_stage_set_compact (VelStage *self, gboolean compact);
