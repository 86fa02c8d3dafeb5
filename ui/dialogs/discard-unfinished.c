/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/dialogs/discard-unfinished.h"

#include <adwaita.h>
#include <glib/gi18n.h>

#define ID "unfinished-id"

static void
on_response (AdwMessageDialog *dialog, const char *response, VelSession *session)
{
  VelHistory *history = vel_session_get_history (session);
  g_autoptr (GError) error = NULL;

  if (!g_str_equal (response, "discard"))
    return;
  if (!vel_unfinished_discard (vel_history_get_unfinished (history), g_object_get_data (G_OBJECT (dialog), ID), &error))
    g_message ("%s", error->message); /* somebody finishes it, or did: then the list is read again */
  vel_history_tell_unfinished (history);
}

void
vel_discard_unfinished_ask (GtkWindow *parent, VelSession *session, const char *id)
{
  AdwMessageDialog *dialog = ADW_MESSAGE_DIALOG (adw_message_dialog_new (parent, _ ("Discard the Unfinished Picture?"),
                                                                         _ ("It is painted already, and only has to be decoded. Once it is "
                                                                            "discarded it can only be painted again from the beginning.")));

  adw_message_dialog_add_responses (dialog, "keep", _ ("_Keep"), "discard", _ ("_Discard"), NULL);
  adw_message_dialog_set_response_appearance (dialog, "discard", ADW_RESPONSE_DESTRUCTIVE);
  adw_message_dialog_set_default_response (dialog, "keep");
  adw_message_dialog_set_close_response (dialog, "keep");
  g_object_set_data_full (G_OBJECT (dialog), ID, g_strdup (id), g_free);
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_response), session, 0);
  gtk_window_present (GTK_WINDOW (dialog));
}
