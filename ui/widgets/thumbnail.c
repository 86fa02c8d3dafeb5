/* One picture of the history, small.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/widgets/thumbnail.h"
#include "ui/widgets/picture-loader.h"

#include <glib/gi18n.h>

#define SIDE 88
#define RADIUS 8
#define NAME_WORDS 8

struct _VelThumbnail {
  GtkWidget parent_instance;
  GCancellable *loading;
  VelEntryData *data; /* NULL until loaded */
};

G_DEFINE_FINAL_TYPE (VelThumbnail, vel_thumbnail, GTK_TYPE_WIDGET)

static guint loaded_signal;

GtkWidget *
vel_thumbnail_new (void)
{
  return g_object_new (VEL_TYPE_THUMBNAIL, NULL);
}

const VelHistoryItem *
vel_thumbnail_get_item (VelThumbnail *self)
{
  return self->data != NULL ? self->data->item : NULL;
}

GdkTexture *
vel_thumbnail_get_texture (VelThumbnail *self)
{
  return self->data != NULL ? self->data->texture : NULL;
}

/* The prompt's first words and the time: what a person would call the picture. */
static char *
dup_name (const VelHistoryItem *item)
{
  g_auto (GStrv) words = g_strsplit_set (item->prompt != NULL ? item->prompt : "", " \n\t", NAME_WORDS + 1);
  g_autoptr (GDateTime) utc = g_date_time_new_from_unix_utc (item->created / G_USEC_PER_SEC);
  g_autoptr (GDateTime) local = utc != NULL ? g_date_time_to_local (utc) : NULL;
  g_autofree char *time = local != NULL ? g_date_time_format (local, "%x %H:%M") : g_strdup ("");
  g_autofree char *prompt = NULL;

  if (g_strv_length (words) > NAME_WORDS)
    g_clear_pointer (&words[NAME_WORDS], g_free);
  prompt = g_strjoinv (" ", words);
  return prompt[0] != '\0' ? g_strdup_printf ("%s, %s", prompt, time) : g_strdup_printf (_("Picture, %s"), time);
}

static void
on_loaded (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (VelThumbnail) self = data;
  g_autoptr (VelEntryData) found = vel_picture_load_finish (result);

  /* NULL: cancelled, because the row shows another picture by now */
  if (found == NULL)
    return;
  g_clear_pointer (&self->data, vel_entry_data_free);
  self->data = g_steal_pointer (&found);
  if (self->data->item != NULL) {
    g_autofree char *name = dup_name (self->data->item);

    gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
    gtk_widget_set_tooltip_text (GTK_WIDGET (self), name);
  }
  gtk_widget_queue_draw (GTK_WIDGET (self));
  g_signal_emit (self, loaded_signal, 0);
}

void
vel_thumbnail_set_picture (VelThumbnail *self, VelHistory *history, gint64 id)
{
  g_cancellable_cancel (self->loading);
  g_clear_object (&self->loading);
  g_clear_pointer (&self->data, vel_entry_data_free);
  gtk_widget_queue_draw (GTK_WIDGET (self));
  if (id < 0)
    return;
  self->loading = g_cancellable_new ();
  vel_thumbnail_load_async (history, id, self->loading, on_loaded, g_object_ref (self));
}

void
vel_thumbnail_set_texture (VelThumbnail *self, GdkTexture *texture)
{
  vel_thumbnail_set_picture (self, NULL, -1);
  if (texture == NULL)
    return;
  self->data = g_new0 (VelEntryData, 1);
  self->data->texture = g_object_ref (texture);
}

static void
vel_thumbnail_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  VelThumbnail *self = VEL_THUMBNAIL (widget);
  GdkTexture *texture = vel_thumbnail_get_texture (self);
  float width = (float) gtk_widget_get_width (widget), height = (float) gtk_widget_get_height (widget);
  GskRoundedRect clip;
  float scale, w, h;

  if (texture == NULL)
    return;
  scale = MAX (width / (float) gdk_texture_get_width (texture), height / (float) gdk_texture_get_height (texture));
  w = scale * (float) gdk_texture_get_width (texture);
  h = scale * (float) gdk_texture_get_height (texture);
  gsk_rounded_rect_init_from_rect (&clip, &GRAPHENE_RECT_INIT (0, 0, width, height), RADIUS);
  gtk_snapshot_push_rounded_clip (snapshot, &clip);
  gtk_snapshot_append_texture (snapshot, texture, &GRAPHENE_RECT_INIT ((width - w) / 2, (height - h) / 2, w, h));
  gtk_snapshot_pop (snapshot);
}

static void
vel_thumbnail_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum, int *natural, int *minimum_baseline,
                       int *natural_baseline)
{
  *minimum = *natural = SIDE;
  *minimum_baseline = *natural_baseline = -1;
}

static void
vel_thumbnail_dispose (GObject *object)
{
  VelThumbnail *self = VEL_THUMBNAIL (object);

  g_cancellable_cancel (self->loading);
  g_clear_object (&self->loading);
  g_clear_pointer (&self->data, vel_entry_data_free);
  G_OBJECT_CLASS (vel_thumbnail_parent_class)->dispose (object);
}

static void
vel_thumbnail_class_init (VelThumbnailClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = vel_thumbnail_dispose;
  widget_class->snapshot = vel_thumbnail_snapshot;
  widget_class->measure = vel_thumbnail_measure;
  gtk_widget_class_set_css_name (widget_class, "thumbnail");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_IMG);
  loaded_signal = g_signal_new ("loaded", VEL_TYPE_THUMBNAIL, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
vel_thumbnail_init (VelThumbnail *self)
{
}
