/* Ctrl+Up and Ctrl+Down in a prompt.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

/* Changes the weight of the selection, or of the word at the caret, by `change`: "cat", "(cat:1.1)", "(cat:1.2)". Weight 1 needs no
 * brackets. The words stay selected; one step of undo. */
void vel_prompt_change_weight (GtkTextBuffer *buffer, double change);
