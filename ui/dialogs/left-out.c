/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/dialogs/left-out.h"

#include <adwaita.h>
#include <glib/gi18n.h>

static void
on_response (AdwMessageDialog *dialog, const char *response, gpointer data)
{
  GtkWindow *window = gtk_window_get_transient_for (GTK_WINDOW (dialog));

  if (g_str_equal (response, "undo"))
    gtk_widget_activate_action (GTK_WIDGET (window), "win.restore-json", "s", g_object_get_data (G_OBJECT (dialog), "before"));
}

/* A list that scrolls when it is long; most sentences take two lines. */
static GtkWidget *
make_list (const char *const *sentences)
{
  guint n = g_strv_length ((char **) sentences);
  GtkWidget *list = gtk_box_new (GTK_ORIENTATION_VERTICAL, 12), *scrolled = gtk_scrolled_window_new ();

  for (; *sentences != NULL; sentences++) {
    GtkWidget *label = gtk_label_new (*sentences);

    gtk_label_set_wrap (GTK_LABEL (label), TRUE);
    gtk_label_set_wrap_mode (GTK_LABEL (label), PANGO_WRAP_WORD_CHAR);
    gtk_label_set_xalign (GTK_LABEL (label), 0);
    gtk_label_set_selectable (GTK_LABEL (label), TRUE);
    gtk_box_append (GTK_BOX (list), label);
  }
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scrolled), list);
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scrolled), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_min_content_width (GTK_SCROLLED_WINDOW (scrolled), 420);
  gtk_scrolled_window_set_min_content_height (GTK_SCROLLED_WINDOW (scrolled), MIN (n * 52, 320));
  return scrolled;
}

void
vel_left_out_present (GtkWindow *parent, const char *const *sentences, const char *before)
{
  AdwMessageDialog *dialog = ADW_MESSAGE_DIALOG (adw_message_dialog_new (parent, _("Not Taken Over"), NULL));

  adw_message_dialog_set_extra_child (dialog, make_list (sentences));
  adw_message_dialog_add_responses (dialog, "undo", _("_Undo"), "keep", _("_Keep the Rest"), NULL);
  adw_message_dialog_set_default_response (dialog, "keep");
  adw_message_dialog_set_close_response (dialog, "keep");
  g_object_set_data_full (G_OBJECT (dialog), "before", g_strdup (before), g_free);
  g_signal_connect (dialog, "response", G_CALLBACK (on_response), NULL);
  gtk_window_present (GTK_WINDOW (dialog));
}
