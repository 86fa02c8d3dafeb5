/* What waits, while something waits.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/panels/queue-line.h"

#include <glib/gi18n.h>

struct _VelQueueLine {
  GtkBox parent_instance;
  GtkRevealer *revealer;
  GtkLabel *count;
  VelWorker *worker;
};

G_DEFINE_FINAL_TYPE (VelQueueLine, vel_queue_line, GTK_TYPE_BOX)

void
vel_queue_line_update (VelQueueLine *self)
{
  guint waiting = vel_worker_get_n_waiting (self->worker);
  g_autofree char *text = g_strdup_printf (ngettext ("%u waiting", "%u waiting", waiting), waiting);

  /* while it slides away it keeps the last text */
  if (waiting > 0)
    gtk_label_set_text (self->count, text);
  gtk_revealer_set_reveal_child (self->revealer, waiting > 0);
}

void
vel_queue_line_set_worker (VelQueueLine *self, VelWorker *worker)
{
  self->worker = g_object_ref (worker);
  g_signal_connect_object (worker, "job-added", G_CALLBACK (vel_queue_line_update), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (worker, "job-over", G_CALLBACK (vel_queue_line_update), self, G_CONNECT_SWAPPED);
  vel_queue_line_update (self);
}

static void
vel_queue_line_dispose (GObject *object)
{
  g_clear_object (&VEL_QUEUE_LINE (object)->worker);
  G_OBJECT_CLASS (vel_queue_line_parent_class)->dispose (object);
}

static void
vel_queue_line_class_init (VelQueueLineClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = vel_queue_line_dispose;
  gtk_widget_class_set_template_from_resource (widget_class, "/io/github/velatura/Velatura/ui/panels/queue-line.ui");
  gtk_widget_class_bind_template_child (widget_class, VelQueueLine, revealer);
  gtk_widget_class_bind_template_child (widget_class, VelQueueLine, count);
}

static void
vel_queue_line_init (VelQueueLine *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
