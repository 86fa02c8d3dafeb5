/* What was made and from what.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/history-inside.h"

#include "engine/formats/png.h"
#include "engine/history-files.h"
#include "engine/history-rows.h"
#include "engine/paths.h"
#include "engine/thumbnail.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>

G_DEFINE_FINAL_TYPE (VelHistory, vel_history, G_TYPE_OBJECT)

static guint added_signal, changed_signal, unfinished_signal;

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
/* News from any thread to the one that opened the history. The history may be gone by then. */
typedef struct {
  GWeakRef history;
  gint64 news;
} News;

static gboolean
on_news (gpointer data)
{
  News *news = data;
  g_autoptr (VelHistory) self = g_weak_ref_get (&news->history);

  if (self && news->news > 0)
    g_signal_emit (self, added_signal, 0, news->news);
  else if (self && news->news == VEL_NEWS_UNFINISHED)
    g_signal_emit (self, unfinished_signal, 0);
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

void
vel_history_tell (VelHistory *self, gint64 what)
{
  News *news = g_new0 (News, 1);
  GSource *source = g_idle_source_new ();

  g_weak_ref_init (&news->history, self);
  news->news = what;
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
  self->unfinished = g_build_filename (data_dir, "unfinished", NULL);
  vel_history_files_sweep (self->pictures);
  vel_unfinished_sweep (self->unfinished);
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
  g_free (self->unfinished);
  g_free (self->pictures);
  G_OBJECT_CLASS (vel_history_parent_class)->finalize (object);
}

static void
vel_history_class_init (VelHistoryClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = vel_history_finalize;
  added_signal = g_signal_new ("added", VEL_TYPE_HISTORY, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_INT64);
  changed_signal = g_signal_new ("changed", VEL_TYPE_HISTORY, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  unfinished_signal = g_signal_new ("unfinished", VEL_TYPE_HISTORY, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
vel_history_init (VelHistory *self)
{
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
  id = vel_history_rows_add (self->store, &(VelHistoryRow) { .path = path, .created = created, .width = facts->width, .height = facts->height,
    .seed = facts->seed, .prompt = (char *) vel_values_get (request, "prompt"), .negative = (char *) vel_values_get (request, "negative"),
    .model = (char *) (facts->model_name ? facts->model_name : ""), .recipe = own }, thumbnail, error);
  if (id < 0) {
    full = g_build_filename (self->pictures, path, NULL);
    g_unlink (full);
    return -1;
  }
  vel_history_tell (self, id);
  return id;
}
VelHistoryItem *
vel_history_get (VelHistory *self, gint64 id, GError **error)
{
  return vel_history_rows_get (self->store, id, self->pictures, error);
}

guint
vel_history_count (VelHistory *self)
{
  return vel_history_rows_count (self->store);
}

GArray *
vel_history_list (VelHistory *self, const char *text, guint limit, GError **error)
{
  return vel_history_rows_list (self->store, text, limit, error);
}

GBytes *
vel_history_get_thumbnail (VelHistory *self, gint64 id, GError **error)
{
  g_autoptr (GError) problem = NULL;
  GBytes *thumbnail = vel_history_rows_read_thumbnail (self->store, id, &problem);
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
  vel_history_rows_keep_thumbnail (self->store, id, thumbnail);
  return thumbnail;
}

const char *
vel_history_get_unfinished (VelHistory *self)
{
  return self->unfinished;
}

void
vel_history_tell_unfinished (VelHistory *self)
{
  vel_history_tell (self, VEL_NEWS_UNFINISHED);
}
