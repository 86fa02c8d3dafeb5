/* What to do after the card that painted broke down: the queue waits for the answer.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ui/session.h"

#include <gtk/gtk.h>

/* sentence: what happened. Pictures go on by the processor, by the card opened anew, or are taken out of the queue. */
void vel_lost_device_ask (GtkWindow *parent, VelSession *session, const char *sentence);
