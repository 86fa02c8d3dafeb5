/* Takes over settings: of a picture, made here or elsewhere, or of a preset.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ui/window.h"

/* Reads the file on another thread, then sets the request; a toast offers to undo it, or to show what was not taken over. */
void vel_window_restore_file (VelWindow *window, GFile *file);
/* Back to settings as JSON: what the toast's Undo does. */
void vel_window_restore_json (VelWindow *window, const char *json);
/* Sets a preset's options; a toast offers to undo it. id: an unknown one does nothing. */
void vel_window_apply_preset (VelWindow *window, const char *id);
/* Accepts files dropped anywhere on the window. */
void vel_window_accept_drops (VelWindow *window);
