/* How large the picture is.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/panels/size-panel.h"
#include "ui/widgets/param-row.h"

#include <glib/gi18n.h>

struct _VelSizePanel {
  VelSection parent_instance;
  GtkDropDown *presets;
  gboolean showing;
};

G_DEFINE_FINAL_TYPE (VelSizePanel, vel_size_panel, VEL_TYPE_SECTION)

/* The generate bar has the batch. */
static const char *const own_rows[] = { "batch", NULL };

/* The first is what the model was trained on, the last whatever else is set below. */
static const struct {
  guint width, height;
  const char *label;
} presets[] = {
  { 0, 0, N_ ("The model's own") },
  { 256, 256, N_ ("Small square") },
  { 512, 512, N_ ("Square") },
  { 768, 768, N_ ("Large square") },
  { 512, 768, N_ ("Portrait") },
  { 768, 512, N_ ("Landscape") },
  { 896, 512, N_ ("Wide") },
};
#define OTHER G_N_ELEMENTS (presets)

static char *
summarise (VelSection *section, VelValues *request)
{
  int width = (int) vel_values_get_int (request, "width"), height = (int) vel_values_get_int (request, "height");

  if (width == 0 && height == 0)
    return g_strdup (_("The model's own"));
  if (width == 0 || height == 0)
    return g_strdup_printf (_("%d, the other the model's own"), MAX (width, height));
  return g_strdup_printf ("%d × %d", width, height);
}

static void
on_size_changed (VelSizePanel *self)
{
  VelValues *request = vel_section_get_request (VEL_SECTION (self));
  gint64 width = vel_values_get_int (request, "width"), height = vel_values_get_int (request, "height");
  guint found = OTHER;

  for (guint i = 0; i < G_N_ELEMENTS (presets); i++)
    if (presets[i].width == width && presets[i].height == height)
      found = i;
  self->showing = TRUE;
  gtk_drop_down_set_selected (self->presets, found);
  self->showing = FALSE;
}

static void
on_preset_selected (VelSizePanel *self)
{
  VelValues *request = vel_section_get_request (VEL_SECTION (self));
  guint selected = gtk_drop_down_get_selected (self->presets);

  if (self->showing || selected >= OTHER)
    return;
  self->showing = TRUE; /* between the two the size is no preset */
  vel_values_set_int (request, "width", presets[selected].width);
  vel_values_set_int (request, "height", presets[selected].height);
  self->showing = FALSE;
  on_size_changed (self);
}

static void
on_request_size (VelSizePanel *self)
{
  if (!self->showing)
    on_size_changed (self);
}

static void
bound (VelSection *section, VelValues *request)
{
  g_signal_connect_object (request, "changed::width", G_CALLBACK (on_request_size), section, G_CONNECT_SWAPPED);
  g_signal_connect_object (request, "changed::height", G_CALLBACK (on_request_size), section, G_CONNECT_SWAPPED);
  on_size_changed (VEL_SIZE_PANEL (section));
}

static GtkWidget *
make_presets (void)
{
  GtkStringList *labels = gtk_string_list_new (NULL);
  GtkWidget *list;

  for (guint i = 0; i < G_N_ELEMENTS (presets); i++)
    gtk_string_list_take (labels, presets[i].width == 0 ? g_strdup (_(presets[i].label))
                                                        : g_strdup_printf (_("%s, %u × %u"), _(presets[i].label), presets[i].width,
                                                                           presets[i].height));
  gtk_string_list_append (labels, _("Other"));
  list = gtk_drop_down_new (G_LIST_MODEL (labels), NULL);
  gtk_widget_set_hexpand (list, TRUE);
  gtk_widget_set_valign (list, GTK_ALIGN_CENTER);
  gtk_accessible_update_property (GTK_ACCESSIBLE (list), GTK_ACCESSIBLE_PROPERTY_LABEL, _("Format"), -1);
  return list;
}

static void
vel_size_panel_class_init (VelSizePanelClass *klass)
{
  VEL_SECTION_CLASS (klass)->summarise = summarise;
  VEL_SECTION_CLASS (klass)->bound = bound;
  VEL_SECTION_CLASS (klass)->own_rows = own_rows;
  gtk_widget_class_set_template_from_resource (GTK_WIDGET_CLASS (klass), "/io/github/velatura/Velatura/ui/panels/size-panel.ui");
}

static void
vel_size_panel_init (VelSizePanel *self)
{
  GtkWidget *list = make_presets ();

  gtk_widget_init_template (GTK_WIDGET (self));
  self->presets = GTK_DROP_DOWN (list);
  vel_section_add (VEL_SECTION (self), vel_param_row_new_with (_("Format"), list));
  g_signal_connect_object (list, "notify::selected", G_CALLBACK (on_preset_selected), self, G_CONNECT_SWAPPED);
}
