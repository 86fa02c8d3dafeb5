/* How the picture is worked out.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/panels/sampling-panel.h"
#include "engine/pipeline/presets.h"
#include "engine/registry.h"
#include "ui/widgets/param-seed.h"

#include <glib/gi18n.h>

struct _VelSamplingPanel {
  VelSection parent_instance;
  GMenu *preset_menu;
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

/* A line between one kind of model and the next. */
static void
fill_menu (GMenu *menu)
{
  const char *kind = NULL;
  g_autoptr (GMenu) section = NULL;

  for (const VelPreset *preset = vel_preset_get_table (); preset->id != NULL; preset++) {
    g_autofree char *action = g_strconcat ("win.preset::", preset->id, NULL);

    if (g_strcmp0 (kind, preset->pattern) != 0) {
      g_clear_object (&section);
      section = g_menu_new ();
      g_menu_append_section (menu, NULL, G_MENU_MODEL (section));
      kind = preset->pattern;
    }
    g_menu_append (section, _(preset->label), action);
  }
}

static void
vel_sampling_panel_class_init (VelSamplingPanelClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  VEL_SECTION_CLASS (klass)->summarise = summarise;
  VEL_SECTION_CLASS (klass)->first_rows = first_rows;
  gtk_widget_class_set_template_from_resource (widget_class, "/io/github/velatura/Velatura/ui/panels/sampling-panel.ui");
  gtk_widget_class_bind_template_child (widget_class, VelSamplingPanel, preset_menu);
}

static void
vel_sampling_panel_init (VelSamplingPanel *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  fill_menu (self->preset_menu);
}
