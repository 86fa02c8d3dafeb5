/* Whether rows and files agree, and what to do where they do not.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/history-inside.h"

#include "engine/formats/png.h"
#include "engine/history-files.h"
#include "engine/history-rows.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#define MAX_PROBLEMS 100 /* of a report */

void
vel_history_report_clear (VelHistoryReport *self)
{
  g_clear_pointer (&self->problems, g_strfreev);
  *self = (VelHistoryReport) { 0 };
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

/* What is painted and not saved is neither row nor picture, and stays as it is. */
static void
look_for_unfinished (VelHistory *self, Findings *findings)
{
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) pictures = vel_unfinished_list (self->unfinished, problems);

  findings->report->unfinished = pictures->len;
  findings->report->damaged += problems->len;
  for (guint i = 0; i < problems->len; i++)
    note (findings, "%s", (const char *) problems->pdata[i]);
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
  g_autoptr (GHashTable) rows = vel_history_rows_read_paths (self->store, error);
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
  look_for_unfinished (self, &findings);
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
  VelHistoryInsertion insertion = { 0 };
  gboolean done = erase && vel_history_store_run (self->store, erase, error) && vel_history_insertion_prepare (self->store, &insertion, error);

  for (int known = 1; done && known >= 0; known--) /* first: a new picture must not take one of their ids */
    for (guint i = 0; done && i < rows->len; i++) {
      const VelHistoryRow *row = &g_array_index (rows, VelHistoryRow, i);
      const gint64 *id = old ? g_hash_table_lookup (old, row->path) : NULL;

      if ((id != NULL) == known)
        done = vel_history_insertion_add (self->store, &insertion, id ? *id : 0, row, error) > 0;
    }
  sqlite3_finalize (erase);
  vel_history_insertion_clear (&insertion);
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
  g_autoptr (GHashTable) old = vel_history_rows_read_paths (self->store, NULL);
  g_autoptr (GArray) rows = NULL;
  gboolean done;

  *findings.report = (VelHistoryReport) { 0 };
  findings.problems = g_strv_builder_new ();
  rows = read_rows (self, &findings, cancellable, error);
  done = rows && replace_rows (self, rows, old, error);
  findings.report->pictures = done ? rows->len : 0;
  look_for_unfinished (self, &findings);
  hand_over (&findings);
  if (!report)
    vel_history_report_clear (&unwanted);
  if (done)
    vel_history_tell (self, VEL_NEWS_CHANGED);
  return done;
}
