/* The history as a list for widgets: ids only, so that ten thousand pictures cost nothing until they are seen.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/history.h"

/* An entry of the list. */
#define VEL_TYPE_HISTORY_ENTRY (vel_history_entry_get_type ())
G_DECLARE_FINAL_TYPE (VelHistoryEntry, vel_history_entry, VEL, HISTORY_ENTRY, GObject)
gint64 vel_history_entry_get_id (VelHistoryEntry *self);

/* A GListModel of VelHistoryEntry, newest first; follows the history. The ids are read on another thread. */
#define VEL_TYPE_HISTORY_MODEL (vel_history_model_get_type ())
G_DECLARE_FINAL_TYPE (VelHistoryModel, vel_history_model, VEL, HISTORY_MODEL, GObject)
VelHistoryModel *vel_history_model_new (VelHistory *history);
/* FALSE if the id is not in the list. */
gboolean vel_history_model_find (VelHistoryModel *self, gint64 id, guint *position);
