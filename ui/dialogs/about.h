/* What the program is and whose.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

void vel_about_show (GtkWindow *parent);
