/* The history's database.  SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* F_OFD_SETLKW */
#include "config.h"

#include "engine/history-store.h"

#include "engine/error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define VERSION 1
#define BUSY_MS 10000

struct VelHistoryStore {
  char *path, *shown;
  int lock_fd;
  GMutex write_mutex, read_mutex;
  sqlite3 *writer, *reader;
  gboolean newer; /* of a later version: read only */
  int last_code; /* of the writer */
};

/* Paths are relative to the folder of the pictures, which may move. Seeds are unsigned and therefore text. words: prompt, negative
 * and model folded for searching; apart, so that a search reads little. */
static const char schema[] =
  "CREATE TABLE pictures ("
  "  id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL UNIQUE, created INTEGER NOT NULL,"
  "  width INTEGER NOT NULL, height INTEGER NOT NULL, seed TEXT NOT NULL,"
  "  prompt TEXT NOT NULL, negative TEXT NOT NULL, model TEXT NOT NULL, recipe TEXT NOT NULL) STRICT;"
  "CREATE INDEX pictures_by_time ON pictures (created DESC, id DESC);"
  "CREATE TABLE search (id INTEGER PRIMARY KEY REFERENCES pictures ON DELETE CASCADE, words TEXT NOT NULL) STRICT;"
  "CREATE TABLE thumbnails (id INTEGER PRIMARY KEY REFERENCES pictures ON DELETE CASCADE, png BLOB NOT NULL) STRICT;"
  "PRAGMA user_version = 1;";

static gboolean
fail (VelHistoryStore *self, sqlite3 *db, GError **error)
{
  if (db != self->reader)
    self->last_code = db ? sqlite3_extended_errcode (db) : SQLITE_NOMEM;
  g_set_error (error, VEL_ERROR, VEL_ERROR_STORAGE, _ ("The history “%s” can not be used: %s"), self->shown,
               db ? sqlite3_errmsg (db) : _ ("out of memory"));
  return FALSE;
}

static gboolean
is_damage (int code)
{
  return (code & 0xff) == SQLITE_NOTADB || (code & 0xff) == SQLITE_CORRUPT;
}

gboolean
vel_history_store_is_damaged (VelHistoryStore *self)
{
  return is_damage (self->last_code);
}

/* An open file description's lock, not a process's: closing another descriptor of the file does not drop it. Blocks. */
static gboolean
set_lock (VelHistoryStore *self, short type, GError **error)
{
  struct flock lock = { .l_type = type, .l_whence = SEEK_SET };

  while (fcntl (self->lock_fd, F_OFD_SETLKW, &lock) != 0)
    if (errno != EINTR) {
      g_set_error (error, VEL_ERROR, VEL_ERROR_STORAGE, _ ("The history “%s” can not be locked: %s"), self->shown, g_strerror (errno));
      return FALSE;
    }
  return TRUE;
}

static gboolean
set_up (VelHistoryStore *self, sqlite3 *db, const char *pragmas, GError **error)
{
  sqlite3_busy_timeout (db, BUSY_MS);
  sqlite3_db_config (db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_db_config (db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
  sqlite3_db_config (db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL); /* that one would be outside the lock */
  return sqlite3_exec (db, pragmas, NULL, NULL, NULL) == SQLITE_OK || fail (self, db, error);
}

static int
read_version (sqlite3 *db)
{
  sqlite3_stmt *statement = NULL;
  int version = -1;

  if (sqlite3_prepare_v2 (db, "PRAGMA user_version", -1, &statement, NULL) == SQLITE_OK && sqlite3_step (statement) == SQLITE_ROW)
    version = sqlite3_column_int (statement, 0);
  sqlite3_finalize (statement);
  return version;
}

static gboolean
create_schema (VelHistoryStore *self, GError **error)
{
  g_autofree char *sql = g_strconcat ("BEGIN IMMEDIATE;", schema, "COMMIT;", NULL);

  if (sqlite3_exec (self->writer, sql, NULL, NULL, NULL) == SQLITE_OK)
    return TRUE;
  fail (self, self->writer, error);
  if (!sqlite3_get_autocommit (self->writer))
    sqlite3_exec (self->writer, "ROLLBACK", NULL, NULL, NULL);
  return FALSE;
}

static void
close_both (VelHistoryStore *self)
{
  g_clear_pointer (&self->reader, sqlite3_close);
  g_clear_pointer (&self->writer, sqlite3_close);
}

/* Under the lock file. */
static gboolean
open_both (VelHistoryStore *self, GError **error)
{
  int version;

  if (sqlite3_open_v2 (self->path, &self->writer, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
    return fail (self, self->writer, error);
  if (!set_up (self, self->writer, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
               "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0", error))
    return FALSE;
  version = read_version (self->writer);
  if (version < 0)
    return fail (self, self->writer, error);
  if (version == 0 && !create_schema (self, error))
    return FALSE;
  self->newer = version > VERSION;
  if (sqlite3_open_v2 (self->path, &self->reader, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
    return fail (self, self->reader, error);
  return set_up (self, self->reader, "PRAGMA wal_autocheckpoint = 0; PRAGMA mmap_size = 0", error);
}

/* Keeps the damaged files beside the new one, under the time of day. */
static void
put_aside (VelHistoryStore *self)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autofree char *stamp = g_date_time_format (now, "%Y%m%d-%H%M%S");

  close_both (self);
  for (const char *const *suffix = (const char *[]) { "", "-wal", "-shm", NULL }; *suffix; suffix++) {
    g_autofree char *from = g_strconcat (self->path, *suffix, NULL);
    g_autofree char *to = g_strconcat (self->path, ".damaged-", stamp, *suffix, NULL);

    g_rename (from, to);
  }
}

static gboolean
open_lock_file (VelHistoryStore *self, const char *folder, GError **error)
{
  g_autofree char *path = g_build_filename (folder, "history.lock", NULL);

  self->lock_fd = g_open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (self->lock_fd >= 0)
    return TRUE;
  g_set_error (error, VEL_ERROR, VEL_ERROR_STORAGE, _ ("The history's folder “%s” can not be written: %s"), folder, g_strerror (errno));
  return FALSE;
}

VelHistoryStore *
vel_history_store_open (const char *folder, gboolean *recreated, GError **error)
{
  VelHistoryStore *self = g_new0 (VelHistoryStore, 1);
  g_autoptr (GError) problem = NULL;
  gboolean done;

  *recreated = FALSE;
  g_mutex_init (&self->write_mutex);
  g_mutex_init (&self->read_mutex);
  self->path = g_build_filename (folder, "history.db", NULL);
  self->shown = g_filename_display_name (self->path);
  if (!open_lock_file (self, folder, error) || !set_lock (self, F_WRLCK, error)) {
    vel_history_store_free (self);
    return NULL;
  }
  done = open_both (self, &problem);
  if (!done && is_damage (self->last_code)) {
    *recreated = TRUE;
    put_aside (self);
    g_clear_error (&problem);
    done = open_both (self, &problem);
  }
  set_lock (self, F_UNLCK, NULL);
  if (done)
    return self;
  g_propagate_error (error, g_steal_pointer (&problem));
  vel_history_store_free (self);
  return NULL;
}

void
vel_history_store_free (VelHistoryStore *self)
{
  close_both (self);
  if (self->lock_fd >= 0)
    close (self->lock_fd);
  g_mutex_clear (&self->write_mutex);
  g_mutex_clear (&self->read_mutex);
  g_free (self->path);
  g_free (self->shown);
  g_free (self);
}

static void
end (VelHistoryStore *self)
{
  set_lock (self, F_UNLCK, NULL);
  g_mutex_unlock (&self->write_mutex);
}

gboolean
vel_history_store_begin (VelHistoryStore *self, GError **error)
{
  if (self->newer) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_STORAGE,
                 _ ("The history “%s” was written by a newer Velatura and can only be read: update this one"), self->shown);
    return FALSE;
  }
  g_mutex_lock (&self->write_mutex);
  if (!set_lock (self, F_WRLCK, error)) {
    g_mutex_unlock (&self->write_mutex);
    return FALSE;
  }
  if (sqlite3_exec (self->writer, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK)
    return TRUE;
  fail (self, self->writer, error);
  end (self);
  return FALSE;
}

void
vel_history_store_roll_back (VelHistoryStore *self)
{
  if (!sqlite3_get_autocommit (self->writer)) /* a full disk has rolled back already */
    sqlite3_exec (self->writer, "ROLLBACK", NULL, NULL, NULL);
  end (self);
}

gboolean
vel_history_store_commit (VelHistoryStore *self, GError **error)
{
  if (sqlite3_exec (self->writer, "COMMIT", NULL, NULL, NULL) == SQLITE_OK) {
    end (self);
    return TRUE;
  }
  fail (self, self->writer, error);
  vel_history_store_roll_back (self);
  return FALSE;
}

gboolean
vel_history_store_replace (VelHistoryStore *self, GError **error)
{
  gboolean done;

  sqlite3_exec (self->writer, "ROLLBACK", NULL, NULL, NULL);
  g_mutex_lock (&self->read_mutex);
  put_aside (self);
  done = open_both (self, error);
  g_mutex_unlock (&self->read_mutex);
  if (done && sqlite3_exec (self->writer, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK)
    return TRUE;
  if (done)
    fail (self, self->writer, error);
  end (self);
  return FALSE;
}

sqlite3_stmt *
vel_history_store_prepare (VelHistoryStore *self, const char *sql, GError **error)
{
  sqlite3_stmt *statement = NULL;

  if (sqlite3_prepare_v2 (self->writer, sql, -1, &statement, NULL) != SQLITE_OK)
    fail (self, self->writer, error);
  return statement;
}

gboolean
vel_history_store_run (VelHistoryStore *self, sqlite3_stmt *statement, GError **error)
{
  gboolean done = sqlite3_step (statement) == SQLITE_DONE || fail (self, self->writer, error);

  sqlite3_reset (statement);
  return done;
}

sqlite3_stmt *
vel_history_store_read (VelHistoryStore *self, const char *sql, GError **error)
{
  sqlite3_stmt *statement = NULL;

  g_mutex_lock (&self->read_mutex);
  if (sqlite3_prepare_v2 (self->reader, sql, -1, &statement, NULL) == SQLITE_OK)
    return statement;
  fail (self, self->reader, error);
  g_mutex_unlock (&self->read_mutex);
  return NULL;
}

gboolean
vel_history_store_step (VelHistoryStore *self, sqlite3_stmt *statement, GError **error)
{
  int code = sqlite3_step (statement);

  if (code != SQLITE_ROW && code != SQLITE_DONE)
    fail (self, self->reader, error);
  return code == SQLITE_ROW;
}

void
vel_history_store_finish (VelHistoryStore *self, sqlite3_stmt *statement)
{
  sqlite3_finalize (statement);
  g_mutex_unlock (&self->read_mutex);
}
