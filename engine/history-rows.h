/* The rows of the history: what is read from the database and written to it.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/history-files.h"
#include "engine/history-store.h"
#include "engine/history.h"

/* Statements of one insertion, for one picture or ten thousand, between begin and commit of the store. */
typedef struct {
  sqlite3_stmt *picture, *search, *thumbnail;
} VelHistoryInsertion;

/* To be cleared also after a failure. */
gboolean vel_history_insertion_prepare (VelHistoryStore *self, VelHistoryInsertion *insertion, GError **error);
/* id: 0 for a new one.  Returns: id, or -1 */
gint64 vel_history_insertion_add (VelHistoryStore *self, VelHistoryInsertion *insertion, gint64 id, const VelHistoryRow *row,
                                  GError **error);
void vel_history_insertion_clear (VelHistoryInsertion *insertion);

/* One picture, in a transaction of its own. Returns: id, or -1 */
gint64 vel_history_rows_add (VelHistoryStore *self, const VelHistoryRow *row, GBytes *thumbnail, GError **error);
/* folder: of the pictures. Returns: (transfer full) (nullable) */
VelHistoryItem *vel_history_rows_get (VelHistoryStore *self, gint64 id, const char *folder, GError **error);
guint vel_history_rows_count (VelHistoryStore *self);
/* See vel_history_list. */
GArray *vel_history_rows_list (VelHistoryStore *self, const char *text, guint limit, GError **error);
/* Relative path to id of every row. Returns: (transfer full) (nullable) */
GHashTable *vel_history_rows_read_paths (VelHistoryStore *self, GError **error);
/* Returns: (transfer full) (nullable) PNG bytes */
GBytes *vel_history_rows_read_thumbnail (VelHistoryStore *self, gint64 id, GError **error);
/* Keeping it is a kindness to the next start; not being able to is no error. */
void vel_history_rows_keep_thumbnail (VelHistoryStore *self, gint64 id, GBytes *png);
