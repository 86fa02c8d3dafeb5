/* Pictures for the screen, read and decoded off the main thread.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/widgets/picture-loader.h"
#include "engine/formats/png.h"

#define N_THREADS 2

typedef struct {
  VelHistory *history;
  gint64 id;
  guint64 turn; /* later requests have larger ones */
} Wanted;

static void
wanted_free (gpointer data)
{
  Wanted *self = data;

  g_object_unref (self->history);
  g_free (self);
}

GdkTexture *
vel_picture_texture_new (GBytes *rgb, guint width, guint height)
{
  return gdk_memory_texture_new ((int) width, (int) height, GDK_MEMORY_R8G8B8, rgb, (gsize) width * 3);
}

static GdkTexture *
texture_of_png (VelPng *png)
{
  g_autoptr (GBytes) rgb = g_bytes_new_take (g_steal_pointer (&png->rgb), (gsize) png->width * png->height * 3);

  return vel_picture_texture_new (rgb, png->width, png->height);
}

void
vel_entry_data_free (VelEntryData *self)
{
  g_clear_pointer (&self->item, vel_history_item_free);
  g_clear_object (&self->texture);
  g_free (self->problem);
  g_free (self);
}

static Wanted *
wanted_new (VelHistory *history, gint64 id)
{
  static guint64 turn;
  Wanted *self = g_new0 (Wanted, 1);

  self->history = g_object_ref (history);
  self->id = id;
  self->turn = ++turn;
  return self;
}

static void
load_whole (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const Wanted *wanted = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (VelPng) png = NULL;
  VelEntryData *found = g_new0 (VelEntryData, 1);

  found->item = vel_history_get (wanted->history, wanted->id, &error);
  if (found->item != NULL)
    png = vel_png_read (found->item->path, FALSE, &error);
  if (png != NULL)
    found->texture = texture_of_png (png);
  if (error != NULL)
    found->problem = g_strdup (error->message);
  g_task_return_pointer (task, found, (GDestroyNotify) vel_entry_data_free);
}

void
vel_picture_load_async (VelHistory *history, gint64 id, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, data);

  g_task_set_task_data (task, wanted_new (history, id), wanted_free);
  g_task_run_in_thread (task, load_whole);
}

static void
load_thumbnail (gpointer data, gpointer unused)
{
  g_autoptr (GTask) task = data;
  const Wanted *wanted = g_task_get_task_data (task);
  VelEntryData *found;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (VelPng) png = NULL;

  if (g_task_return_error_if_cancelled (task))
    return;
  found = g_new0 (VelEntryData, 1);
  found->item = vel_history_get (wanted->history, wanted->id, NULL);
  bytes = vel_history_get_thumbnail (wanted->history, wanted->id, NULL);
  if (bytes != NULL)
    png = vel_png_read_bytes (bytes, "thumbnail", FALSE, NULL);
  if (png != NULL)
    found->texture = texture_of_png (png);
  g_task_return_pointer (task, found, (GDestroyNotify) vel_entry_data_free);
}

static int
compare_turns (gconstpointer a, gconstpointer b, gpointer unused)
{
  const Wanted *first = g_task_get_task_data ((GTask *) a), *second = g_task_get_task_data ((GTask *) b);

  return first->turn > second->turn ? -1 : first->turn < second->turn;
}

static GThreadPool *
ensure_pool (void)
{
  static GThreadPool *pool;

  if (pool == NULL) {
    pool = g_thread_pool_new (load_thumbnail, NULL, N_THREADS, FALSE, NULL);
    g_thread_pool_set_sort_function (pool, compare_turns, NULL);
  }
  return pool;
}

void
vel_thumbnail_load_async (VelHistory *history, gint64 id, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, data);

  g_task_set_task_data (task, wanted_new (history, id), wanted_free);
  g_task_set_priority (task, G_PRIORITY_DEFAULT_IDLE);
  g_thread_pool_push (ensure_pool (), task, NULL);
}

VelEntryData *
vel_picture_load_finish (GAsyncResult *result)
{
  return g_task_propagate_pointer (G_TASK (result), NULL);
}
