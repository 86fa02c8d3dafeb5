/* The text view in which prompts are written: emphasis is tinted, Ctrl+Up and Ctrl+Down change it.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

#define VEL_TYPE_PROMPT_VIEW (vel_prompt_view_get_type ())
G_DECLARE_FINAL_TYPE (VelPromptView, vel_prompt_view, VEL, PROMPT_VIEW, GtkTextView)

/* Property "placeholder": shown while there is no text. Signal "changed": the text has. */
/* Returns: (transfer full) */
char *vel_prompt_view_dup_text (VelPromptView *self);
/* Does nothing when the text is the same, so the caret stays. */
void vel_prompt_view_set_text (VelPromptView *self, const char *text);
