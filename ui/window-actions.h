/* What the window can be told to do, by button, menu or key.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

/* Installs the verbs and their keys. */
void vel_window_class_add_actions (GtkWidgetClass *klass);
