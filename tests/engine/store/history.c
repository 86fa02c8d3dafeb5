/* The history: what was saved is there, found, repaired, and safe from the other side's mistakes.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/history.h"

#include "engine/formats/png.h"
#include "tests/engine/formats/scratch.h"
#include "tests/engine/store/picture.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static VelHistory *
open_here (void)
{
  g_autofree char *data = scratch_path ("data"), *pictures = scratch_path ("pictures");
  g_autoptr (GError) error = NULL;
  VelHistory *history = vel_history_open (data, pictures, &error);

  g_assert_no_error (error);
  return history;
}

static gint64
try_save (VelHistory *history, guint64 seed, guint side, GError **error)
{
  g_autofree guint8 *rgb = picture_of (seed, side);
  g_autoptr (VelValues) request = picture_request (seed);
  VelRecipeFacts facts = picture_facts (seed, side);

  return vel_history_save (history, rgb, request, &facts, error);
}

static gint64
save (VelHistory *history, guint64 seed, guint side)
{
  g_autoptr (GError) error = NULL;
  gint64 id = try_save (history, seed, side, &error);

  g_assert_no_error (error);
  g_assert_cmpint (id, >, 0);
  return id;
}

static void
sql (const char *statement)
{
  g_autofree char *path = scratch_path ("data/history.db");
  sqlite3 *db;

  g_assert_cmpint (sqlite3_open (path, &db), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (db, statement, NULL, NULL, NULL), ==, SQLITE_OK);
  sqlite3_close (db);
}

static guint
count_found (VelHistory *history, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) ids = vel_history_list (history, text, 0, &error);

  g_assert_no_error (error);
  return ids->len;
}

static void
test_save (void)
{
  g_autoptr (VelHistory) history = open_here ();
  guint64 seed = G_MAXUINT64;
  gint64 before = g_get_real_time (), id = save (history, seed, 40), second = save (history, seed, 40);
  g_autoptr (GError) error = NULL;
  g_autoptr (VelHistoryItem) item = vel_history_get (history, id, &error), other = vel_history_get (history, second, &error);
  g_autoptr (VelPng) png = NULL;
  g_autoptr (VelValues) request = vel_request_new ();
  g_autofree guint8 *rgb = picture_of (seed, 40);
  g_autofree char *folder = g_path_get_dirname (item->path), *month = g_path_get_basename (folder), *name = g_path_get_basename (item->path);
  struct stat status;

  g_assert_no_error (error);
  g_assert_cmpint (item->id, ==, id);
  g_assert_cmpint (item->created, >=, before);
  g_assert_cmpint (item->created, <=, g_get_real_time ());
  g_assert_cmpuint (item->width, ==, 40);
  g_assert_cmpuint (item->seed, ==, seed);
  g_assert_cmpstr (item->prompt, ==, "picture 18446744073709551615, a white swan on a lake, 水彩画");
  g_assert_cmpstr (item->negative, ==, "blurry, Text");
  g_assert_cmpstr (item->model, ==, "starter");
  g_assert_true (g_path_is_absolute (item->path));
  g_assert_cmpstr (item->path, !=, other->path);
  g_assert_true (g_regex_match_simple ("^\\d{4}-\\d\\d$", month, 0, 0));
  g_assert_true (g_regex_match_simple ("^\\d{8}-\\d{6}-18446744073709551615-1\\.png$", name, 0, 0));
  png = vel_png_read (item->path, FALSE, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (png->rgb, 40 * 40 * 3, rgb, 40 * 40 * 3);
  g_assert_cmpstr (g_hash_table_lookup (png->text, "velatura"), ==, item->recipe);
  g_assert_true (vel_recipe_restore (item->path, request, NULL, NULL, NULL, &error));
  g_assert_cmpint (vel_values_get_int (request, "steps"), ==, 12);
  g_assert_cmpint (stat (item->path, &status), ==, 0);
  g_assert_cmpint (status.st_mode & 0600, ==, 0600);
  g_assert_cmpuint (vel_history_count (history), ==, 2);
  g_assert_null (vel_history_get (history, 12345, &error));
  g_assert_no_error (error);
}

/* Newest first; every word must occur, whatever its case or script. */
static void
test_list (void)
{
  g_autoptr (VelHistory) history = open_here ();
  gint64 ids[5];
  g_autoptr (GArray) all = NULL, two = NULL;

  for (int i = 0; i < 5; i++)
    ids[i] = save (history, 100 + i, 8);
  all = vel_history_list (history, NULL, 0, NULL);
  g_assert_cmpuint (all->len, ==, 5);
  for (int i = 0; i < 5; i++)
    g_assert_cmpint (g_array_index (all, gint64, i), ==, ids[4 - i]);
  two = vel_history_list (history, "", 2, NULL);
  g_assert_cmpuint (two->len, ==, 2);
  g_assert_cmpint (g_array_index (two, gint64, 0), ==, ids[4]);
  g_assert_cmpuint (count_found (history, "SWAN lake"), ==, 5);
  g_assert_cmpuint (count_found (history, "swan 102"), ==, 1);
  g_assert_cmpuint (count_found (history, "水彩"), ==, 5);
  g_assert_cmpuint (count_found (history, "text starter"), ==, 5);
  g_assert_cmpuint (count_found (history, "swan nothing"), ==, 0);
  g_assert_cmpuint (count_found (history, "100%' OR 1=1 --"), ==, 0);
  g_assert_cmpuint (count_found (history, "\xff\xfe"), ==, 0);
  g_assert_cmpuint (count_found (history, "a b c d e f g h i j k l m n o p q r s t u v w x y z"), <=, 5);
}

static void
on_added (VelHistory *history, gint64 id, gpointer data)
{
  *(gint64 *) data = id;
}

static gpointer
save_in_thread (gpointer history)
{
  return GINT_TO_POINTER (save (history, 5, 8));
}

/* News arrive on the thread that opened the history, whichever thread saved. */
static void
test_signals (void)
{
  g_autoptr (VelHistory) history = open_here ();
  gint64 added = 0, id;
  int changed = 0;

  g_signal_connect (history, "added", G_CALLBACK (on_added), &added);
  g_signal_connect_swapped (history, "changed", G_CALLBACK (g_atomic_int_inc), &changed);
  id = GPOINTER_TO_INT (g_thread_join (g_thread_new ("saver", save_in_thread, history)));
  g_assert_cmpint (added, ==, 0);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpint (added, ==, id);
  g_assert_true (vel_history_rebuild (history, NULL, NULL, NULL));
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpint (changed, ==, 1);
  save (history, 6, 8);
  g_clear_object (&history);
  while (g_main_context_iteration (NULL, FALSE)) /* news of a history that is gone */
    ;
}

static void
test_thumbnail (void)
{
  g_autoptr (VelHistory) history = open_here ();
  gint64 id = save (history, 7, 600);

  for (int lost = 0; lost < 2; lost++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (GBytes) bytes = NULL;
    g_autoptr (VelPng) png = NULL;

    if (lost)
      sql ("DELETE FROM thumbnails");
    bytes = vel_history_get_thumbnail (history, id, &error);
    g_assert_no_error (error);
    png = vel_png_read_bytes (bytes, "thumbnail", FALSE, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (png->width, ==, 256);
    g_assert_cmpuint (png->height, ==, 256);
  }
  g_assert_null (vel_history_get_thumbnail (history, 999, NULL));
}

/* Every row as one text. */
static char *
dump (VelHistory *history)
{
  g_autoptr (GArray) ids = vel_history_list (history, NULL, 0, NULL);
  GString *out = g_string_new (NULL);

  for (guint i = 0; i < ids->len; i++) {
    g_autoptr (VelHistoryItem) item = vel_history_get (history, g_array_index (ids, gint64, i), NULL);

    g_string_append_printf (out, "%" G_GINT64_FORMAT " %s %" G_GINT64_FORMAT " %ux%u %" G_GUINT64_FORMAT "\n%s\n%s\n%s\n%s\n", item->id,
                            item->path, item->created, item->width, item->height, item->seed, item->prompt, item->negative, item->model,
                            item->recipe);
  }
  return g_string_free (out, FALSE);
}

static void
put_picture (const char *name, const char *const *text)
{
  g_autoptr (GBytes) png = vel_png_encode ((const guint8 *) "abc", 1, 1, text);

  g_free (scratch_file (name, g_bytes_get_data (png, NULL), g_bytes_get_size (png)));
}

/* From the pictures alone come the same rows with the same ids; others' pictures are taken in, other files left alone. */
static void
test_rebuild (void)
{
  g_autoptr (VelHistory) history = open_here ();
  VelHistoryReport report;
  g_autofree char *before = NULL, *after = NULL, *again = NULL, *db = scratch_path ("data/history.db");
  g_autoptr (GError) error = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (VelHistory) fresh = NULL;

  for (int i = 0; i < 7; i++)
    save (history, i, 16);
  before = dump (history);
  g_assert_true (vel_history_rebuild (history, &report, NULL, &error));
  g_assert_cmpuint (report.pictures, ==, 7);
  vel_history_report_clear (&report);
  after = dump (history);
  g_assert_cmpstr (after, ==, before);

  put_picture ("pictures/2020-01/a1111.png", (const char *[]) { "parameters", "a fox\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 77, "
    "Size: 8x8, Model: dream", NULL });
  put_picture ("pictures/holiday.png", NULL);
  g_free (scratch_file ("pictures/broken.png", "not a picture", 13));
  g_free (scratch_file ("pictures/notes.txt", "hello", 5));
  g_assert_true (vel_history_rebuild (history, &report, NULL, &error));
  g_assert_cmpuint (report.pictures, ==, 8);
  g_assert_cmpuint (report.foreign, ==, 1);
  g_assert_cmpuint (report.damaged, ==, 1);
  g_assert_cmpuint (g_strv_length (report.problems), ==, 1);
  vel_history_report_clear (&report);
  g_assert_cmpuint (count_found (history, "fox dream"), ==, 1);

  g_cancellable_cancel (cancellable);
  g_assert_false (vel_history_rebuild (history, NULL, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_cmpuint (vel_history_count (history), ==, 8);

  /* Without any database only the ids are new. */
  g_clear_object (&history);
  for (const char *const *suffix = (const char *[]) { "", "-wal", "-shm", NULL }; *suffix; suffix++) {
    g_autofree char *file = g_strconcat (db, *suffix, NULL);

    unlink (file);
  }
  fresh = open_here ();
  g_assert_cmpuint (vel_history_count (fresh), ==, 0);
  g_assert_true (vel_history_rebuild (fresh, NULL, NULL, &error));
  g_assert_cmpuint (vel_history_count (fresh), ==, 8);
}

static void
test_verify (void)
{
  g_autoptr (VelHistory) history = open_here ();
  gint64 ids[4];
  g_autoptr (GError) error = NULL;
  VelHistoryReport report;
  g_autoptr (VelHistoryItem) gone = NULL, cut = NULL, lost = NULL;

  for (int i = 0; i < 4; i++)
    ids[i] = save (history, i, 30);
  gone = vel_history_get (history, ids[0], NULL);
  cut = vel_history_get (history, ids[1], NULL);
  lost = vel_history_get (history, ids[2], NULL);
  g_assert_cmpint (unlink (gone->path), ==, 0);
  g_assert_cmpint (truncate (cut->path, 500), ==, 0);
  sql ("DELETE FROM pictures WHERE seed = '2'");
  put_picture ("pictures/holiday.png", NULL);
  g_assert_true (vel_history_verify (history, &report, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (report.pictures, ==, 1);
  g_assert_cmpuint (report.missing, ==, 1);
  g_assert_cmpuint (report.damaged, ==, 1);
  g_assert_cmpuint (report.foreign, ==, 1);
  g_assert_cmpuint (g_strv_length (report.problems), ==, 3);
  g_assert_nonnull (strstr (report.problems[2], "is not in the history"));
  g_assert_nonnull (strstr (report.problems[2], lost->path));
  vel_history_report_clear (&report);
}

/* Bytes of the database turned to rubbish, at its start and behind it. */
static void
test_damaged (void)
{
  g_autofree char *db = scratch_path ("data/history.db"), *wal = scratch_path ("data/history.db-wal"), *bytes = NULL;
  g_autoptr (GError) error = NULL;
  gsize length;

  for (int part = 0; part < 2; part++) {
    g_autoptr (VelHistory) history = open_here ();
    guint count;

    for (int i = 0; i < 20; i++)
      save (history, 20 * part + i, 8);
    g_clear_object (&history);
    sql ("PRAGMA wal_checkpoint (TRUNCATE)");
    g_assert_true (g_file_get_contents (db, &bytes, &length, NULL));
    g_assert_cmpuint (length, >, 3 * 4096);
    memset (bytes + 4096 * part, 0xa5, length - 4096 * part);
    g_assert_true (g_file_set_contents (db, bytes, length, NULL));
    g_clear_pointer (&bytes, g_free);
    unlink (wal);

    history = open_here ();
    if (part == 1)
      g_assert_true (vel_history_rebuild (history, NULL, NULL, &error));
    g_assert_no_error (error);
    count = vel_history_count (history);
    g_assert_cmpuint (count, ==, 20 * (part + 1));
    save (history, 1000, 8);
    g_assert_true (vel_history_rebuild (history, NULL, NULL, &error));
    g_assert_cmpuint (vel_history_count (history), ==, count + 1);
    {
      g_autoptr (GArray) ids = vel_history_list (history, "1000", 1, NULL);
      g_autoptr (VelHistoryItem) item = vel_history_get (history, g_array_index (ids, gint64, 0), NULL);

      unlink (item->path);
    }
  }
}

static void
test_newer (void)
{
  g_autoptr (VelHistory) history = open_here ();
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = scratch_path ("pictures");
  VelHistoryReport report;

  save (history, 1, 8);
  g_clear_object (&history);
  sql ("PRAGMA user_version = 99");
  history = open_here ();
  g_assert_cmpuint (vel_history_count (history), ==, 1);
  g_assert_cmpint (try_save (history, 2, 8, &error), ==, -1);
  g_assert_error (error, VEL_ERROR, VEL_ERROR_STORAGE);
  g_assert_nonnull (strstr (error->message, "newer Velatura"));
  g_clear_error (&error);
  g_assert_false (vel_history_rebuild (history, NULL, NULL, &error));
  g_assert_error (error, VEL_ERROR, VEL_ERROR_STORAGE);
  g_assert_true (vel_history_verify (history, &report, NULL));
  g_assert_cmpuint (report.pictures, ==, 1);
  g_assert_cmpuint (g_strv_length (report.problems), ==, 0); /* the picture that was not saved left no file */
  vel_history_report_clear (&report);
}

static void
refuse_open (const char *data, const char *pictures)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (vel_history_open (data, pictures, &error));
  g_assert_error (error, VEL_ERROR, VEL_ERROR_STORAGE);
  g_assert_null (strchr (error->message, '\n'));
}

static void
test_unwritable (void)
{
  g_autofree char *file = scratch_file ("file", "", 0), *below = g_build_filename (file, "x", NULL), *good = scratch_path ("good");
  g_autoptr (VelHistory) history = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autofree char *month = g_date_time_format (now, "pictures/%Y-%m"), *blocker = NULL;

  refuse_open (below, good);
  refuse_open (good, below);
  blocker = scratch_file (month, "in the way", 10);
  history = open_here ();
  g_assert_cmpint (try_save (history, 1, 8, &error), ==, -1);
  g_assert_error (error, VEL_ERROR, VEL_ERROR_STORAGE);
  g_clear_error (&error);
  g_assert_cmpuint (vel_history_count (history), ==, 0);
  unlink (blocker);
  if (geteuid () == 0)
    return; /* nothing is read-only to root */
  g_mkdir (blocker, 0500);
  g_assert_cmpint (try_save (history, 1, 8, &error), ==, -1);
  g_assert_error (error, VEL_ERROR, VEL_ERROR_STORAGE);
}

/* Ten thousand pictures: read again from the files, and searched. */
static void
test_many (void)
{
  g_autoptr (VelHistory) history = open_here ();
  g_autoptr (VelValues) request = picture_request (0);
  g_autofree char *folder = scratch_path ("pictures/2026-01");
  g_autoptr (GError) error = NULL;
  VelHistoryReport report;
  gint64 begun, best = G_MAXINT64;
  const int n = 10000;
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
  const gboolean timed = FALSE;
#else
  const gboolean timed = TRUE;
#endif

  g_mkdir_with_parents (folder, 0700);
  for (int i = 0; i < n; i++) {
    VelRecipeFacts facts = picture_facts (i, 1);
    g_autofree char *recipe = vel_recipe_to_json (request, &facts), *name = g_strdup_printf ("%05d.png", i);
    g_autofree char *path = g_build_filename (folder, name, NULL);
    g_autoptr (GBytes) png = vel_png_encode ((const guint8 *) "abc", 1, 1, (const char *[]) { "velatura", recipe, NULL });

    FILE *file = fopen (path, "w"); /* GLib's way waits for the disk */

    g_assert_cmpuint (fwrite (g_bytes_get_data (png, NULL), 1, g_bytes_get_size (png), file), ==, g_bytes_get_size (png));
    fclose (file);
  }
  begun = g_get_monotonic_time ();
  g_assert_true (vel_history_rebuild (history, &report, NULL, &error));
  g_test_message ("rebuild: %.0f pictures/s", n * 1e6 / (g_get_monotonic_time () - begun));
  if (timed)
    g_assert_cmpint (g_get_monotonic_time () - begun, <, 20 * G_USEC_PER_SEC); /* 500 a second */
  g_assert_cmpuint (report.pictures, ==, n);
  vel_history_report_clear (&report);
  for (int i = 0; i < 5; i++) {
    begun = g_get_monotonic_time ();
    g_assert_cmpuint (count_found (history, i % 2 ? "swan nothing" : "Swan lake 水彩"), ==, i % 2 ? 0 : n);
    best = MIN (best, g_get_monotonic_time () - begun);
  }
  g_test_message ("search: %.1f ms", best / 1e3);
  if (timed)
    g_assert_cmpint (best, <, 50000);
  begun = g_get_monotonic_time ();
  g_clear_object (&history);
  history = open_here ();
  g_test_message ("open: %.1f ms", (g_get_monotonic_time () - begun) / 1e3);
}

int
main (int argc, char **argv)
{
  scratch_init (&argc, &argv);
  g_test_add_func ("/store/history/save", test_save);
  g_test_add_func ("/store/history/list", test_list);
  g_test_add_func ("/store/history/signals", test_signals);
  g_test_add_func ("/store/history/thumbnail", test_thumbnail);
  g_test_add_func ("/store/history/rebuild", test_rebuild);
  g_test_add_func ("/store/history/verify", test_verify);
  g_test_add_func ("/store/history/damaged", test_damaged);
  g_test_add_func ("/store/history/newer", test_newer);
  g_test_add_func ("/store/history/unwritable", test_unwritable);
  g_test_add_func ("/store/history/many", test_many);
  return g_test_run ();
}
