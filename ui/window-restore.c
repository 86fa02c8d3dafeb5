/* Takes over settings: of a picture, or of a preset.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/window-restore.h"
#include "engine/formats/recipe.h"
#include "engine/pipeline/presets.h"
#include "engine/pipeline/request.h"

#include <glib/gi18n.h>

typedef struct {
  char *json;
  GStrv problems;
} Restored;

static void
restored_free (gpointer data)
{
  Restored *self = data;

  g_free (self->json);
  g_strfreev (self->problems);
  g_free (self);
}

/* What the thread that reads is given. */
typedef struct {
  char *path;
  GPtrArray *models, *parts; /* (nullable) */
} Reading;

static void
reading_free (gpointer data)
{
  Reading *self = data;

  g_clear_pointer (&self->models, g_ptr_array_unref);
  g_clear_pointer (&self->parts, g_ptr_array_unref);
  g_free (self->path);
  g_free (self);
}

static void
read_recipe (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Reading *reading = data;
  g_autoptr (VelValues) request = vel_request_new ();
  g_auto (GStrv) problems = NULL;
  GError *error = NULL;
  Restored *restored;

  if (!vel_recipe_restore (reading->path, request, reading->models, reading->parts, &problems, &error)) {
    g_task_return_error (task, error);
    return;
  }
  restored = g_new0 (Restored, 1);
  restored->json = vel_values_to_json (request);
  restored->problems = g_steal_pointer (&problems);
  g_task_return_pointer (task, restored, restored_free);
}

void
vel_window_restore_json (VelWindow *window, const char *json)
{
  VelValues *request = vel_session_get_request (vel_window_get_session (window));
  g_autoptr (VelValues) before = vel_values_dup (request);

  vel_values_from_json (request, json, NULL, NULL);
  vel_window_flash_changes (window, before);
}

/* before: settings as JSON */
static void
offer_undo (AdwToast *toast, const char *before)
{
  adw_toast_set_button_label (toast, _("Undo"));
  adw_toast_set_action_name (toast, "win.restore-json");
  adw_toast_set_action_target_value (toast, g_variant_new_string (before));
}

/* One sentence fits into a toast; of several it names the first, and its button shows them all. */
static void
say_restored (VelWindow *window, const char *before, GStrv problems)
{
  guint n_problems = problems != NULL ? g_strv_length (problems) : 0;
  g_autofree char *title = n_problems == 0 ? g_strdup (_("Settings restored"))
                           : n_problems == 1
                             ? g_strdup_printf (_("Settings restored, except: %s"), problems[0])
                             : g_strdup_printf (_("Settings restored, except %u; the first: %s"), n_problems, problems[0]);
  g_autofree char *escaped = g_markup_escape_text (title, -1);
  AdwToast *toast = adw_toast_new (escaped);

  if (n_problems > 1) {
    adw_toast_set_button_label (toast, _("Show All"));
    adw_toast_set_action_name (toast, "win.show-left-out");
    adw_toast_set_action_target_value (toast, g_variant_new ("(s^as)", before, problems));
  } else {
    offer_undo (toast, before);
  }
  vel_window_add_toast (window, toast);
}

static void
on_recipe_read (GObject *source, GAsyncResult *result, gpointer data)
{
  VelWindow *window = VEL_WINDOW (source);
  g_autoptr (GError) error = NULL;
  Restored *restored = g_task_propagate_pointer (G_TASK (result), &error);
  g_autofree char *before = NULL;

  if (restored == NULL) {
    vel_stage_show_error (vel_window_get_stage (window), error->message);
    return;
  }
  before = vel_values_to_json (vel_session_get_request (vel_window_get_session (window)));
  vel_window_restore_json (window, restored->json);
  say_restored (window, before, restored->problems);
  restored_free (restored);
}

void
vel_window_restore_file (VelWindow *window, GFile *file)
{
  g_autoptr (GTask) task = g_task_new (window, NULL, on_recipe_read, NULL);
  char *path = g_file_get_path (file);
  VelModels *models;
  Reading *reading;

  if (path == NULL) {
    vel_window_say (window, _("That file is not on this computer; save it here first."));
    return;
  }
  models = vel_session_get_models (vel_window_get_session (window));
  reading = g_new0 (Reading, 1);
  reading->path = path;
  reading->models = vel_models_is_read (models) ? g_ptr_array_ref (vel_models_get_entries (models)) : NULL;
  reading->parts = vel_models_is_read (models) ? g_ptr_array_ref (vel_models_get_parts (models)) : NULL;
  g_task_set_task_data (task, reading, reading_free);
  g_task_run_in_thread (task, read_recipe);
}

void
vel_window_apply_preset (VelWindow *window, const char *id)
{
  const VelPreset *preset = vel_preset_find (id);
  VelValues *request = vel_session_get_request (vel_window_get_session (window));
  g_autoptr (VelValues) before = vel_values_dup (request);
  g_autofree char *json = vel_values_to_json (request);
  g_autoptr (GError) error = NULL;
  AdwToast *toast;

  if (preset == NULL)
    return;
  if (!vel_preset_apply (preset, request, NULL, &error)) {
    vel_stage_show_error (vel_window_get_stage (window), error->message);
    return;
  }
  vel_window_flash_changes (window, before);
  toast = adw_toast_new (_(preset->label));
  offer_undo (toast, json);
  vel_window_add_toast (window, toast);
}

static gboolean
on_drop (VelWindow *window, const GValue *value)
{
  g_autoptr (GSList) files = NULL;

  if (!G_VALUE_HOLDS (value, GDK_TYPE_FILE_LIST))
    return FALSE;
  files = gdk_file_list_get_files (g_value_get_boxed (value));
  if (files == NULL)
    return FALSE;
  vel_window_restore_file (window, files->data);
  return TRUE;
}

/* Before the text views, which would take a file's address as text. */
void
vel_window_accept_drops (VelWindow *window)
{
  GtkDropTarget *target = gtk_drop_target_new (GDK_TYPE_FILE_LIST, GDK_ACTION_COPY);

  gtk_event_controller_set_propagation_phase (GTK_EVENT_CONTROLLER (target), GTK_PHASE_CAPTURE);
  g_signal_connect_swapped (target, "drop", G_CALLBACK (on_drop), window);
  gtk_widget_add_controller (GTK_WIDGET (window), GTK_EVENT_CONTROLLER (target));
}
