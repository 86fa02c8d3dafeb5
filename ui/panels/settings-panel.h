/* The card of folding sections: everything that is set besides the prompt.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ui/session.h"

#include <gtk/gtk.h>

#define VEL_TYPE_SETTINGS_PANEL (vel_settings_panel_get_type ())
G_DECLARE_FINAL_TYPE (VelSettingsPanel, vel_settings_panel, VEL, SETTINGS_PANEL, GtkBox)

/* Unfolds what was unfolded last time. */
void vel_settings_panel_set_session (VelSettingsPanel *self, VelSession *session);
/* Remembers what is unfolded. */
void vel_settings_panel_save (VelSettingsPanel *self);
/* Colours the sections that hold something else than `before`. */
void vel_settings_panel_flash_changes (VelSettingsPanel *self, VelValues *before);
/* Unfolds the section of the start picture. */
void vel_settings_panel_open_start (VelSettingsPanel *self);
/* The seed of the picture just painted. */
void vel_settings_panel_show_seed (VelSettingsPanel *self, guint64 seed);
