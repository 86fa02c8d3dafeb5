/* What can be done with the picture that is shown.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/canvas/picture-bar.h"

#include <glib/gi18n.h>

struct _VelPictureBar {
  GtkBox parent_instance;
  GtkWidget *restore, *restore_label, *start, *prompt;
  GtkLabel *prompt_text, *negative_text, *facts;
};

G_DEFINE_FINAL_TYPE (VelPictureBar, vel_picture_bar, GTK_TYPE_BOX)

static char *
dup_facts (const VelHistoryItem *item)
{
  g_autoptr (GDateTime) utc = g_date_time_new_from_unix_utc (item->created / G_USEC_PER_SEC);
  g_autoptr (GDateTime) local = utc != NULL ? g_date_time_to_local (utc) : NULL;
  g_autofree char *time = local != NULL ? g_date_time_format (local, "%x %H:%M") : g_strdup ("");

  g_autofree char *seed = g_strdup_printf ("%" G_GUINT64_FORMAT, item->seed);

  /* Translators: time, width, height, seed */
  return g_strdup_printf (_("%s · %u × %u · seed %s"), time, item->width, item->height, seed);
}

void
vel_picture_bar_set_item (VelPictureBar *self, const VelHistoryItem *item)
{
  gtk_widget_set_visible (self->restore, item != NULL);
  gtk_widget_set_visible (self->start, item != NULL);
  gtk_widget_set_visible (self->prompt, item != NULL);
  if (item == NULL)
    return;
  g_autofree char *facts = dup_facts (item);
  gboolean has_negative = item->negative != NULL && item->negative[0] != '\0';
  g_autofree char *negative = has_negative ? g_strdup_printf (_("Without: %s"), item->negative) : NULL;

  gtk_label_set_text (self->prompt_text, item->prompt != NULL ? item->prompt : "");
  gtk_label_set_text (self->negative_text, negative != NULL ? negative : "");
  gtk_widget_set_visible (GTK_WIDGET (self->negative_text), negative != NULL);
  gtk_label_set_text (self->facts, facts);
}

void
vel_picture_bar_set_compact (VelPictureBar *self, gboolean compact)
{
  gtk_widget_set_visible (self->restore_label, !compact);
}

static void
vel_picture_bar_class_init (VelPictureBarClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  gtk_widget_class_set_template_from_resource (widget_class, "/io/github/velatura/Velatura/ui/canvas/picture-bar.ui");
  gtk_widget_class_bind_template_child (widget_class, VelPictureBar, restore);
  gtk_widget_class_bind_template_child (widget_class, VelPictureBar, restore_label);
  gtk_widget_class_bind_template_child (widget_class, VelPictureBar, start);
  gtk_widget_class_bind_template_child (widget_class, VelPictureBar, prompt);
  gtk_widget_class_bind_template_child (widget_class, VelPictureBar, prompt_text);
  gtk_widget_class_bind_template_child (widget_class, VelPictureBar, negative_text);
  gtk_widget_class_bind_template_child (widget_class, VelPictureBar, facts);
}

static void
vel_picture_bar_init (VelPictureBar *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
