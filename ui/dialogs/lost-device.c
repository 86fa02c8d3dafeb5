/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/dialogs/lost-device.h"

#include <adwaita.h>
#include <glib/gi18n.h>

static void
on_response (AdwMessageDialog *dialog, const char *response, VelSession *session)
{
  VelWorker *worker = vel_session_get_worker (session);

  if (g_str_equal (response, "stop"))
    vel_worker_stop_all (worker);
  else
    vel_worker_resume (worker, g_str_equal (response, "cpu") ? "cpu" : NULL);
}

void
vel_lost_device_ask (GtkWindow *parent, VelSession *session, const char *sentence)
{
  guint waiting = vel_worker_get_n_waiting (vel_session_get_worker (session)) + 1;
  g_autofree char *kept = g_strdup_printf (ngettext ("The picture is still in the queue.", "All %u pictures are still in the queue.", waiting), waiting);
  g_autofree char *body = g_strconcat (sentence, "\n\n", kept, NULL);
  AdwMessageDialog *dialog = ADW_MESSAGE_DIALOG (adw_message_dialog_new (parent, _("The Graphics Card Stopped Working"), body));

  adw_message_dialog_add_responses (dialog, "stop", _("_Stop All"), "cpu", _("Go On with the _Processor"), "again", _("Start the Card _Again"), NULL);
  adw_message_dialog_set_response_appearance (dialog, "again", ADW_RESPONSE_SUGGESTED);
  adw_message_dialog_set_response_appearance (dialog, "stop", ADW_RESPONSE_DESTRUCTIVE);
  adw_message_dialog_set_default_response (dialog, "again");
  adw_message_dialog_set_close_response (dialog, "again"); /* what waits must not wait for ever */
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_response), session, 0);
  gtk_window_present (GTK_WINDOW (dialog));
}
