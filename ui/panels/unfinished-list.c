/* Pictures that are painted and not saved yet.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/panels/unfinished-list.h"
#include "ui/widgets/unfinished-tile.h"

struct _VelUnfinishedList {
  GtkBox parent_instance;
  GtkScrolledWindow *scroll;
  GtkBox *tiles;
  VelHistory *history;
  GCancellable *reading;
  guint n_pictures;
};

G_DEFINE_FINAL_TYPE (VelUnfinishedList, vel_unfinished_list, GTK_TYPE_BOX)

static guint changed_signal;

/* What is damaged is said where the history is checked; here it would stand in the way every day. */
static void
read_pictures (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  g_task_return_pointer (task, vel_unfinished_list (vel_history_get_unfinished (data), NULL), (GDestroyNotify) g_ptr_array_unref);
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer data)
{
  VelUnfinishedList *self = VEL_UNFINISHED_LIST (source);
  g_autoptr (GPtrArray) pictures = g_task_propagate_pointer (G_TASK (result), NULL);
  GtkWidget *child;

  if (pictures == NULL) /* read again meanwhile */
    return;
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self->tiles))) != NULL)
    gtk_box_remove (self->tiles, child);
  for (guint i = pictures->len; i-- > 0;) /* the newest first, as below */
    gtk_box_append (self->tiles, vel_unfinished_tile_new (pictures->pdata[i]));
  self->n_pictures = pictures->len;
  gtk_widget_set_visible (GTK_WIDGET (self), pictures->len > 0);
  g_signal_emit (self, changed_signal, 0);
}

static void
reload (VelUnfinishedList *self)
{
  g_autoptr (GTask) task = NULL;

  g_cancellable_cancel (self->reading);
  g_clear_object (&self->reading);
  self->reading = g_cancellable_new ();
  task = g_task_new (self, self->reading, on_read, NULL);
  g_task_set_task_data (task, g_object_ref (self->history), g_object_unref);
  g_task_run_in_thread (task, read_pictures);
}

void
vel_unfinished_list_set_history (VelUnfinishedList *self, VelHistory *history)
{
  self->history = g_object_ref (history);
  g_signal_connect_object (history, "unfinished", G_CALLBACK (reload), self, G_CONNECT_SWAPPED);
  reload (self);
}

guint
vel_unfinished_list_get_n_pictures (VelUnfinishedList *self)
{
  return self->n_pictures;
}

static void
vel_unfinished_list_dispose (GObject *object)
{
  VelUnfinishedList *self = VEL_UNFINISHED_LIST (object);

  g_cancellable_cancel (self->reading);
  g_clear_object (&self->reading);
  g_clear_object (&self->history);
  G_OBJECT_CLASS (vel_unfinished_list_parent_class)->dispose (object);
}

static void
vel_unfinished_list_class_init (VelUnfinishedListClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = vel_unfinished_list_dispose;
  changed_signal = g_signal_new ("changed", VEL_TYPE_UNFINISHED_LIST, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  gtk_widget_class_set_template_from_resource (widget_class, "/io/github/velatura/Velatura/ui/panels/unfinished-list.ui");
  gtk_widget_class_bind_template_child (widget_class, VelUnfinishedList, scroll);
  gtk_widget_class_bind_template_child (widget_class, VelUnfinishedList, tiles);
}

static void
vel_unfinished_list_init (VelUnfinishedList *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
