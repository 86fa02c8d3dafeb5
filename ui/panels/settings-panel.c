/* The card of folding sections.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/panels/settings-panel.h"
#include "ui/panels/hires-panel.h"
#include "ui/panels/model-panel.h"
#include "ui/panels/output-panel.h"
#include "ui/panels/sampling-panel.h"
#include "ui/panels/size-panel.h"
#include "ui/panels/start-panel.h"

#define OPEN_SECTIONS "open-sections"

struct _VelSettingsPanel {
  GtkBox parent_instance;
  VelSection *model, *start, *size, *sampling, *output;
  VelSession *session;
};

G_DEFINE_FINAL_TYPE (VelSettingsPanel, vel_settings_panel, GTK_TYPE_BOX)

/* Every child is a section. */
static VelSection *
next_section (VelSettingsPanel *self, VelSection *section)
{
  GtkWidget *next = section == NULL ? gtk_widget_get_first_child (GTK_WIDGET (self)) : gtk_widget_get_next_sibling (GTK_WIDGET (section));

  return (VelSection *) next;
}

void
vel_settings_panel_set_session (VelSettingsPanel *self, VelSession *session)
{
  g_auto (GStrv) open = g_settings_get_strv (vel_session_get_settings (session), OPEN_SECTIONS);

  self->session = g_object_ref (session);
  vel_model_panel_set_models (VEL_MODEL_PANEL (self->model), vel_session_get_models (session));
  for (VelSection *section = next_section (self, NULL); section != NULL; section = next_section (self, section)) {
    vel_section_set_request (section, vel_session_get_request (session));
    vel_section_set_expanded (section, g_strv_contains ((const char *const *) open, vel_section_get_group (section)));
  }
}

void
vel_settings_panel_save (VelSettingsPanel *self)
{
  g_autoptr (GStrvBuilder) open = g_strv_builder_new ();
  g_auto (GStrv) groups = NULL;

  for (VelSection *section = next_section (self, NULL); section != NULL; section = next_section (self, section))
    if (vel_section_get_expanded (section))
      g_strv_builder_add (open, vel_section_get_group (section));
  groups = g_strv_builder_end (open);
  g_settings_set_strv (vel_session_get_settings (self->session), OPEN_SECTIONS, (const char *const *) groups);
}

/* The prompt has a card of its own, though it shares a group with rows of the model's section. */
static gboolean
has_changed (VelSection *section, VelValues *before, VelValues *now)
{
  g_auto (GStrv) groups = g_strsplit (vel_section_get_group (section), " ", -1);

  for (const VelParam *param = vel_values_get_table (now); param->name != NULL; param++)
    if (param->group != NULL && g_strv_contains ((const char *const *) groups, param->group) && !g_str_equal (param->group, "prompt") &&
        !g_str_equal (vel_values_get (before, param->name), vel_values_get (now, param->name)))
      return TRUE;
  return FALSE;
}

void
vel_settings_panel_flash_changes (VelSettingsPanel *self, VelValues *before)
{
  for (VelSection *section = next_section (self, NULL); section != NULL; section = next_section (self, section))
    if (has_changed (section, before, vel_session_get_request (self->session)))
      vel_section_flash (section);
}

void
vel_settings_panel_open_start (VelSettingsPanel *self)
{
  vel_section_set_expanded (self->start, TRUE);
  vel_section_flash (self->start);
}

void
vel_settings_panel_show_seed (VelSettingsPanel *self, guint64 seed)
{
  vel_sampling_panel_show_seed (VEL_SAMPLING_PANEL (self->sampling), seed);
}

static void
vel_settings_panel_dispose (GObject *object)
{
  g_clear_object (&VEL_SETTINGS_PANEL (object)->session);
  G_OBJECT_CLASS (vel_settings_panel_parent_class)->dispose (object);
}

static void
vel_settings_panel_class_init (VelSettingsPanelClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = vel_settings_panel_dispose;
  g_type_ensure (VEL_TYPE_MODEL_PANEL);
  g_type_ensure (VEL_TYPE_START_PANEL);
  g_type_ensure (VEL_TYPE_SIZE_PANEL);
  g_type_ensure (VEL_TYPE_SAMPLING_PANEL);
  g_type_ensure (VEL_TYPE_HIRES_PANEL);
  g_type_ensure (VEL_TYPE_OUTPUT_PANEL);
  gtk_widget_class_set_template_from_resource (widget_class, "/io/github/velatura/Velatura/ui/panels/settings-panel.ui");
  gtk_widget_class_bind_template_child (widget_class, VelSettingsPanel, model);
  gtk_widget_class_bind_template_child (widget_class, VelSettingsPanel, start);
  gtk_widget_class_bind_template_child (widget_class, VelSettingsPanel, size);
  gtk_widget_class_bind_template_child (widget_class, VelSettingsPanel, sampling);
  gtk_widget_class_bind_template_child (widget_class, VelSettingsPanel, output);
}

static void
vel_settings_panel_init (VelSettingsPanel *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
