/* The second pass, in a larger size.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/panels/hires-panel.h"

#include <glib/gi18n.h>

struct _VelHiresPanel {
  VelSection parent_instance;
};

G_DEFINE_FINAL_TYPE (VelHiresPanel, vel_hires_panel, VEL_TYPE_SECTION)

static const char *const first_rows[] = { "hires", "hires_upscaler", "hires_steps", "hires_strength", NULL };

static char *
summarise (VelSection *section, VelValues *request)
{
  double strength = vel_values_get_real (request, "hires_strength");

  if (vel_values_is_set (request, "hires_resize"))
    return g_strdup_printf ("%s · %.2f", vel_values_get (request, "hires_resize"), strength);
  if (vel_values_is_set (request, "hires"))
    return g_strdup_printf ("× %s · %.2f", vel_values_get (request, "hires"), strength);
  return g_strdup (_("None"));
}

static void
vel_hires_panel_class_init (VelHiresPanelClass *klass)
{
  VEL_SECTION_CLASS (klass)->summarise = summarise;
  VEL_SECTION_CLASS (klass)->first_rows = first_rows;
  gtk_widget_class_set_template_from_resource (GTK_WIDGET_CLASS (klass), "/io/github/velatura/Velatura/ui/panels/hires-panel.ui");
}

static void
vel_hires_panel_init (VelHiresPanel *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
