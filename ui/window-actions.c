/* What the window can be told to do.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/window-actions.h"
#include "ui/dialogs/discard-unfinished.h"
#include "ui/dialogs/left-out.h"
#include "ui/widgets/picture-drag.h"
#include "ui/window-restore.h"
#include "ui/window.h"

#include <glib/gi18n.h>

static void
generate (GtkWidget *widget, const char *name, GVariant *parameter)
{
  vel_window_paint (VEL_WINDOW (widget));
}

static void
stop (GtkWidget *widget, const char *name, GVariant *parameter)
{
  VelWorker *worker = vel_session_get_worker (vel_window_get_session (VEL_WINDOW (widget)));
  VelJob *job = vel_worker_get_current (worker);

  if (job != NULL)
    vel_worker_stop (worker, job);
}

static void
stop_all (GtkWidget *widget, const char *name, GVariant *parameter)
{
  vel_worker_stop_all (vel_session_get_worker (vel_window_get_session (VEL_WINDOW (widget))));
}

static void
focus_prompt (GtkWidget *widget, const char *name, GVariant *parameter)
{
  vel_window_focus_prompt (VEL_WINDOW (widget));
}

static void
zoom_in (GtkWidget *widget, const char *name, GVariant *parameter)
{
  vel_canvas_zoom_step (vel_stage_get_canvas (vel_window_get_stage (VEL_WINDOW (widget))), 1);
}

static void
zoom_out (GtkWidget *widget, const char *name, GVariant *parameter)
{
  vel_canvas_zoom_step (vel_stage_get_canvas (vel_window_get_stage (VEL_WINDOW (widget))), -1);
}

static void
zoom_fit (GtkWidget *widget, const char *name, GVariant *parameter)
{
  vel_canvas_fit (vel_stage_get_canvas (vel_window_get_stage (VEL_WINDOW (widget))));
}

static void
zoom_one (GtkWidget *widget, const char *name, GVariant *parameter)
{
  VelCanvas *canvas = vel_stage_get_canvas (vel_window_get_stage (VEL_WINDOW (widget)));

  vel_canvas_zoom_to (canvas, 1, gtk_widget_get_width (GTK_WIDGET (canvas)) / 2.0, gtk_widget_get_height (GTK_WIDGET (canvas)) / 2.0);
}

static void
welcome (GtkWidget *widget, const char *name, GVariant *parameter)
{
  vel_stage_show_welcome (vel_window_get_stage (VEL_WINDOW (widget)));
}

static void
restore (GtkWidget *widget, const char *name, GVariant *parameter)
{
  const VelHistoryItem *item = vel_stage_get_item (vel_window_get_stage (VEL_WINDOW (widget)));
  g_autoptr (GFile) file = item != NULL ? g_file_new_for_path (item->path) : NULL;

  if (file != NULL)
    vel_window_restore_file (VEL_WINDOW (widget), file);
}

static void
start_from (GtkWidget *widget, const char *name, GVariant *parameter)
{
  const VelHistoryItem *item = vel_stage_get_item (vel_window_get_stage (VEL_WINDOW (widget)));

  if (item != NULL)
    vel_window_start_from (VEL_WINDOW (widget), item->path);
}

static void
restore_json (GtkWidget *widget, const char *name, GVariant *parameter)
{
  vel_window_restore_json (VEL_WINDOW (widget), g_variant_get_string (parameter, NULL));
}

static void
preset (GtkWidget *widget, const char *name, GVariant *parameter)
{
  vel_window_apply_preset (VEL_WINDOW (widget), g_variant_get_string (parameter, NULL));
}

static void
show_left_out (GtkWidget *widget, const char *name, GVariant *parameter)
{
  g_autofree const char **sentences = NULL;
  const char *before;

  g_variant_get (parameter, "(&s^a&s)", &before, &sentences);
  vel_left_out_present (GTK_WINDOW (widget), sentences, before);
}

static void
copy (GtkWidget *widget, const char *name, GVariant *parameter)
{
  VelStage *stage = vel_window_get_stage (VEL_WINDOW (widget));
  const VelHistoryItem *item = vel_stage_get_item (stage);
  GdkTexture *texture = vel_stage_get_texture (stage);
  g_autoptr (GdkContentProvider) content = NULL;

  if (texture == NULL)
    return;
  content = vel_picture_drag_content (item != NULL ? item->path : NULL, texture);
  gdk_clipboard_set_content (gtk_widget_get_clipboard (widget), content);
  vel_window_say (VEL_WINDOW (widget), _("Picture copied"));
}

/* A chooser is kept until it answers; the window is its data. */
static void
ask (GtkWidget *widget, GtkFileChooserNative *chooser, GCallback on_response)
{
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (chooser), TRUE);
  g_signal_connect_object (chooser, "response", on_response, widget, 0);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (chooser));
}

/* Returns: (transfer full) (nullable) what was chosen; the chooser goes */
static GFile *
take_answer (GtkNativeDialog *chooser, int response)
{
  GFile *file = response == GTK_RESPONSE_ACCEPT ? gtk_file_chooser_get_file (GTK_FILE_CHOOSER (chooser)) : NULL;

  g_object_unref (chooser);
  return file;
}

static void
on_folder_chosen (GtkNativeDialog *chooser, int response, VelWindow *window)
{
  g_autoptr (GFile) file = take_answer (chooser, response);
  g_autofree char *path = file != NULL ? g_file_get_path (file) : NULL;

  if (path == NULL)
    return;
  vel_models_add_folder (vel_session_get_models (vel_window_get_session (window)), path);
  vel_window_say (window, _("The folder's models are in the list"));
}

static void
add_model_folder (GtkWidget *widget, const char *name, GVariant *parameter)
{
  ask (widget,
       gtk_file_chooser_native_new (_("Folder of Models"), GTK_WINDOW (widget), GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER, _("_Add"), NULL),
       G_CALLBACK (on_folder_chosen));
}

static void
on_picture_chosen (GtkNativeDialog *chooser, int response, VelWindow *window)
{
  g_autoptr (GFile) file = take_answer (chooser, response);

  if (file != NULL)
    vel_window_restore_file (window, file);
}

static void
open_picture (GtkWidget *widget, const char *name, GVariant *parameter)
{
  GtkFileChooserNative *chooser =
    gtk_file_chooser_native_new (_("Open a Picture for Its Settings"), GTK_WINDOW (widget), GTK_FILE_CHOOSER_ACTION_OPEN, NULL, NULL);
  g_autoptr (GtkFileFilter) filter = gtk_file_filter_new ();

  gtk_file_filter_set_name (filter, _("Pictures"));
  for (const char *const *kind = (const char *[]) { "image/png", "image/jpeg", "image/webp", "image/avif", "image/heif", "image/gif", NULL };
       *kind != NULL; kind++)
    gtk_file_filter_add_mime_type (filter, *kind);
  gtk_file_chooser_add_filter (GTK_FILE_CHOOSER (chooser), filter);
  ask (widget, chooser, G_CALLBACK (on_picture_chosen));
}

static void
on_written (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (VelWindow) window = data;
  g_autoptr (GError) error = NULL;
  gboolean done = G_IS_TASK (result) ? g_task_propagate_boolean (G_TASK (result), &error)
                                     : g_file_copy_finish (G_FILE (source), result, &error);
  g_autofree char *sentence = NULL;

  if (done) {
    vel_window_say (window, _("Picture saved"));
    return;
  }
  sentence = g_strdup_printf (_("The picture was not saved: %s. Choose another place, or free some space."), error->message);
  vel_stage_show_error (vel_window_get_stage (window), sentence);
}

typedef struct {
  GdkTexture *texture;
  GFile *file;
} Writing;

static void
writing_free (gpointer data)
{
  Writing *self = data;

  g_object_unref (self->texture);
  g_object_unref (self->file);
  g_free (self);
}

static void
write_texture (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const Writing *writing = data;
  g_autoptr (GBytes) png = gdk_texture_save_to_png_bytes (writing->texture);
  GError *error = NULL;

  if (g_file_replace_contents (writing->file, g_bytes_get_data (png, NULL), g_bytes_get_size (png), NULL, FALSE, G_FILE_CREATE_NONE, NULL,
                               cancellable, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

/* A picture of the history is copied as it is, with its settings; a stopped one is only pixels. */
static void
on_place_chosen (GtkNativeDialog *chooser, int response, VelWindow *window)
{
  g_autoptr (GFile) file = take_answer (chooser, response);
  VelStage *stage = vel_window_get_stage (window);
  const VelHistoryItem *item = vel_stage_get_item (stage);

  if (file == NULL || vel_stage_get_texture (stage) == NULL)
    return;
  if (item != NULL) {
    g_autoptr (GFile) source = g_file_new_for_path (item->path);

    g_file_copy_async (source, file, G_FILE_COPY_OVERWRITE, G_PRIORITY_DEFAULT, NULL, NULL, NULL, on_written, g_object_ref (window));
  } else {
    g_autoptr (GTask) task = g_task_new (NULL, NULL, on_written, g_object_ref (window));
    Writing *writing = g_new0 (Writing, 1);

    writing->texture = g_object_ref (vel_stage_get_texture (stage));
    writing->file = g_steal_pointer (&file);
    g_task_set_task_data (task, writing, writing_free);
    g_task_run_in_thread (task, write_texture);
  }
}

static void
save_as (GtkWidget *widget, const char *name, GVariant *parameter)
{
  VelStage *stage = vel_window_get_stage (VEL_WINDOW (widget));
  const VelHistoryItem *item = vel_stage_get_item (stage);
  g_autofree char *basename = item != NULL ? g_path_get_basename (item->path) : g_strdup (_("picture.png"));
  GtkFileChooserNative *chooser;

  if (vel_stage_get_texture (stage) == NULL)
    return;
  chooser = gtk_file_chooser_native_new (_("Save a Copy of the Picture"), GTK_WINDOW (widget), GTK_FILE_CHOOSER_ACTION_SAVE, NULL, NULL);
  gtk_file_chooser_set_current_name (GTK_FILE_CHOOSER (chooser), basename);
  ask (widget, chooser, G_CALLBACK (on_place_chosen));
}

/* What was painted before goes through the queue like any other picture. */
static void
finish (GtkWidget *widget, const char *name, GVariant *parameter)
{
  VelWindow *window = VEL_WINDOW (widget);
  VelSession *session = vel_window_get_session (window);
  VelHistory *history = vel_session_get_history (session);
  g_autoptr (GError) error = NULL;
  VelUnfinished *unfinished = vel_unfinished_open (vel_history_get_unfinished (history), g_variant_get_string (parameter, NULL), &error);

  if (unfinished != NULL)
    vel_worker_finish (vel_session_get_worker (session), unfinished);
  else
    vel_stage_show_error (vel_window_get_stage (window), error->message);
  vel_history_tell_unfinished (history);
}

static void
discard_unfinished (GtkWidget *widget, const char *name, GVariant *parameter)
{
  vel_discard_unfinished_ask (GTK_WINDOW (widget), vel_window_get_session (VEL_WINDOW (widget)), g_variant_get_string (parameter, NULL));
}

static const struct {
  const char *name;
  const char *parameter;
  GtkWidgetActionActivateFunc run;
} actions[] = {
  { "win.generate", NULL, generate },
  { "win.stop", NULL, stop },
  { "win.stop-all", NULL, stop_all },
  { "win.focus-prompt", NULL, focus_prompt },
  { "win.zoom-in", NULL, zoom_in },
  { "win.zoom-out", NULL, zoom_out },
  { "win.zoom-fit", NULL, zoom_fit },
  { "win.zoom-one", NULL, zoom_one },
  { "win.welcome", NULL, welcome },
  { "win.restore", NULL, restore },
  { "win.start-from", NULL, start_from },
  { "win.restore-json", "s", restore_json },
  { "win.preset", "s", preset },
  { "win.show-left-out", "(sas)", show_left_out },
  { "win.copy", NULL, copy },
  { "win.save-as", NULL, save_as },
  { "win.finish", "s", finish },
  { "win.discard-unfinished", "s", discard_unfinished },
  { "win.open-picture", NULL, open_picture },
  { "win.add-model-folder", NULL, add_model_folder },
};

/* Keys that a text field has its own use for come here only when no field wanted them. */
static const struct {
  guint key;
  GdkModifierType modifiers;
  const char *action;
} keys[] = {
  { GDK_KEY_Escape, 0, "win.stop" },        { GDK_KEY_c, GDK_CONTROL_MASK, "win.copy" },
  { GDK_KEY_plus, 0, "win.zoom-in" },       { GDK_KEY_equal, 0, "win.zoom-in" },
  { GDK_KEY_KP_Add, 0, "win.zoom-in" },     { GDK_KEY_minus, 0, "win.zoom-out" },
  { GDK_KEY_KP_Subtract, 0, "win.zoom-out" }, { GDK_KEY_0, 0, "win.zoom-fit" },
  { GDK_KEY_KP_0, 0, "win.zoom-fit" },      { GDK_KEY_1, 0, "win.zoom-one" },
  { GDK_KEY_KP_1, 0, "win.zoom-one" },
};

void
vel_window_class_add_actions (GtkWidgetClass *klass)
{
  for (guint i = 0; i < G_N_ELEMENTS (actions); i++)
    gtk_widget_class_install_action (klass, actions[i].name, actions[i].parameter, actions[i].run);
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    gtk_widget_class_add_binding_action (klass, keys[i].key, keys[i].modifiers, keys[i].action, NULL);
}
