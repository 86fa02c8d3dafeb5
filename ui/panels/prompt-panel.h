/* The card in which the prompt is written.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ui/session.h"

#include <gtk/gtk.h>

#define VEL_TYPE_PROMPT_PANEL (vel_prompt_panel_get_type ())
G_DECLARE_FINAL_TYPE (VelPromptPanel, vel_prompt_panel, VEL, PROMPT_PANEL, GtkBox)

void vel_prompt_panel_set_session (VelPromptPanel *self, VelSession *session);
void vel_prompt_panel_focus (VelPromptPanel *self);
/* Fewer lines, for a narrow window. */
void vel_prompt_panel_set_compact (VelPromptPanel *self, gboolean compact);
