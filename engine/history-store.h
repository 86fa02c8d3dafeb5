/* The history's database: connections, schema, and the lock that keeps writers of several processes apart.
 * SPDX-License-Identifier: Apache-2.0
 *
 * SQLite before 3.51.3 can damage a WAL database when two connections commit or checkpoint at once. So writing is done between begin
 * and commit only, which hold a lock file, by the one connection of this process that ever checkpoints. */
#pragma once

#include <gio/gio.h>
#include <sqlite3.h>

typedef struct VelHistoryStore VelHistoryStore;

/* Creates what is missing. A file that is no database any more is put aside, and `recreated` set. Returns: (transfer full); NULL with
 * VEL_ERROR_STORAGE */
VelHistoryStore *vel_history_store_open (const char *folder, gboolean *recreated, GError **error);
void vel_history_store_free (VelHistoryStore *self);

/* A transaction of this thread alone, in this process and all others. Fails for a database of a newer version. */
gboolean vel_history_store_begin (VelHistoryStore *self, GError **error);
/* Ends it, durably; on failure nothing of it happened. */
gboolean vel_history_store_commit (VelHistoryStore *self, GError **error);
void vel_history_store_roll_back (VelHistoryStore *self);
/* Between begin and commit. Returns: (transfer full) to be finalized */
sqlite3_stmt *vel_history_store_prepare (VelHistoryStore *self, const char *sql, GError **error);
/* Runs a statement that returns nothing, and makes it ready for new values. */
gboolean vel_history_store_run (VelHistoryStore *self, sqlite3_stmt *statement, GError **error);
/* TRUE if the last failure says that the file itself is damaged. */
gboolean vel_history_store_is_damaged (VelHistoryStore *self);
/* Between begin and commit, instead of commit: puts the file aside, makes a new one and begins again. */
gboolean vel_history_store_replace (VelHistoryStore *self, GError **error);

/* For reading, from any thread; the statement keeps other readers of this process out until it is finished. */
sqlite3_stmt *vel_history_store_read (VelHistoryStore *self, const char *sql, GError **error);
/* TRUE for a row. FALSE with no error: no more rows. */
gboolean vel_history_store_step (VelHistoryStore *self, sqlite3_stmt *statement, GError **error);
void vel_history_store_finish (VelHistoryStore *self, sqlite3_stmt *statement);
