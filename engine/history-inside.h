/* The inside of a history.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/history-store.h"
#include "engine/history.h"

struct _VelHistory {
  GObject parent_instance;
  char *pictures;   /* folder, absolute */
  char *unfinished; /* likewise; it need not be there */
  VelHistoryStore *store;
  GMainContext *context;
};

#define VEL_NEWS_CHANGED 0     /* everything may have */
#define VEL_NEWS_UNFINISHED -1 /* what is not saved yet may have */
/* News from any thread to the one that opened the history. news: the id of a new picture, or one of these */
void vel_history_tell (VelHistory *self, gint64 news);
