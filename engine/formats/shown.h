/* Text from a file, made fit for a message: one line, not too long.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

/* Control characters become '?', the middle of a long text an ellipsis, invalid UTF-8 U+FFFD. Returns: (transfer full) */
char *vel_shown (const char *text);
