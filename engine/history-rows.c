/* The SQL of the history.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/history-rows.h"

#include <string.h>

#define MAX_WORDS 16 /* of a search */

gboolean
vel_history_insertion_prepare (VelHistoryStore *self, VelHistoryInsertion *insertion, GError **error)
{
  *insertion = (VelHistoryInsertion) { 0 };
  return (insertion->picture = vel_history_store_prepare (self,
            "INSERT INTO pictures (id, path, created, width, height, seed, prompt, negative, model, recipe)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) RETURNING id", error)) &&
         (insertion->search = vel_history_store_prepare (self, "INSERT INTO search (id, words) VALUES (?1, ?2)", error)) &&
         (insertion->thumbnail = vel_history_store_prepare (self,
            "INSERT OR REPLACE INTO thumbnails (id, png) SELECT id, ?2 FROM pictures WHERE id = ?1", error));
}

void
vel_history_insertion_clear (VelHistoryInsertion *insertion)
{
  sqlite3_finalize (insertion->picture);
  sqlite3_finalize (insertion->search);
  sqlite3_finalize (insertion->thumbnail);
}

static void
bind_text (sqlite3_stmt *statement, int index, const char *text)
{
  sqlite3_bind_text (statement, index, text, -1, SQLITE_STATIC);
}

/* What a search looks at. Returns: (transfer full) */
static char *
fold (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1), *normal = g_utf8_normalize (valid, -1, G_NORMALIZE_NFKC);

  return g_utf8_casefold (normal, -1);
}

static gboolean
insert_search (VelHistoryStore *self, VelHistoryInsertion *insertion, gint64 id, const VelHistoryRow *row, GError **error)
{
  g_autofree char *all = g_strjoin ("\n", row->prompt, row->negative, row->model, NULL), *words = fold (all);

  sqlite3_bind_int64 (insertion->search, 1, id);
  bind_text (insertion->search, 2, words);
  return vel_history_store_run (self, insertion->search, error);
}

static gboolean
insert_thumbnail (VelHistoryStore *self, VelHistoryInsertion *insertion, gint64 id, GBytes *png, GError **error)
{
  gsize size;
  const void *data = g_bytes_get_data (png, &size);

  sqlite3_bind_int64 (insertion->thumbnail, 1, id);
  sqlite3_bind_blob64 (insertion->thumbnail, 2, data, size, SQLITE_STATIC);
  return vel_history_store_run (self, insertion->thumbnail, error);
}

/* id: 0 for a new one.  Returns: id, or -1 */
gint64
vel_history_insertion_add (VelHistoryStore *self, VelHistoryInsertion *insertion, gint64 id, const VelHistoryRow *row, GError **error)
{
  g_autofree char *seed = g_strdup_printf ("%" G_GUINT64_FORMAT, row->seed);
  sqlite3_stmt *statement = insertion->picture;

  if (id)
    sqlite3_bind_int64 (statement, 1, id);
  else
    sqlite3_bind_null (statement, 1);
  bind_text (statement, 2, row->path);
  sqlite3_bind_int64 (statement, 3, row->created);
  sqlite3_bind_int64 (statement, 4, row->width);
  sqlite3_bind_int64 (statement, 5, row->height);
  bind_text (statement, 6, seed);
  bind_text (statement, 7, row->prompt);
  bind_text (statement, 8, row->negative);
  bind_text (statement, 9, row->model);
  bind_text (statement, 10, row->recipe);
  id = sqlite3_step (statement) == SQLITE_ROW ? sqlite3_column_int64 (statement, 0) : -1;
  if (!vel_history_store_run (self, statement, error))
    return -1;
  return insert_search (self, insertion, id, row, error) ? id : -1;
}

gint64
vel_history_rows_add (VelHistoryStore *self, const VelHistoryRow *row, GBytes *thumbnail, GError **error)
{
  VelHistoryInsertion insertion;
  gint64 id = -1;
  gboolean done;

  if (!vel_history_store_begin (self, error))
    return -1;
  done = vel_history_insertion_prepare (self, &insertion, error) && (id = vel_history_insertion_add (self, &insertion, 0, row, error)) > 0 &&
         insert_thumbnail (self, &insertion, id, thumbnail, error);
  vel_history_insertion_clear (&insertion);
  if (done)
    return vel_history_store_commit (self, error) ? id : -1;
  vel_history_store_roll_back (self);
  return -1;
}

static char *
column_text (sqlite3_stmt *statement, int column)
{
  const char *text = (const char *) sqlite3_column_text (statement, column);

  return g_strdup (text ? text : "");
}

VelHistoryItem *
vel_history_rows_get (VelHistoryStore *self, gint64 id, const char *folder, GError **error)
{
  sqlite3_stmt *statement = vel_history_store_read (self, "SELECT path, created, width, height, seed, prompt, negative, model,"
                                                    " recipe FROM pictures WHERE id = ?1", error);
  VelHistoryItem *item = NULL;

  if (!statement)
    return NULL;
  sqlite3_bind_int64 (statement, 1, id);
  if (vel_history_store_step (self, statement, error)) {
    item = g_new0 (VelHistoryItem, 1);
    item->id = id;
    item->path = g_build_filename (folder, sqlite3_column_text (statement, 0), NULL);
    item->created = sqlite3_column_int64 (statement, 1);
    item->width = sqlite3_column_int64 (statement, 2);
    item->height = sqlite3_column_int64 (statement, 3);
    item->seed = g_ascii_strtoull ((const char *) sqlite3_column_text (statement, 4), NULL, 10);
    item->prompt = column_text (statement, 5);
    item->negative = column_text (statement, 6);
    item->model = column_text (statement, 7);
    item->recipe = column_text (statement, 8);
  }
  vel_history_store_finish (self, statement);
  return item;
}

guint
vel_history_rows_count (VelHistoryStore *self)
{
  sqlite3_stmt *statement = vel_history_store_read (self, "SELECT count (*) FROM pictures", NULL);
  guint count = 0;

  if (!statement)
    return 0;
  if (vel_history_store_step (self, statement, NULL))
    count = sqlite3_column_int64 (statement, 0);
  vel_history_store_finish (self, statement);
  return count;
}

/* Returns: (transfer full): the statement for n words */
static char *
build_search (guint n_words)
{
  GString *sql = g_string_new ("SELECT id FROM pictures");

  for (guint i = 0; i < n_words; i++)
    g_string_append_printf (sql, "%s instr (words, ?%u)", i ? " AND" : " JOIN search USING (id) WHERE", i + 2);
  return g_string_free (g_string_append (sql, " ORDER BY created DESC, id DESC LIMIT ?1"), FALSE);
}

GArray *
vel_history_rows_list (VelHistoryStore *self, const char *text, guint limit, GError **error)
{
  g_autofree char *folded = fold (text ? text : ""), *sql = NULL;
  g_auto (GStrv) pieces = g_strsplit_set (folded, " \t\n", -1);
  const char *words[MAX_WORDS];
  guint n_words = 0;
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint64));
  g_autoptr (GError) problem = NULL;
  sqlite3_stmt *statement;

  for (guint i = 0; pieces[i] && n_words < MAX_WORDS; i++)
    if (*pieces[i])
      words[n_words++] = pieces[i];
  sql = build_search (n_words);
  statement = vel_history_store_read (self, sql, error);
  if (!statement)
    return NULL;
  sqlite3_bind_int64 (statement, 1, limit ? (gint64) limit : -1);
  for (guint i = 0; i < n_words; i++)
    bind_text (statement, i + 2, words[i]);
  while (vel_history_store_step (self, statement, &problem))
    g_array_append_val (ids, (gint64) { sqlite3_column_int64 (statement, 0) });
  vel_history_store_finish (self, statement);
  if (problem) {
    g_propagate_error (error, g_steal_pointer (&problem));
    return NULL;
  }
  return g_steal_pointer (&ids);
}

GBytes *
vel_history_rows_read_thumbnail (VelHistoryStore *self, gint64 id, GError **error)
{
  sqlite3_stmt *statement = vel_history_store_read (self, "SELECT png FROM thumbnails WHERE id = ?1", error);
  GBytes *png = NULL;

  if (!statement)
    return NULL;
  sqlite3_bind_int64 (statement, 1, id);
  if (vel_history_store_step (self, statement, error))
    png = g_bytes_new (sqlite3_column_blob (statement, 0), sqlite3_column_bytes (statement, 0));
  vel_history_store_finish (self, statement);
  return png;
}

/* Keeping it is a kindness to the next start; not being able to is no error. */
void
vel_history_rows_keep_thumbnail (VelHistoryStore *self, gint64 id, GBytes *png)
{
  VelHistoryInsertion insertion;

  if (!vel_history_store_begin (self, NULL))
    return;
  if (vel_history_insertion_prepare (self, &insertion, NULL) && insert_thumbnail (self, &insertion, id, png, NULL)) {
    vel_history_insertion_clear (&insertion);
    vel_history_store_commit (self, NULL);
    return;
  }
  vel_history_insertion_clear (&insertion);
  vel_history_store_roll_back (self);
}

/* Relative path to id of every row. Returns: (transfer full) (nullable) */
GHashTable *
vel_history_rows_read_paths (VelHistoryStore *self, GError **error)
{
  g_autoptr (GHashTable) paths = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  sqlite3_stmt *statement = vel_history_store_read (self, "SELECT path, id FROM pictures ORDER BY id", error);
  g_autoptr (GError) problem = NULL;

  if (!statement)
    return NULL;
  while (vel_history_store_step (self, statement, &problem)) {
    gint64 id = sqlite3_column_int64 (statement, 1);

    g_hash_table_insert (paths, column_text (statement, 0), g_memdup2 (&id, sizeof id));
  }
  vel_history_store_finish (self, statement);
  if (problem) {
    g_propagate_error (error, g_steal_pointer (&problem));
    return NULL;
  }
  return g_steal_pointer (&paths);
}

/* A row's picture is read whole: every checksum, every pixel. */
