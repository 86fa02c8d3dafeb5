/* "Today", "Yesterday", then the date.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

/* microseconds: since 1970, UTC. Returns: (transfer full) */
char *vel_dup_day_label (gint64 microseconds);
