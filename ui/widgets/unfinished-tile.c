/* One picture that is painted and not saved yet.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/widgets/unfinished-tile.h"
#include "ui/widgets/picture-loader.h"
#include "ui/widgets/thumbnail.h"

#include <glib/gi18n.h>

struct _VelUnfinishedTile {
  GtkBox parent_instance;
  VelThumbnail *preview;
  GtkButton *finish;
  GtkButton *discard;
};

G_DEFINE_FINAL_TYPE (VelUnfinishedTile, vel_unfinished_tile, GTK_TYPE_BOX)

GtkWidget *
vel_unfinished_tile_new (const VelUnfinished *picture)
{
  VelUnfinishedTile *self = g_object_new (VEL_TYPE_UNFINISHED_TILE, NULL);
  const char *prompt = vel_values_get (picture->request, "prompt");
  g_autofree char *text = g_strdup_printf (_ ("Painted, but not decoded or saved: %s"), prompt);

  gtk_actionable_set_action_target (GTK_ACTIONABLE (self->finish), "s", picture->id);
  gtk_actionable_set_action_target (GTK_ACTIONABLE (self->discard), "s", picture->id);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->preview), text);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->preview), GTK_ACCESSIBLE_PROPERTY_LABEL, text, -1);
  if (picture->preview != NULL) {
    const VelBitmap *rgb = picture->preview;
    g_autoptr (GBytes) bytes = g_bytes_new (rgb->data, vel_bitmap_bytes (rgb));
    g_autoptr (GdkTexture) texture = vel_picture_texture_new (bytes, rgb->width, rgb->height);

    vel_thumbnail_set_texture (self->preview, texture);
  }
  return GTK_WIDGET (self);
}

static void
vel_unfinished_tile_class_init (VelUnfinishedTileClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  g_type_ensure (VEL_TYPE_THUMBNAIL);
  gtk_widget_class_set_template_from_resource (widget_class, "/io/github/velatura/Velatura/ui/widgets/unfinished-tile.ui");
  gtk_widget_class_bind_template_child (widget_class, VelUnfinishedTile, preview);
  gtk_widget_class_bind_template_child (widget_class, VelUnfinishedTile, finish);
  gtk_widget_class_bind_template_child (widget_class, VelUnfinishedTile, discard);
}

static void
vel_unfinished_tile_init (VelUnfinishedTile *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
