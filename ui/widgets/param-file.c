/* A file to choose, and to let go again; of an option that takes several, each choice adds one.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/widgets/param-binding.h"
#include "ui/widgets/param-control.h"

#include <glib/gi18n.h>

typedef struct {
  GtkWidget *choose, *clear;
  GtkLabel *name;
} File;

static File *
file_of (GtkWidget *box)
{
  return g_object_get_data (G_OBJECT (box), "file");
}

/* Of the files without their folders. Returns: (transfer full) */
static char *
dup_names (const char *paths)
{
  g_auto (GStrv) lines = g_strsplit (paths, "\n", -1);

  for (guint i = 0; lines[i] != NULL; i++) {
    char *name = g_filename_display_basename (lines[i]);

    g_free (lines[i]);
    lines[i] = name;
  }
  return g_strjoinv (C_("list", ", "), lines);
}

static void
show_file (GtkWidget *box, VelValues *values, const VelParam *param)
{
  File *self = file_of (box);
  const char *path = vel_values_get (values, param->name);
  g_autofree char *name = path[0] != '\0' ? dup_names (path) : g_strdup (_("Choose…"));
  g_autofree char *spoken = g_strdup_printf ("%s, %s", _(param->label), name);

  gtk_label_set_text (self->name, name);
  gtk_widget_set_visible (self->clear, path[0] != '\0');
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->choose), GTK_ACCESSIBLE_PROPERTY_LABEL, spoken, -1);
}

static void
store (GtkWidget *box, const char *path)
{
  VelParamBinding *binding = vel_param_binding_of (box);

  vel_param_binding_store (binding, path);
  show_file (box, vel_param_binding_get_values (binding), vel_param_binding_get_param (binding));
}

/* Returns: (transfer full) the chosen file behind those that are there, if there may be several */
static char *
join (GtkWidget *box, const char *path)
{
  VelParamBinding *binding = vel_param_binding_of (box);
  const VelParam *param = vel_param_binding_get_param (binding);
  const char *before = vel_values_get (vel_param_binding_get_values (binding), param->name);
  g_auto (GStrv) lines = g_strsplit (before, "\n", -1);

  if ((param->flags & VEL_PARAM_LIST) == 0 || before[0] == '\0')
    return g_strdup (path);
  return g_strv_contains ((const char *const *) lines, path) ? g_strdup (before) : g_strconcat (before, "\n", path, NULL);
}

void
vel_param_file_choose (GtkWidget *box, const char *path)
{
  g_autofree char *paths = join (box, path);

  store (box, paths);
}

static void
on_response (GtkNativeDialog *chooser, int response, GtkWidget *box)
{
  g_autoptr (GFile) file = response == GTK_RESPONSE_ACCEPT ? gtk_file_chooser_get_file (GTK_FILE_CHOOSER (chooser)) : NULL;
  g_autofree char *path = file != NULL ? g_file_get_path (file) : NULL;

  if (path != NULL)
    vel_param_file_choose (box, path);
  g_object_unref (chooser);
}

static void
on_choose (GtkWidget *box)
{
  const VelParam *param = vel_param_binding_get_param (vel_param_binding_of (box));
  GtkFileChooserNative *chooser =
    gtk_file_chooser_native_new (_(param->label), GTK_WINDOW (gtk_widget_get_root (box)), GTK_FILE_CHOOSER_ACTION_OPEN, NULL, NULL);

  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (chooser), TRUE);
  g_signal_connect_object (chooser, "response", G_CALLBACK (on_response), box, 0);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (chooser));
}

static void
on_clear (GtkWidget *box)
{
  store (box, "");
}

GtkWidget *
vel_param_file_new (VelValues *values, const VelParam *param)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 4);
  File *self = g_new0 (File, 1);

  self->name = GTK_LABEL (gtk_label_new (NULL));
  self->choose = gtk_button_new ();
  self->clear = gtk_button_new_from_icon_name ("edit-clear-symbolic");
  g_object_set_data_full (G_OBJECT (box), "file", self, g_free);
  gtk_label_set_ellipsize (self->name, PANGO_ELLIPSIZE_MIDDLE);
  gtk_button_set_child (GTK_BUTTON (self->choose), GTK_WIDGET (self->name));
  gtk_widget_add_css_class (self->choose, "file");
  gtk_widget_set_hexpand (self->choose, TRUE);
  gtk_widget_set_valign (self->choose, GTK_ALIGN_CENTER);
  gtk_widget_set_tooltip_text (self->choose, _(param->help));
  gtk_widget_add_css_class (self->clear, "flat");
  gtk_widget_set_valign (self->clear, GTK_ALIGN_CENTER);
  gtk_widget_set_tooltip_text (self->clear, _("Use no file"));
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->clear), GTK_ACCESSIBLE_PROPERTY_LABEL, _("Use no file"), -1);
  gtk_box_append (GTK_BOX (box), self->choose);
  gtk_box_append (GTK_BOX (box), self->clear);
  vel_param_binding_new (box, values, param, show_file);
  g_signal_connect_object (self->choose, "clicked", G_CALLBACK (on_choose), box, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->clear, "clicked", G_CALLBACK (on_clear), box, G_CONNECT_SWAPPED);
  return box;
}
