/* The picture to start from instead of noise.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/panels/start-panel.h"

#include <glib/gi18n.h>

struct _VelStartPanel {
  VelSection parent_instance;
};

G_DEFINE_FINAL_TYPE (VelStartPanel, vel_start_panel, VEL_TYPE_SECTION)

static char *
summarise (VelSection *section, VelValues *request)
{
  const char *path = vel_values_get (request, "init");
  g_autofree char *name = path[0] != '\0' ? g_filename_display_basename (path) : NULL;

  return name != NULL ? g_strdup_printf ("%s · %.2f", name, vel_values_get_real (request, "strength")) : g_strdup (_("None"));
}

static const char *const first_rows[] = { "init", "strength", "resize", "mask", NULL };

static void
vel_start_panel_class_init (VelStartPanelClass *klass)
{
  VEL_SECTION_CLASS (klass)->summarise = summarise;
  VEL_SECTION_CLASS (klass)->first_rows = first_rows;
  gtk_widget_class_set_template_from_resource (GTK_WIDGET_CLASS (klass), "/io/github/velatura/Velatura/ui/panels/start-panel.ui");
}

static void
vel_start_panel_init (VelStartPanel *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
