/* The history as a list for widgets.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/widgets/history-model.h"

struct _VelHistoryEntry {
  GObject parent_instance;
  gint64 id;
};

G_DEFINE_FINAL_TYPE (VelHistoryEntry, vel_history_entry, G_TYPE_OBJECT)

gint64
vel_history_entry_get_id (VelHistoryEntry *self)
{
  return self->id;
}

static void
vel_history_entry_class_init (VelHistoryEntryClass *klass)
{
}

static void
vel_history_entry_init (VelHistoryEntry *self)
{
}

/* The newest picture is at the end of `ids`, so that a new one is appended without moving ten thousand. */
struct _VelHistoryModel {
  GObject parent_instance;
  VelHistory *history;
  GArray *ids; /* gint64, oldest first */
  GCancellable *reading;
};

static void vel_history_model_list_init (GListModelInterface *iface);
G_DEFINE_FINAL_TYPE_WITH_CODE (VelHistoryModel, vel_history_model, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, vel_history_model_list_init))

gboolean
vel_history_model_find (VelHistoryModel *self, gint64 id, guint *position)
{
  for (guint i = self->ids->len; i-- > 0;)
    if (g_array_index (self->ids, gint64, i) == id) {
      *position = self->ids->len - 1 - i;
      return TRUE;
    }
  return FALSE;
}

static void
read_ids (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  GError *error = NULL;
  GArray *ids = vel_history_list (data, NULL, 0, &error);

  if (ids == NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, ids, (GDestroyNotify) g_array_unref);
}

static void
on_ids_read (GObject *source, GAsyncResult *result, gpointer data)
{
  VelHistoryModel *self = VEL_HISTORY_MODEL (source);
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) ids = g_task_propagate_pointer (G_TASK (result), &error);
  guint before = self->ids->len;

  if (ids == NULL) {
    if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
      g_message ("%s", error->message);
    return;
  }
  g_array_set_size (self->ids, 0);
  for (guint i = ids->len; i-- > 0;)
    g_array_append_val (self->ids, g_array_index (ids, gint64, i));
  g_list_model_items_changed (G_LIST_MODEL (self), 0, before, self->ids->len);
}

static void
reload (VelHistoryModel *self)
{
  g_autoptr (GTask) task = NULL;

  g_cancellable_cancel (self->reading);
  g_clear_object (&self->reading);
  self->reading = g_cancellable_new ();
  task = g_task_new (self, self->reading, on_ids_read, NULL);
  g_task_set_task_data (task, g_object_ref (self->history), g_object_unref);
  g_task_run_in_thread (task, read_ids);
}

/* A picture saved while the ids were being read may be in both. */
static void
on_added (VelHistoryModel *self, gint64 id)
{
  guint position;

  if (vel_history_model_find (self, id, &position))
    return;
  g_array_append_val (self->ids, id);
  g_list_model_items_changed (G_LIST_MODEL (self), 0, 0, 1);
}

VelHistoryModel *
vel_history_model_new (VelHistory *history)
{
  VelHistoryModel *self = g_object_new (VEL_TYPE_HISTORY_MODEL, NULL);

  self->history = g_object_ref (history);
  g_signal_connect_object (history, "added", G_CALLBACK (on_added), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (history, "changed", G_CALLBACK (reload), self, G_CONNECT_SWAPPED);
  reload (self);
  return self;
}

static GType
get_item_type (GListModel *model)
{
  return VEL_TYPE_HISTORY_ENTRY;
}

static guint
get_n_items (GListModel *model)
{
  return VEL_HISTORY_MODEL (model)->ids->len;
}

static gpointer
get_item (GListModel *model, guint position)
{
  VelHistoryModel *self = VEL_HISTORY_MODEL (model);
  VelHistoryEntry *entry;

  if (position >= self->ids->len)
    return NULL;
  entry = g_object_new (VEL_TYPE_HISTORY_ENTRY, NULL);
  entry->id = g_array_index (self->ids, gint64, self->ids->len - 1 - position);
  return entry;
}

static void
vel_history_model_list_init (GListModelInterface *iface)
{
  iface->get_item_type = get_item_type;
  iface->get_n_items = get_n_items;
  iface->get_item = get_item;
}

static void
vel_history_model_dispose (GObject *object)
{
  VelHistoryModel *self = VEL_HISTORY_MODEL (object);

  g_cancellable_cancel (self->reading);
  g_clear_object (&self->reading);
  g_clear_object (&self->history);
  G_OBJECT_CLASS (vel_history_model_parent_class)->dispose (object);
}

static void
vel_history_model_finalize (GObject *object)
{
  g_array_unref (VEL_HISTORY_MODEL (object)->ids);
  G_OBJECT_CLASS (vel_history_model_parent_class)->finalize (object);
}

static void
vel_history_model_class_init (VelHistoryModelClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = vel_history_model_dispose;
  G_OBJECT_CLASS (klass)->finalize = vel_history_model_finalize;
}

static void
vel_history_model_init (VelHistoryModel *self)
{
  self->ids = g_array_new (FALSE, FALSE, sizeof (gint64));
}
