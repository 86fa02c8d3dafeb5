/* The window: places panels and canvas around one request.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

#include "ui/canvas/stage.h"
#include "ui/session.h"

#define VEL_TYPE_WINDOW (vel_window_get_type ())
G_DECLARE_FINAL_TYPE (VelWindow, vel_window, VEL, WINDOW, AdwApplicationWindow)

VelWindow *vel_window_new (GtkApplication *application, VelSession *session);
/* All (transfer none). */
VelSession *vel_window_get_session (VelWindow *self);
VelStage *vel_window_get_stage (VelWindow *self);
GtkWidget *vel_window_get_history_list (VelWindow *self);

/* Queues the request as it stands, if there is a prompt. */
void vel_window_paint (VelWindow *self);
/* The next pictures start from this one instead of noise. */
void vel_window_start_from (VelWindow *self, const char *path);
void vel_window_focus_prompt (VelWindow *self);
/* A short message that goes by itself. */
void vel_window_say (VelWindow *self, const char *message);
void vel_window_add_toast (VelWindow *self, AdwToast *toast);
/* Colours the sections that hold something else than `before`. */
void vel_window_flash_changes (VelWindow *self, VelValues *before);
