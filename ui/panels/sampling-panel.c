/* How the picture is worked out.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/panels/sampling-panel.h"
#include "engine/registry.h"
#include "ui/widgets/param-seed.h"

#include <glib/gi18n.h>

struct _VelSamplingPanel {
  VelSection parent_instance;
};

G_DEFINE_FINAL_TYPE (VelSamplingPanel, vel_sampling_panel, VEL_TYPE_SECTION)

static const char *const first_rows[] = { "steps", "cfg", "sampler", "schedule", "seed", NULL };

void
vel_sampling_panel_show_seed (VelSamplingPanel *self, guint64 seed)
{
  GtkWidget *control = vel_section_find_control (VEL_SECTION (self), "seed");

  if (control != NULL)
    vel_param_seed_show_used (control, seed);
}

static char *
summarise (VelSection *section, VelValues *request)
{
  const char *sampler = vel_values_get (request, "sampler");
  const char *label = vel_registry_get_label (VEL_REGISTRY_SAMPLERS, sampler);
  int steps = (int) vel_values_get_int (request, "steps");

  return g_strdup_printf (ngettext ("%d step · %s", "%d steps · %s", (gulong) steps), steps, label != NULL ? label : sampler);
}

static void
vel_sampling_panel_class_init (VelSamplingPanelClass *klass)
{
  VEL_SECTION_CLASS (klass)->summarise = summarise;
  VEL_SECTION_CLASS (klass)->first_rows = first_rows;
  gtk_widget_class_set_template_from_resource (GTK_WIDGET_CLASS (klass), "/io/github/velatura/Velatura/ui/panels/sampling-panel.ui");
}

static void
vel_sampling_panel_init (VelSamplingPanel *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
