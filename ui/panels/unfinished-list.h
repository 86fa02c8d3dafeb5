/* Pictures that are painted and not saved yet, above the earlier ones; it takes no room while there are none.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Signal: "changed": other pictures than before. */
#pragma once

#include <gtk/gtk.h>

#include "engine/history.h"

#define VEL_TYPE_UNFINISHED_LIST (vel_unfinished_list_get_type ())
G_DECLARE_FINAL_TYPE (VelUnfinishedList, vel_unfinished_list, VEL, UNFINISHED_LIST, GtkBox)

void vel_unfinished_list_set_history (VelUnfinishedList *self, VelHistory *history);
guint vel_unfinished_list_get_n_pictures (VelUnfinishedList *self);
