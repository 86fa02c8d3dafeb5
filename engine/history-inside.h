/* The inside of a history.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/history-store.h"
#include "engine/history.h"

struct _VelHistory {
  GObject parent_instance;
  char *pictures; /* folder, absolute */
  VelHistoryStore *store;
  GMainContext *context;
};

/* News from any thread to the one that opened the history. added: an id, or 0: everything may have changed */
void vel_history_tell (VelHistory *self, gint64 added);
