/* The program with its window.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/application.h"
#include "ui/dialogs/about.h"
#include "ui/resources.h"
#include "ui/settings.h"
#include "ui/window-restore.h"
#include "ui/window.h"

#include <glib/gi18n.h>

struct _VelApplication {
  AdwApplication parent_instance;
  VelSession *session;
  int status;
};

G_DEFINE_FINAL_TYPE (VelApplication, vel_application, ADW_TYPE_APPLICATION)

VelSession *
vel_application_get_session (VelApplication *self)
{
  return self->session;
}

static void
about (GSimpleAction *action, GVariant *parameter, gpointer application)
{
  vel_about_show (gtk_application_get_active_window (application));
}

/* Through the window, so that it saves what it remembers. */
static void
quit (GSimpleAction *action, GVariant *parameter, gpointer application)
{
  GList *windows = g_list_copy (gtk_application_get_windows (application));

  for (GList *at = windows; at != NULL; at = at->next)
    gtk_window_close (at->data);
  g_list_free (windows);
}

static void
apply_color_scheme (VelApplication *self)
{
  g_autofree char *scheme = g_settings_get_string (vel_session_get_settings (self->session), "color-scheme");
  AdwColorScheme wanted = g_str_equal (scheme, "light")  ? ADW_COLOR_SCHEME_FORCE_LIGHT
                          : g_str_equal (scheme, "dark") ? ADW_COLOR_SCHEME_FORCE_DARK
                                                         : ADW_COLOR_SCHEME_DEFAULT;

  adw_style_manager_set_color_scheme (adw_application_get_style_manager (ADW_APPLICATION (self)), wanted);
}

static const struct {
  const char *action;
  const char *keys[3];
} accelerators[] = {
  { "win.generate", { "<Control>Return", "<Control>KP_Enter" } },
  { "win.focus-prompt", { "<Control>l" } },
  { "win.panel", { "F9" } },
  { "win.strip", { "<Control>F9" } },
  { "win.save-as", { "<Control>s" } },
  { "win.open-picture", { "<Control>o" } },
  { "win.show-help-overlay", { "<Control>question", "F1" } },
  { "app.quit", { "<Control>q" } },
};

static void
vel_application_startup (GApplication *application)
{
  static const GActionEntry entries[] = { { "about", about }, { "quit", quit } };

  G_APPLICATION_CLASS (vel_application_parent_class)->startup (application);
  g_action_map_add_action_entries (G_ACTION_MAP (application), entries, G_N_ELEMENTS (entries), application);
  for (guint i = 0; i < G_N_ELEMENTS (accelerators); i++)
    gtk_application_set_accels_for_action (GTK_APPLICATION (application), accelerators[i].action, accelerators[i].keys);
  gtk_window_set_default_icon_name (VEL_APP_ID);
}

/* Without a history pictures can still be painted; the window says so. */
static gboolean
open_session (VelApplication *self, GError **error)
{
  g_autoptr (GSettings) settings = vel_settings_new (error);
  g_autoptr (GError) problem = NULL;
  g_autoptr (VelHistory) history = NULL;
  g_autoptr (GAction) scheme = NULL;

  if (settings == NULL)
    return FALSE;
  history = vel_history_open (NULL, NULL, &problem);
  self->session = vel_session_new (settings, history, problem != NULL ? problem->message : NULL);
  scheme = g_settings_create_action (settings, "color-scheme");
  g_action_map_add_action (G_ACTION_MAP (self), scheme);
  g_signal_connect_object (settings, "changed::color-scheme", G_CALLBACK (apply_color_scheme), self, G_CONNECT_SWAPPED);
  apply_color_scheme (self);
  return TRUE;
}

/* The main window, whatever dialogs are in front of it. (nullable) */
static GtkWindow *
get_window (GApplication *application)
{
  for (GList *at = gtk_application_get_windows (GTK_APPLICATION (application)); at != NULL; at = at->next)
    if (VEL_IS_WINDOW (at->data))
      return at->data;
  return NULL;
}

static void
vel_application_activate (GApplication *application)
{
  VelApplication *self = VEL_APPLICATION (application);
  GtkWindow *window = get_window (application);
  g_autoptr (GError) error = NULL;

  if (self->session == NULL && !open_session (self, &error)) {
    g_printerr ("velatura: %s\n", error->message);
    self->status = 1;
    return;
  }
  if (window == NULL)
    window = GTK_WINDOW (vel_window_new (GTK_APPLICATION (application), self->session));
  gtk_window_present (window);
}

static void
vel_application_open (GApplication *application, GFile **files, int n_files, const char *hint)
{
  GtkWindow *window;

  vel_application_activate (application);
  window = get_window (application);
  if (window != NULL && n_files > 0)
    vel_window_restore_file (VEL_WINDOW (window), files[0]);
}

/* The session goes with its window: work is stopped, and whoever opens the program again finds the draft. */
static void
vel_application_window_removed (GtkApplication *application, GtkWindow *window)
{
  GTK_APPLICATION_CLASS (vel_application_parent_class)->window_removed (application, window);
  if (VEL_IS_WINDOW (window))
    g_clear_object (&VEL_APPLICATION (application)->session);
}

static void
vel_application_dispose (GObject *object)
{
  g_clear_object (&VEL_APPLICATION (object)->session);
  G_OBJECT_CLASS (vel_application_parent_class)->dispose (object);
}

static void
vel_application_class_init (VelApplicationClass *klass)
{
  GApplicationClass *application_class = G_APPLICATION_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = vel_application_dispose;
  GTK_APPLICATION_CLASS (klass)->window_removed = vel_application_window_removed;
  application_class->startup = vel_application_startup;
  application_class->activate = vel_application_activate;
  application_class->open = vel_application_open;
}

static void
vel_application_init (VelApplication *self)
{
}

VelApplication *
vel_application_new (GApplicationFlags flags)
{
  vel_resources_register ();
  return g_object_new (VEL_TYPE_APPLICATION, "application-id", VEL_APP_ID, "flags", flags, "resource-base-path", "/io/github/velatura/Velatura",
                       NULL);
}

int
vel_application_run (int argc, char **argv)
{
  g_autoptr (VelApplication) self = NULL;
  int status;

  g_set_application_name ("Velatura");
  if (!gtk_init_check ()) {
    g_printerr ("velatura: %s\n", _("There is no display for the window; `velatura generate --help` says how to paint without one"));
    return 1;
  }
  self = vel_application_new (G_APPLICATION_HANDLES_OPEN);
  status = g_application_run (G_APPLICATION (self), argc, argv);
  return status != 0 ? status : self->status;
}
