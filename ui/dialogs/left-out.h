/* What could not be taken over from a picture, all of it.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

/* sentences: at least one. before: the settings as they were, as JSON, for going back to them. */
void vel_left_out_present (GtkWindow *parent, const char *const *sentences, const char *before);
