/* Where the window's settings come from.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

/* Looks for the schema where GSettings does, then in the build tree or the prefix the program runs from; GSettings itself would end the
 * program. Returns: (transfer full); NULL with a sentence that says what to do */
GSettings *vel_settings_new (GError **error);
