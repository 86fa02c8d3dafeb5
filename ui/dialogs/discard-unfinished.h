/* Whether what is painted and not saved is to go.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ui/session.h"

#include <gtk/gtk.h>

/* Asks, and does what is answered. */
void vel_discard_unfinished_ask (GtkWindow *parent, VelSession *session, const char *id);
