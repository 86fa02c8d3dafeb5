/* What stands on the canvas before the first picture.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Signal "example" (char *prompt): paint this. */
#pragma once

#include "ui/models.h"

#include <gtk/gtk.h>

#define VEL_TYPE_WELCOME_PAGE (vel_welcome_page_get_type ())
G_DECLARE_FINAL_TYPE (VelWelcomePage, vel_welcome_page, VEL, WELCOME_PAGE, GtkBox)

void vel_welcome_page_set_models (VelWelcomePage *self, VelModels *models);
/* One example below the other, for a narrow window. */
void vel_welcome_page_set_compact (VelWelcomePage *self, gboolean compact);
