/* Where finished pictures go.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/panels/output-panel.h"
#include "engine/paths.h"

#include <glib/gi18n.h>

struct _VelOutputPanel {
  VelSection parent_instance;
  GtkLabel *folder;
};

G_DEFINE_FINAL_TYPE (VelOutputPanel, vel_output_panel, VEL_TYPE_SECTION)

static char *
summarise (VelSection *section, VelValues *request)
{
  return g_strdup (_("PNG, Pictures folder"));
}

static void
on_open (VelOutputPanel *self)
{
  g_autofree char *uri = g_filename_to_uri (vel_paths_get_pictures (), NULL, NULL);

  if (uri != NULL)
    gtk_show_uri (GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self))), uri, GDK_CURRENT_TIME);
}

/* The way people write it: "~/Pictures/Velatura". */
static char *
dup_shown_path (const char *path)
{
  g_autofree char *home = g_filename_display_name (g_get_home_dir ());
  g_autofree char *shown = g_filename_display_name (path);

  if (g_str_has_prefix (shown, home) && shown[strlen (home)] == '/')
    return g_strconcat ("~", shown + strlen (home), NULL);
  return g_steal_pointer (&shown);
}

static void
vel_output_panel_class_init (VelOutputPanelClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  VEL_SECTION_CLASS (klass)->summarise = summarise;
  gtk_widget_class_set_template_from_resource (widget_class, "/io/github/velatura/Velatura/ui/panels/output-panel.ui");
  gtk_widget_class_bind_template_child (widget_class, VelOutputPanel, folder);
  gtk_widget_class_bind_template_callback (widget_class, on_open);
}

static void
vel_output_panel_init (VelOutputPanel *self)
{
  g_autofree char *path = dup_shown_path (vel_paths_get_pictures ());

  gtk_widget_init_template (GTK_WIDGET (self));
  gtk_label_set_text (self->folder, path);
}
