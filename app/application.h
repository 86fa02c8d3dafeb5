/* The program with its window.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

#include "ui/session.h"

#define VEL_TYPE_APPLICATION (vel_application_get_type ())
G_DECLARE_FINAL_TYPE (VelApplication, vel_application, VEL, APPLICATION, AdwApplication)

/* flags: G_APPLICATION_NON_UNIQUE for tests. */
VelApplication *vel_application_new (GApplicationFlags flags);
/* The session of the window, made with it. (nullable) (transfer none) */
VelSession *vel_application_get_session (VelApplication *self);

/* Opens the window, or brings the one that is open to the front; returns when it is closed. Arguments are pictures whose settings are
 * taken over. Returns: an exit status */
int vel_application_run (int argc, char **argv);
