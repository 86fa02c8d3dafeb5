/* The pictures of the history as files.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/history-files.h"

#include "engine/durable.h"
#include "engine/formats/png.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_DEPTH 4 /* folders within the folder of the pictures; ours are one deep, people sort theirs */
#define MAX_SAME 10000 /* pictures of one second and seed */

void
vel_history_row_clear (VelHistoryRow *self)
{
  g_free (self->path);
  g_free (self->prompt);
  g_free (self->negative);
  g_free (self->model);
  g_free (self->recipe);
}

char *
vel_history_files_format_time (gint64 created)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (created / G_USEC_PER_SEC);
  g_autofree char *seconds = g_date_time_format (time, "%Y-%m-%dT%H:%M:%S");

  return g_strdup_printf ("%s.%06dZ", seconds, (int) (created % G_USEC_PER_SEC));
}

/* 0 if it is none. */
static gint64
parse_time (const char *text)
{
  g_autoptr (GDateTime) time = text && strlen (text) < 100 ? g_date_time_new_from_iso8601 (text, NULL) : NULL;

  return time ? g_date_time_to_unix (time) * G_USEC_PER_SEC + g_date_time_get_microsecond (time) : 0;
}

/* A month's folder, and its name in the folder above, durably. */
static gboolean
make_folder (const char *folder, const char *path, GError **error)
{
  g_autofree char *shown = g_filename_display_name (path);

  if (g_mkdir (path, 0777) == 0)
    return vel_durable_sync_folder (folder, error);
  if (errno == EEXIST && g_file_test (path, G_FILE_TEST_IS_DIR))
    return TRUE;
  g_set_error (error, VEL_ERROR, VEL_ERROR_STORAGE, _ ("The folder “%s” can not be made: %s"), shown,
               g_strerror (errno == EEXIST ? ENOTDIR : errno));
  return FALSE;
}

char *
vel_history_files_write (const char *folder, GBytes *png, gint64 created, guint64 seed, GError **error)
{
  g_autoptr (GDateTime) utc = g_date_time_new_from_unix_utc (created / G_USEC_PER_SEC), time = g_date_time_to_local (utc);
  g_autofree char *month = g_date_time_format (time, "%Y-%m"), *stamp = g_date_time_format (time, "%Y%m%d-%H%M%S");
  g_autofree char *place = g_build_filename (folder, month, NULL);
  g_autoptr (VelDurable) file = NULL;
  gsize size;
  const void *data = g_bytes_get_data (png, &size);

  if (!make_folder (folder, place, error))
    return NULL;
  file = vel_durable_new (place, error);
  if (!file || !vel_durable_write (file, data, size, error))
    return NULL;
  for (guint n = 1; n <= MAX_SAME; n++) {
    g_autofree char *name = g_strdup_printf ("%s-%" G_GUINT64_FORMAT "-%u.png", stamp, seed, n);
    g_autofree char *path = g_build_filename (place, name, NULL);
    g_autoptr (GError) problem = NULL;

    if (vel_durable_finish (file, path, FALSE, &problem))
      return g_build_filename (month, name, NULL);
    if (n == MAX_SAME || !g_error_matches (problem, G_IO_ERROR, G_IO_ERROR_EXISTS)) {
      g_propagate_error (error, g_steal_pointer (&problem));
      break;
    }
  }
  return NULL;
}

gboolean
vel_history_files_read (VelHistoryRow *self, const char *folder, const char *path, gboolean *has_recipe, GError **error)
{
  g_autofree char *full = g_build_filename (folder, path, NULL);
  g_autoptr (VelPng) png = vel_png_read (full, TRUE, error);
  VelRecipeSummary summary;
  VelMetadata metadata;
  struct stat status;

  if (!png)
    return FALSE;
  metadata = (VelMetadata) { "png", png->width, png->height, png->text };
  *has_recipe = vel_recipe_summarize (&summary, &metadata);
  if (!*has_recipe)
    return TRUE;
  *self = (VelHistoryRow) { .path = g_strdup (path), .width = png->width, .height = png->height, .seed = summary.seed,
    .prompt = summary.prompt, .negative = summary.negative, .model = summary.model, .recipe = summary.text };
  self->created = parse_time (g_hash_table_lookup (png->text, VEL_HISTORY_CREATED));
  if (self->created <= 0 && stat (full, &status) == 0)
    self->created = status.st_mtim.tv_sec * G_USEC_PER_SEC + status.st_mtim.tv_nsec / 1000;
  return TRUE;
}

/* below: relative to folder, "" at the top. */
static void
list (const char *folder, const char *below, int depth, void (*on_file) (const char *path, gpointer data),
      void (*on_folder) (const char *path, gpointer data), gpointer data)
{
  g_autofree char *here = g_build_filename (folder, below, NULL);
  g_autoptr (GDir) dir = g_dir_open (here, 0, NULL);
  const char *name;

  if (on_folder)
    on_folder (here, data);
  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *path = *below ? g_build_filename (below, name, NULL) : g_strdup (name);
    g_autofree char *full = g_build_filename (here, name, NULL);

    if (*name == '.')
      continue;
    if (g_str_has_suffix (name, ".png")) {
      if (on_file)
        on_file (path, data);
    } else if (depth > 1 && g_file_test (full, G_FILE_TEST_IS_DIR) && !g_file_test (full, G_FILE_TEST_IS_SYMLINK))
      list (folder, path, depth - 1, on_file, on_folder, data);
  }
}

static void
add_file (const char *path, gpointer paths)
{
  g_ptr_array_add (paths, g_strdup (path));
}

static int
compare_paths (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

GPtrArray *
vel_history_files_list (const char *folder)
{
  GPtrArray *paths = g_ptr_array_new_with_free_func (g_free);

  list (folder, "", MAX_DEPTH, add_file, NULL, paths);
  g_ptr_array_sort (paths, compare_paths);
  return paths;
}

static void
sweep_folder (const char *path, gpointer data)
{
  vel_durable_sweep (path);
}

void
vel_history_files_sweep (const char *folder)
{
  list (folder, "", MAX_DEPTH, NULL, sweep_folder, NULL);
}
