/* Processes that die while they save, that save at once, that find the disk full.  SPDX-License-Identifier: Apache-2.0
 *
 * test-kill SAVER: the path of the helper program. */
#include "engine/history.h"

#include "engine/formats/png.h"
#include "tests/engine/formats/scratch.h"
#include "tests/engine/store/picture.h"

#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILLS 200
#define SIDE 32

static const char *saver;

typedef struct {
  GPid pid;
  int out, err;
} Child;

/* limit: (nullable) */
static Child
start (guint64 first_seed, int count, guint side, const char *limit)
{
  g_autofree char *data = scratch_path ("data"), *pictures = scratch_path ("pictures");
  g_autofree char *seed = g_strdup_printf ("%" G_GUINT64_FORMAT, first_seed), *n = g_strdup_printf ("%d", count);
  g_autofree char *pixels = g_strdup_printf ("%u", side);
  const char *arguments[] = { saver, data, pictures, seed, n, pixels, limit, NULL };
  g_autoptr (GError) error = NULL;
  Child child;

  g_spawn_async_with_pipes (NULL, (char **) arguments, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &child.pid, NULL, &child.out,
                            &child.err, &error);
  g_assert_no_error (error);
  return child;
}

/* Returns: (transfer full): all that came */
static char *
read_all (int fd)
{
  GString *text = g_string_new (NULL);
  char piece[4096];
  gssize n;

  while ((n = read (fd, piece, sizeof piece)) > 0)
    g_string_append_len (text, piece, n);
  close (fd);
  return g_string_free (text, FALSE);
}

/* Adds what a child announced: ids to seeds. Returns: its exit status */
static int
finish (Child *child, GHashTable *announced, char **message)
{
  g_autofree char *out = read_all (child->out), *err = read_all (child->err);
  g_auto (GStrv) lines = g_strsplit (out, "\n", -1);
  int status;

  for (guint i = 0; lines[i] && lines[i + 1]; i++) { /* the last one is not whole */
    gint64 id;
    guint64 seed;

    g_assert_cmpint (sscanf (lines[i], "%" G_GINT64_MODIFIER "d %" G_GINT64_MODIFIER "u", &id, &seed), ==, 2);
    g_assert_true (g_hash_table_insert (announced, g_memdup2 (&id, sizeof id), g_memdup2 (&seed, sizeof seed)));
  }
  if (message)
    *message = g_steal_pointer (&err);
  g_assert_cmpint (waitpid (child->pid, &status, 0), ==, child->pid);
  return status;
}

static void
check_database (void)
{
  g_autofree char *path = scratch_path ("data/history.db");
  sqlite3 *db;
  sqlite3_stmt *statement;

  g_assert_cmpint (sqlite3_open (path, &db), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_prepare_v2 (db, "PRAGMA integrity_check", -1, &statement, NULL), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_step (statement), ==, SQLITE_ROW);
  g_assert_cmpstr ((const char *) sqlite3_column_text (statement, 0), ==, "ok");
  sqlite3_finalize (statement);
  sqlite3_close (db);
}

static void
check_folder (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir))) {
    g_autofree char *path = g_build_filename (folder, name, NULL);
    g_autoptr (GError) error = NULL;
    g_autoptr (VelPng) png = NULL;

    g_assert_cmpint (name[0], !=, '.'); /* nothing unfinished is left */
    if (g_file_test (path, G_FILE_TEST_IS_DIR)) {
      check_folder (path);
      continue;
    }
    png = vel_png_read (path, FALSE, &error);
    g_assert_no_error (error);
  }
}

/* Everything announced is there, with its own pixels; every file is whole; a rebuild gives the same rows. */
static void
check_all (GHashTable *announced, guint side)
{
  g_autofree char *data = scratch_path ("data"), *pictures = scratch_path ("pictures");
  g_autoptr (GError) error = NULL;
  g_autoptr (VelHistory) history = vel_history_open (data, pictures, &error);
  VelHistoryReport report;
  guint rows;

  g_assert_no_error (error);
  check_database ();
  check_folder (pictures);
  rows = vel_history_count (history);
  g_assert_cmpuint (rows, >=, g_hash_table_size (announced));
  for (int rebuilt = 0; rebuilt < 2; rebuilt++) {
    GHashTableIter iter;
    gpointer id, seed;

    g_hash_table_iter_init (&iter, announced);
    while (g_hash_table_iter_next (&iter, &id, &seed)) {
      g_autoptr (VelHistoryItem) item = vel_history_get (history, *(gint64 *) id, &error);
      g_autofree guint8 *rgb = picture_of (*(guint64 *) seed, side);
      g_autoptr (VelPng) png = NULL;

      g_assert_nonnull (item);
      g_assert_cmpuint (item->seed, ==, *(guint64 *) seed);
      png = vel_png_read (item->path, FALSE, &error);
      g_assert_no_error (error);
      g_assert_cmpmem (png->rgb, side * side * 3, rgb, side * side * 3);
    }
    if (rebuilt)
      break;
    g_assert_true (vel_history_rebuild (history, &report, NULL, &error));
    g_assert_cmpuint (report.pictures, >=, rows); /* a picture whose row was not written yet is found again */
    g_assert_cmpuint (report.pictures, <=, rows + KILLS);
    g_assert_cmpuint (report.damaged, ==, 0);
    vel_history_report_clear (&report);
  }
  g_assert_true (vel_history_verify (history, &report, &error));
  g_assert_cmpuint (g_strv_length (report.problems), ==, 0);
  vel_history_report_clear (&report);
}

static GHashTable *
new_announced (void)
{
  return g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, g_free);
}

/* Every other child is left alone until its first picture is safe: on a slow machine they would all die before. */
static void
wait_for_word (const Child *child)
{
  struct pollfd word = { .fd = child->out, .events = POLLIN };

  g_assert_cmpint (poll (&word, 1, 30000), ==, 1);
}

/* kill -9 at random moments, from the first instruction to the middle of the tenth picture. */
static void
test_kill (void)
{
  g_autoptr (GHashTable) announced = new_announced ();
  g_autoptr (GRand) random = g_rand_new_with_seed (42);

  for (int i = 0; i < KILLS; i++) {
    Child child = start ((guint64) i * 1000, 0, SIDE, NULL);

    if (i % 2)
      wait_for_word (&child);
    g_usleep (g_rand_int_range (random, 0, 30000));
    kill (child.pid, SIGKILL);
    g_assert_true (WIFSIGNALED (finish (&child, announced, NULL)));
  }
  g_test_message ("%u pictures were announced", g_hash_table_size (announced));
  g_assert_cmpuint (g_hash_table_size (announced), >=, KILLS / 2);
  check_all (announced, SIDE);
}

static void
test_together (void)
{
  g_autoptr (GHashTable) announced = new_announced ();
  Child children[4];

  for (guint i = 0; i < G_N_ELEMENTS (children); i++)
    children[i] = start (i * 1000, 15, SIDE, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (children); i++)
    g_assert_cmpint (finish (&children[i], announced, NULL), ==, 0);
  g_assert_cmpuint (g_hash_table_size (announced), ==, 60);
  check_all (announced, SIDE);
}

/* No file may grow beyond a size: first the picture does not fit, then the database's log. A sentence each, and nothing left behind. */
static void
test_full (void)
{
  g_autoptr (GHashTable) announced = new_announced ();
  guint failures = 0;

  for (int limit = 1; limit < 400; limit += 1 + limit / 4) {
    g_autofree char *bytes = g_strdup_printf ("%d", limit * 1024), *message = NULL;
    Child child = start (limit, 1, 64, bytes);

    if (finish (&child, announced, &message) == 0)
      continue;
    failures++;
    g_assert_cmpuint (strlen (message), >, 10);
    g_assert_true (strchr (message, '\n') == message + strlen (message) - 1);
  }
  g_assert_cmpuint (failures, >, 3);
  g_assert_cmpuint (g_hash_table_size (announced), >, 0);
  check_all (announced, 64);
}

int
main (int argc, char **argv)
{
  scratch_init (&argc, &argv);
  saver = argv[1];
  g_test_add_func ("/store/kill/while-saving", test_kill);
  g_test_add_func ("/store/kill/together", test_together);
  g_test_add_func ("/store/kill/disk-full", test_full);
  return g_test_run ();
}
