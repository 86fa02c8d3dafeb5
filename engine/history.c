/* What was made and from what.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/history.h"

#include "engine/formats/png.h"
#include "engine/history-files.h"
#include "engine/history-store.h"
#include "engine/paths.h"
#include "engine/thumbnail.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <string.h>

#define MAX_WORDS 16     /* of a search */
#define MAX_PROBLEMS 100 /* of a report */

struct _VelHistory {
  GObject parent_instance;
  char *pictures; /* folder, absolute */
  VelHistoryStore *store;
  GMainContext *context;
};

G_DEFINE_FINAL_TYPE (VelHistory, vel_history, G_TYPE_OBJECT)

static guint added_signal, changed_signal;

void
vel_history_item_free (VelHistoryItem *self)
{
  g_free (self->path);
  g_free (self->prompt);
  g_free (self->negative);
  g_free (self->model);
  g_free (self->recipe);
  g_free (self);
}

void
vel_history_report_clear (VelHistoryReport *self)
{
  g_clear_pointer (&self->problems, g_strfreev);
  *self = (VelHistoryReport) { 0 };
}

/* News from any thread to the one that opened the history. The history may be gone by then. */
typedef struct {
  GWeakRef history;
  gint64 added; /* 0: everything may have changed */
} News;

static gboolean
on_news (gpointer data)
{
  News *news = data;
  g_autoptr (VelHistory) self = g_weak_ref_get (&news->history);

  if (self && news->added)
    g_signal_emit (self, added_signal, 0, news->added);
  else if (self)
    g_signal_emit (self, changed_signal, 0);
  return G_SOURCE_REMOVE;
}

static void
free_news (gpointer data)
{
  News *news = data;

  g_weak_ref_clear (&news->history);
  g_free (news);
}

static void
tell (VelHistory *self, gint64 added)
{
  News *news = g_new0 (News, 1);
  GSource *source = g_idle_source_new ();

  g_weak_ref_init (&news->history, self);
  news->added = added;
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, on_news, news, free_news);
  g_source_attach (source, self->context);
  g_source_unref (source);
}

static gboolean
make_folder (const char *path, int mode, GError **error)
{
  g_autofree char *shown = g_filename_display_name (path);

  if (g_mkdir_with_parents (path, mode) == 0)
    return TRUE;
  g_set_error (error, VEL_ERROR, VEL_ERROR_STORAGE, _ ("The folder “%s” can not be made: %s"), shown, g_strerror (errno));
  return FALSE;
}

VelHistory *
vel_history_open (const char *data_dir, const char *pictures_dir, GError **error)
{
  g_autoptr (VelHistory) self = g_object_new (VEL_TYPE_HISTORY, NULL);
  gboolean recreated;

  if (!data_dir)
    data_dir = vel_paths_get_data ();
  self->pictures = g_canonicalize_filename (pictures_dir ? pictures_dir : vel_paths_get_pictures (), NULL);
  self->context = g_main_context_ref_thread_default ();
  if (!make_folder (data_dir, 0700, error) || !make_folder (self->pictures, 0777, error))
    return NULL;
  self->store = vel_history_store_open (data_dir, &recreated, error);
  if (!self->store)
    return NULL;
  vel_history_files_sweep (self->pictures);
  if (recreated && !vel_history_rebuild (self, NULL, NULL, error))
    return NULL;
  return g_steal_pointer (&self);
}

static void
vel_history_finalize (GObject *object)
{
  VelHistory *self = VEL_HISTORY (object);

  g_clear_pointer (&self->store, vel_history_store_free);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_free (self->pictures);
  G_OBJECT_CLASS (vel_history_parent_class)->finalize (object);
}

static void
vel_history_class_init (VelHistoryClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = vel_history_finalize;
  added_signal = g_signal_new ("added", VEL_TYPE_HISTORY, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_INT64);
  changed_signal = g_signal_new ("changed", VEL_TYPE_HISTORY, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
vel_history_init (VelHistory *self)
{
}

/* Statements of one insertion, for one picture or ten thousand. */
typedef struct {
  sqlite3_stmt *picture, *search, *thumbnail;
} Insertion;

static gboolean
prepare_insertion (VelHistory *self, Insertion *insertion, GError **error)
{
  *insertion = (Insertion) { 0 };
  return (insertion->picture = vel_history_store_prepare (self->store,
            "INSERT INTO pictures (id, path, created, width, height, seed, prompt, negative, model, recipe)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) RETURNING id", error)) &&
         (insertion->search = vel_history_store_prepare (self->store, "INSERT INTO search (id, words) VALUES (?1, ?2)", error)) &&
         (insertion->thumbnail = vel_history_store_prepare (self->store,
            "INSERT OR REPLACE INTO thumbnails (id, png) SELECT id, ?2 FROM pictures WHERE id = ?1", error));
}

static void
clear_insertion (Insertion *insertion)
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
insert_search (VelHistory *self, Insertion *insertion, gint64 id, const VelHistoryRow *row, GError **error)
{
  g_autofree char *all = g_strjoin ("\n", row->prompt, row->negative, row->model, NULL), *words = fold (all);

  sqlite3_bind_int64 (insertion->search, 1, id);
  bind_text (insertion->search, 2, words);
  return vel_history_store_run (self->store, insertion->search, error);
}

static gboolean
insert_thumbnail (VelHistory *self, Insertion *insertion, gint64 id, GBytes *png, GError **error)
{
  gsize size;
  const void *data = g_bytes_get_data (png, &size);

  sqlite3_bind_int64 (insertion->thumbnail, 1, id);
  sqlite3_bind_blob64 (insertion->thumbnail, 2, data, size, SQLITE_STATIC);
  return vel_history_store_run (self->store, insertion->thumbnail, error);
}

/* id: 0 for a new one.  Returns: id, or -1 */
static gint64
insert_row (VelHistory *self, Insertion *insertion, gint64 id, const VelHistoryRow *row, GError **error)
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
  if (!vel_history_store_run (self->store, statement, error))
    return -1;
  return insert_search (self, insertion, id, row, error) ? id : -1;
}

static gint64
save_row (VelHistory *self, const VelHistoryRow *row, GBytes *thumbnail, GError **error)
{
  Insertion insertion;
  gint64 id = -1;
  gboolean done;

  if (!vel_history_store_begin (self->store, error))
    return -1;
  done = prepare_insertion (self, &insertion, error) && (id = insert_row (self, &insertion, 0, row, error)) > 0 &&
         insert_thumbnail (self, &insertion, id, thumbnail, error);
  clear_insertion (&insertion);
  if (done)
    return vel_history_store_commit (self->store, error) ? id : -1;
  vel_history_store_roll_back (self->store);
  return -1;
}

gint64
vel_history_save (VelHistory *self, const guint8 *rgb, VelValues *request, const VelRecipeFacts *facts, GError **error)
{
  gint64 created = g_get_real_time (), id = -1;
  g_autofree char *theirs = vel_recipe_to_a1111 (request, facts), *own = vel_recipe_to_json (request, facts);
  g_autofree char *time = vel_history_files_format_time (created), *path = NULL, *full = NULL;
  g_autoptr (GBytes) png = vel_png_encode (rgb, facts->width, facts->height, (const char *[]) { VEL_RECIPE_A1111, theirs,
    VEL_RECIPE_OWN, own, VEL_HISTORY_CREATED, time, "Software", facts->version ? facts->version : "Velatura", NULL });
  g_autoptr (GBytes) thumbnail = vel_thumbnail_make (rgb, facts->width, facts->height);

  path = vel_history_files_write (self->pictures, png, created, facts->seed, error);
  if (!path)
    return -1;
  id = save_row (self, &(VelHistoryRow) { .path = path, .created = created, .width = facts->width, .height = facts->height,
    .seed = facts->seed, .prompt = (char *) vel_values_get (request, "prompt"), .negative = (char *) vel_values_get (request, "negative"),
    .model = (char *) (facts->model_name ? facts->model_name : ""), .recipe = own }, thumbnail, error);
  if (id < 0) {
    full = g_build_filename (self->pictures, path, NULL);
    g_unlink (full);
    return -1;
  }
  tell (self, id);
  return id;
}

static char *
column_text (sqlite3_stmt *statement, int column)
{
  const char *text = (const char *) sqlite3_column_text (statement, column);

  return g_strdup (text ? text : "");
}

VelHistoryItem *
vel_history_get (VelHistory *self, gint64 id, GError **error)
{
  sqlite3_stmt *statement = vel_history_store_read (self->store, "SELECT path, created, width, height, seed, prompt, negative, model,"
                                                    " recipe FROM pictures WHERE id = ?1", error);
  VelHistoryItem *item = NULL;

  if (!statement)
    return NULL;
  sqlite3_bind_int64 (statement, 1, id);
  if (vel_history_store_step (self->store, statement, error)) {
    item = g_new0 (VelHistoryItem, 1);
    item->id = id;
    item->path = g_build_filename (self->pictures, sqlite3_column_text (statement, 0), NULL);
    item->created = sqlite3_column_int64 (statement, 1);
    item->width = sqlite3_column_int64 (statement, 2);
    item->height = sqlite3_column_int64 (statement, 3);
    item->seed = g_ascii_strtoull ((const char *) sqlite3_column_text (statement, 4), NULL, 10);
    item->prompt = column_text (statement, 5);
    item->negative = column_text (statement, 6);
    item->model = column_text (statement, 7);
    item->recipe = column_text (statement, 8);
  }
  vel_history_store_finish (self->store, statement);
  return item;
}

guint
vel_history_count (VelHistory *self)
{
  sqlite3_stmt *statement = vel_history_store_read (self->store, "SELECT count (*) FROM pictures", NULL);
  guint count = 0;

  if (!statement)
    return 0;
  if (vel_history_store_step (self->store, statement, NULL))
    count = sqlite3_column_int64 (statement, 0);
  vel_history_store_finish (self->store, statement);
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
vel_history_list (VelHistory *self, const char *text, guint limit, GError **error)
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
  statement = vel_history_store_read (self->store, sql, error);
  if (!statement)
    return NULL;
  sqlite3_bind_int64 (statement, 1, limit ? (gint64) limit : -1);
  for (guint i = 0; i < n_words; i++)
    bind_text (statement, i + 2, words[i]);
  while (vel_history_store_step (self->store, statement, &problem))
    g_array_append_val (ids, (gint64) { sqlite3_column_int64 (statement, 0) });
  vel_history_store_finish (self->store, statement);
  if (problem) {
    g_propagate_error (error, g_steal_pointer (&problem));
    return NULL;
  }
  return g_steal_pointer (&ids);
}

static GBytes *
read_thumbnail (VelHistory *self, gint64 id, GError **error)
{
  sqlite3_stmt *statement = vel_history_store_read (self->store, "SELECT png FROM thumbnails WHERE id = ?1", error);
  GBytes *png = NULL;

  if (!statement)
    return NULL;
  sqlite3_bind_int64 (statement, 1, id);
  if (vel_history_store_step (self->store, statement, error))
    png = g_bytes_new (sqlite3_column_blob (statement, 0), sqlite3_column_bytes (statement, 0));
  vel_history_store_finish (self->store, statement);
  return png;
}

/* Keeping it is a kindness to the next start; not being able to is no error. */
static void
keep_thumbnail (VelHistory *self, gint64 id, GBytes *png)
{
  Insertion insertion;

  if (!vel_history_store_begin (self->store, NULL))
    return;
  if (prepare_insertion (self, &insertion, NULL) && insert_thumbnail (self, &insertion, id, png, NULL)) {
    clear_insertion (&insertion);
    vel_history_store_commit (self->store, NULL);
    return;
  }
  clear_insertion (&insertion);
  vel_history_store_roll_back (self->store);
}

GBytes *
vel_history_get_thumbnail (VelHistory *self, gint64 id, GError **error)
{
  g_autoptr (GError) problem = NULL;
  GBytes *thumbnail = read_thumbnail (self, id, &problem);
  g_autoptr (VelHistoryItem) item = NULL;
  g_autoptr (VelPng) png = NULL;

  if (thumbnail)
    return thumbnail;
  if (problem) {
    g_propagate_error (error, g_steal_pointer (&problem));
    return NULL;
  }
  item = vel_history_get (self, id, error);
  png = item ? vel_png_read (item->path, FALSE, error) : NULL;
  if (!png)
    return NULL;
  thumbnail = vel_thumbnail_make (png->rgb, png->width, png->height);
  keep_thumbnail (self, id, thumbnail);
  return thumbnail;
}

/* A report being made. */
typedef struct {
  VelHistoryReport *report;
  GStrvBuilder *problems;
  guint n_problems;
} Findings;

static void G_GNUC_PRINTF (2, 3)
note (Findings *findings, const char *format, ...)
{
  va_list arguments;

  if (findings->n_problems++ < MAX_PROBLEMS) {
    g_autofree char *sentence = NULL;

    va_start (arguments, format);
    sentence = g_strdup_vprintf (format, arguments);
    va_end (arguments);
    g_strv_builder_add (findings->problems, sentence);
  }
}

static void
hand_over (Findings *findings)
{
  findings->report->problems = g_strv_builder_end (findings->problems);
  g_strv_builder_unref (findings->problems);
}

/* Relative path to id of every row. Returns: (transfer full) (nullable) */
static GHashTable *
read_paths (VelHistory *self, GError **error)
{
  g_autoptr (GHashTable) paths = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  sqlite3_stmt *statement = vel_history_store_read (self->store, "SELECT path, id FROM pictures ORDER BY id", error);
  g_autoptr (GError) problem = NULL;

  if (!statement)
    return NULL;
  while (vel_history_store_step (self->store, statement, &problem)) {
    gint64 id = sqlite3_column_int64 (statement, 1);

    g_hash_table_insert (paths, column_text (statement, 0), g_memdup2 (&id, sizeof id));
  }
  vel_history_store_finish (self->store, statement);
  if (problem) {
    g_propagate_error (error, g_steal_pointer (&problem));
    return NULL;
  }
  return g_steal_pointer (&paths);
}

/* A row's picture is read whole: every checksum, every pixel. */
static void
verify_row (VelHistory *self, const char *path, Findings *findings)
{
  g_autofree char *full = g_build_filename (self->pictures, path, NULL), *shown = g_filename_display_name (full);
  g_autoptr (GError) error = NULL;
  g_autoptr (VelPng) png = NULL;

  if (!g_file_test (full, G_FILE_TEST_EXISTS)) {
    findings->report->missing++;
    note (findings, _ ("“%s” is gone"), shown);
    return;
  }
  png = vel_png_read (full, FALSE, &error);
  if (png)
    findings->report->pictures++;
  else {
    findings->report->damaged++;
    note (findings, "%s", error->message);
  }
}

/* A file without a row: of another program, or saved in the moment the computer died. */
static void
verify_file (VelHistory *self, const char *path, Findings *findings)
{
  g_autofree char *full = g_build_filename (self->pictures, path, NULL), *shown = g_filename_display_name (full);
  g_autoptr (GError) error = NULL;
  VelHistoryRow row = { 0 };
  gboolean has_recipe = FALSE;

  if (!vel_history_files_read (&row, self->pictures, path, &has_recipe, &error)) {
    findings->report->damaged++;
    note (findings, "%s", error->message);
  } else if (has_recipe)
    note (findings, _ ("“%s” is not in the history; a rebuild takes it in"), shown);
  else
    findings->report->foreign++;
  vel_history_row_clear (&row);
}

static int
compare_texts (gconstpointer a, gconstpointer b)
{
  return strcmp (a, b);
}

gboolean
vel_history_verify (VelHistory *self, VelHistoryReport *report, GError **error)
{
  g_autoptr (GHashTable) rows = read_paths (self, error);
  g_autoptr (GPtrArray) files = NULL;
  g_autoptr (GList) paths = NULL;
  Findings findings = { .report = report };

  if (!rows)
    return FALSE;
  *report = (VelHistoryReport) { 0 };
  findings.problems = g_strv_builder_new ();
  paths = g_list_sort (g_hash_table_get_keys (rows), compare_texts);
  for (GList *link = paths; link; link = link->next)
    verify_row (self, link->data, &findings);
  files = vel_history_files_list (self->pictures);
  for (guint i = 0; i < files->len; i++)
    if (!g_hash_table_contains (rows, files->pdata[i]))
      verify_file (self, files->pdata[i], &findings);
  hand_over (&findings);
  return TRUE;
}

static void
clear_row (gpointer row)
{
  vel_history_row_clear (row);
}

static int
compare_created (gconstpointer a, gconstpointer b)
{
  const VelHistoryRow *x = a, *y = b;

  return x->created != y->created ? (x->created < y->created ? -1 : 1) : strcmp (x->path, y->path);
}

/* What the files say, oldest first. Returns: (transfer full) (element-type VelHistoryRow); NULL if cancelled */
static GArray *
read_rows (VelHistory *self, Findings *findings, GCancellable *cancellable, GError **error)
{
  g_autoptr (GArray) rows = g_array_new (FALSE, FALSE, sizeof (VelHistoryRow));
  g_autoptr (GPtrArray) files = vel_history_files_list (self->pictures);

  g_array_set_clear_func (rows, clear_row);
  for (guint i = 0; i < files->len; i++) {
    g_autoptr (GError) problem = NULL;
    VelHistoryRow row = { 0 };
    gboolean has_recipe = FALSE;

    if (g_cancellable_set_error_if_cancelled (cancellable, error))
      return NULL;
    if (!vel_history_files_read (&row, self->pictures, files->pdata[i], &has_recipe, &problem)) {
      findings->report->damaged++;
      note (findings, "%s", problem->message);
    } else if (!has_recipe)
      findings->report->foreign++;
    else
      g_array_append_val (rows, row);
  }
  g_array_sort (rows, compare_created);
  return g_steal_pointer (&rows);
}

/* A picture keeps the id it had, so that whoever shows it need not look again. old: (nullable) */
static gboolean
fill (VelHistory *self, GArray *rows, GHashTable *old, GError **error)
{
  sqlite3_stmt *erase = vel_history_store_prepare (self->store, "DELETE FROM pictures", error);
  Insertion insertion = { 0 };
  gboolean done = erase && vel_history_store_run (self->store, erase, error) && prepare_insertion (self, &insertion, error);

  for (int known = 1; done && known >= 0; known--) /* first: a new picture must not take one of their ids */
    for (guint i = 0; done && i < rows->len; i++) {
      const VelHistoryRow *row = &g_array_index (rows, VelHistoryRow, i);
      const gint64 *id = old ? g_hash_table_lookup (old, row->path) : NULL;

      if ((id != NULL) == known)
        done = insert_row (self, &insertion, id ? *id : 0, row, error) > 0;
    }
  sqlite3_finalize (erase);
  clear_insertion (&insertion);
  return done;
}

/* One transaction: until it is committed the old rows are what everyone sees. A damaged database is put aside instead. */
static gboolean
replace_rows (VelHistory *self, GArray *rows, GHashTable *old, GError **error)
{
  g_autoptr (GError) problem = NULL;

  if (!vel_history_store_begin (self->store, error))
    return FALSE;
  if (fill (self, rows, old, &problem))
    return vel_history_store_commit (self->store, error);
  if (vel_history_store_is_damaged (self->store)) {
    g_clear_error (&problem);
    if (!vel_history_store_replace (self->store, error))
      return FALSE;
    if (fill (self, rows, NULL, &problem))
      return vel_history_store_commit (self->store, error);
  }
  vel_history_store_roll_back (self->store);
  g_propagate_error (error, g_steal_pointer (&problem));
  return FALSE;
}

gboolean
vel_history_rebuild (VelHistory *self, VelHistoryReport *report, GCancellable *cancellable, GError **error)
{
  VelHistoryReport unwanted;
  Findings findings = { .report = report ? report : &unwanted };
  g_autoptr (GHashTable) old = read_paths (self, NULL);
  g_autoptr (GArray) rows = NULL;
  gboolean done;

  *findings.report = (VelHistoryReport) { 0 };
  findings.problems = g_strv_builder_new ();
  rows = read_rows (self, &findings, cancellable, error);
  done = rows && replace_rows (self, rows, old, error);
  findings.report->pictures = done ? rows->len : 0;
  hand_over (&findings);
  if (!report)
    vel_history_report_clear (&unwanted);
  if (done)
    tell (self, 0);
  return done;
}
