/* Which model paints.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/panels/model-panel.h"
#include "engine/paths.h"
#include "engine/pipeline/presets.h"

#include <glib/gi18n.h>

struct _VelModelPanel {
  VelSection parent_instance;
  GtkDropDown *list;
  GtkLabel *facts;
  GtkWidget *offer;
  GtkButton *take_offer;
  VelModels *models;
  gboolean showing;
};

G_DEFINE_FINAL_TYPE (VelModelPanel, vel_model_panel, VEL_TYPE_SECTION)

static const char *const own_rows[] = { "prompt", "negative", "model", NULL };
static const char *const first_rows[] = { "model", NULL };

static gboolean
is_starter (const VelCatalogEntry *entry)
{
  return g_str_equal (entry->path, vel_paths_get_starter ());
}

static const char *
label_of (const VelCatalogEntry *entry)
{
  return is_starter (entry) ? _("Starter") : entry->name;
}

static const char *
family_label (const VelCatalogEntry *entry)
{
  if (entry->family == NULL)
    return _("Unknown kind of model");
  return g_str_has_prefix (entry->family, "sd1") ? "Stable Diffusion 1" : entry->family;
}

static char *
summarise (VelSection *section, VelValues *request)
{
  VelModelPanel *self = VEL_MODEL_PANEL (section);
  const char *name = vel_values_get (request, "model");
  const VelCatalogEntry *entry = self->models != NULL ? vel_models_find (self->models, name) : NULL;

  if (entry != NULL)
    return g_strdup (label_of (entry));
  return g_path_get_basename (name[0] != '\0' ? name : _("None"));
}

static void
show_facts (VelModelPanel *self, const VelCatalogEntry *entry)
{
  const char *name = vel_values_get (vel_section_get_request (VEL_SECTION (self)), "model");
  g_autofree char *text = NULL;

  if (entry != NULL) {
    g_autofree char *size = g_format_size (entry->bytes);

    text = g_strdup_printf (entry->part != NULL ? _("%s · %s · a UNet alone: choose its text encoder and VAE below") : "%s · %s",
                            family_label (entry), size);
  } else if (!vel_models_is_read (self->models)) {
    text = g_strdup (_("Looking for models…"));
  } else if (name[0] != '\0') {
    text = g_strdup_printf (_("“%s” is in none of the folders. Choose another model, or add the folder it is in."), name);
  } else {
    text = g_strdup (_("No model was found. Add a folder with model files or diffusers folders."));
  }
  gtk_label_set_text (self->facts, text);
}

/* Settings of few steps and little guidance are no longer those of every model: who has them is not told again. */
static gboolean
are_ordinary (VelValues *request)
{
  return vel_values_get_int (request, "steps") > 10 || vel_values_get_real (request, "cfg") > 2;
}

static void
show_offer (VelModelPanel *self)
{
  VelValues *request = vel_section_get_request (VEL_SECTION (self));
  g_autofree char *name = g_path_get_basename (vel_values_get (request, "model"));
  const VelPreset *preset = are_ordinary (request) ? vel_preset_guess (name) : NULL;
  int steps = preset != NULL ? vel_preset_get_steps (preset) : 0;
  g_autofree char *label = g_strdup_printf (ngettext ("Use %d Step", "Use %d Steps", (gulong) steps), steps);

  if (preset == NULL && gtk_widget_has_focus (GTK_WIDGET (self->take_offer)))
    gtk_widget_grab_focus (GTK_WIDGET (self->list)); /* what is hidden would take it along */
  gtk_widget_set_visible (self->offer, preset != NULL);
  if (preset == NULL)
    return;
  gtk_button_set_label (self->take_offer, label);
  gtk_actionable_set_action_target (GTK_ACTIONABLE (self->take_offer), "s", preset->id);
  gtk_actionable_set_action_name (GTK_ACTIONABLE (self->take_offer), "win.preset");
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->take_offer), _(preset->help));
}

static void
show_selected (VelModelPanel *self)
{
  GPtrArray *entries = vel_models_get_entries (self->models);
  const VelCatalogEntry *entry = vel_models_find (self->models, vel_values_get (vel_section_get_request (VEL_SECTION (self)), "model"));
  guint selected = GTK_INVALID_LIST_POSITION;

  if (entry != NULL)
    g_ptr_array_find (entries, entry, &selected);
  self->showing = TRUE;
  gtk_drop_down_set_selected (self->list, selected);
  self->showing = FALSE;
  show_facts (self, entry);
  show_offer (self);
  vel_section_update_summary (VEL_SECTION (self));
}

static void
on_models_changed (VelModelPanel *self)
{
  GPtrArray *entries = vel_models_get_entries (self->models);
  g_autoptr (GtkStringList) labels = gtk_string_list_new (NULL);

  for (guint i = 0; i < entries->len; i++)
    gtk_string_list_append (labels, label_of (g_ptr_array_index (entries, i)));
  self->showing = TRUE;
  gtk_drop_down_set_model (self->list, G_LIST_MODEL (labels));
  self->showing = FALSE;
  show_selected (self);
}

static void
on_selected (VelModelPanel *self)
{
  guint selected = gtk_drop_down_get_selected (self->list);
  const VelCatalogEntry *entry;

  if (self->showing || self->models == NULL || selected >= vel_models_get_entries (self->models)->len)
    return;
  entry = g_ptr_array_index (vel_models_get_entries (self->models), selected);
  vel_values_set (vel_section_get_request (VEL_SECTION (self)), "model", is_starter (entry) ? "" : entry->path, NULL);
}

void
vel_model_panel_set_models (VelModelPanel *self, VelModels *models)
{
  self->models = g_object_ref (models);
}

static void
bound (VelSection *section, VelValues *request)
{
  VelModelPanel *self = VEL_MODEL_PANEL (section);

  g_signal_connect_object (self->models, "changed", G_CALLBACK (on_models_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (request, "changed::model", G_CALLBACK (show_selected), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (request, "changed::steps", G_CALLBACK (show_offer), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (request, "changed::cfg", G_CALLBACK (show_offer), self, G_CONNECT_SWAPPED);
  on_models_changed (self);
}

static void
vel_model_panel_dispose (GObject *object)
{
  g_clear_object (&VEL_MODEL_PANEL (object)->models);
  G_OBJECT_CLASS (vel_model_panel_parent_class)->dispose (object);
}

static void
vel_model_panel_class_init (VelModelPanelClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = vel_model_panel_dispose;
  VEL_SECTION_CLASS (klass)->summarise = summarise;
  VEL_SECTION_CLASS (klass)->bound = bound;
  VEL_SECTION_CLASS (klass)->own_rows = own_rows;
  VEL_SECTION_CLASS (klass)->first_rows = first_rows;
  gtk_widget_class_set_template_from_resource (widget_class, "/io/github/velatura/Velatura/ui/panels/model-panel.ui");
  gtk_widget_class_bind_template_child (widget_class, VelModelPanel, list);
  gtk_widget_class_bind_template_child (widget_class, VelModelPanel, facts);
  gtk_widget_class_bind_template_child (widget_class, VelModelPanel, offer);
  gtk_widget_class_bind_template_child (widget_class, VelModelPanel, take_offer);
  gtk_widget_class_bind_template_callback (widget_class, on_selected);
}

static void
vel_model_panel_init (VelModelPanel *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
