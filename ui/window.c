/* The window: places panels and canvas around one request.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/window.h"
#include "ui/dialogs/lost-device.h"
#include "ui/panels/generate-bar.h"
#include "ui/panels/history-strip.h"
#include "ui/panels/prompt-panel.h"
#include "ui/panels/queue-line.h"
#include "ui/panels/settings-panel.h"
#include "ui/widgets/picture-loader.h"
#include "ui/widgets/width-handle.h"
#include "ui/window-actions.h"
#include "ui/window-layout.h"
#include "ui/window-restore.h"

#include <glib/gi18n.h>

struct _VelWindow {
  AdwApplicationWindow parent_instance;
  AdwToastOverlay *toasts;
  AdwFlap *flap;
  GtkWidget *panel, *width_handle, *strip_toggle, *prompt_place, *generate_place, *compact_place;
  GtkRevealer *strip_revealer;
  VelPromptPanel *prompt;
  VelSettingsPanel *sections;
  VelGenerateBar *generate;
  VelStage *stage;
  VelQueueLine *queue;
  VelHistoryStrip *strip;
  VelSession *session;
  VelLayout layout;
  guint relayout; /* source */
};

G_DEFINE_FINAL_TYPE (VelWindow, vel_window, ADW_TYPE_APPLICATION_WINDOW)

VelSession *
vel_window_get_session (VelWindow *self)
{
  return self->session;
}

VelStage *
vel_window_get_stage (VelWindow *self)
{
  return self->stage;
}

GtkWidget *
vel_window_get_history_list (VelWindow *self)
{
  return GTK_WIDGET (self->strip);
}

void
vel_window_add_toast (VelWindow *self, AdwToast *toast)
{
  adw_toast_overlay_add_toast (self->toasts, toast);
}

void
vel_window_say (VelWindow *self, const char *message)
{
  vel_window_add_toast (self, adw_toast_new (message));
}

void
vel_window_focus_prompt (VelWindow *self)
{
  if (!self->layout.compact)
    adw_flap_set_reveal_flap (self->flap, TRUE);
  vel_prompt_panel_focus (self->prompt);
}

void
vel_window_paint (VelWindow *self)
{
  if (vel_values_get (vel_session_get_request (self->session), "prompt")[0] == '\0') {
    vel_window_focus_prompt (self);
    return;
  }
  vel_session_paint (self->session);
  if (adw_flap_get_folded (self->flap))
    adw_flap_set_reveal_flap (self->flap, FALSE);
}

void
vel_window_start_from (VelWindow *self, const char *path)
{
  vel_values_set (vel_session_get_request (self->session), "init", path, NULL);
  vel_settings_panel_open_start (self->sections);
}

void
vel_window_flash_changes (VelWindow *self, VelValues *before)
{
  vel_settings_panel_flash_changes (self->sections, before);
}

/* An empty strip would only take room. */
static void
update_strip (VelWindow *self)
{
  gboolean wanted = g_settings_get_boolean (vel_session_get_settings (self->session), "strip-shown");
  gboolean filled = vel_history_strip_get_n_pictures (self->strip) > 0 || vel_history_strip_get_n_unfinished (self->strip) > 0
                    || vel_stage_is_live (self->stage);

  gtk_revealer_set_reveal_child (self->strip_revealer, wanted && filled && !self->layout.hides_strip);
}

/* What can be done now, and what the buttons say. */
static void
update_actions (VelWindow *self)
{
  VelWorker *worker = vel_session_get_worker (self->session);
  gboolean busy = vel_worker_get_current (worker) != NULL || vel_worker_get_n_waiting (worker) > 0;
  gboolean has_prompt = vel_values_get (vel_session_get_request (self->session), "prompt")[0] != '\0';
  gboolean has_picture = vel_stage_get_texture (self->stage) != NULL;
  GtkWidget *widget = GTK_WIDGET (self);

  gtk_widget_action_set_enabled (widget, "win.generate", has_prompt);
  gtk_widget_action_set_enabled (widget, "win.stop", busy);
  gtk_widget_action_set_enabled (widget, "win.stop-all", busy);
  gtk_widget_action_set_enabled (widget, "win.restore", vel_stage_get_item (self->stage) != NULL);
  gtk_widget_action_set_enabled (widget, "win.start-from", vel_stage_get_item (self->stage) != NULL);
  gtk_widget_action_set_enabled (widget, "win.copy", has_picture);
  gtk_widget_action_set_enabled (widget, "win.save-as", has_picture);
  vel_generate_bar_set_busy (self->generate, busy);
}

/* The worker has one job in work; the first sign of it is that its state leaves "queued". */
static void
on_job_state (VelWindow *self)
{
  VelJob *job = vel_worker_get_current (vel_session_get_worker (self->session));

  if (job != NULL && vel_job_get_state (job) != VEL_JOB_QUEUED && !vel_job_is_over (job)) {
    gboolean first = !gtk_revealer_get_reveal_child (self->strip_revealer) && vel_history_strip_get_n_pictures (self->strip) == 0;

    vel_stage_set_job (self->stage, job);
    vel_history_strip_set_job (self->strip, job);
    if (first)
      update_strip (self);
  }
  vel_queue_line_update (self->queue);
  update_actions (self);
}

static void
on_job_added (VelWindow *self, VelJob *job)
{
  g_signal_connect_object (job, "notify::state", G_CALLBACK (on_job_state), self, G_CONNECT_SWAPPED);
  on_job_state (self);
}

static void
show_result (VelWindow *self, VelJob *job, gboolean live)
{
  gsize count;
  const gint64 *ids = vel_job_get_saved (job, &count);
  const GError *error = vel_job_get_error (job);

  if (count > 0 && live) {
    vel_history_strip_select (self->strip, ids[count - 1]);
    vel_stage_show_picture (self->stage, ids[count - 1]);
  }
  if (error != NULL && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    vel_stage_show_error (self->stage, error->message);
  if (vel_job_get_state (job) == VEL_JOB_DONE)
    vel_settings_panel_show_seed (self->sections, vel_values_get_seed (vel_job_get_request (job), "seed"));
}

static void
on_job_over (VelWindow *self, VelJob *job)
{
  VelJob *current = vel_worker_get_current (vel_session_get_worker (self->session));
  gboolean live = vel_stage_is_live (self->stage);

  if (current == NULL || current == job) {
    vel_stage_set_job (self->stage, NULL);
    vel_history_strip_set_job (self->strip, NULL);
    if (vel_history_strip_get_n_pictures (self->strip) == 0)
      update_strip (self);
  }
  show_result (self, job, live);
  update_actions (self);
}

/* Nothing is in work any more, and what was waits. */
static void
on_held (VelWindow *self, const char *sentence)
{
  vel_stage_set_job (self->stage, NULL);
  vel_history_strip_set_job (self->strip, NULL);
  update_actions (self);
  vel_lost_device_ask (GTK_WINDOW (self), self->session, sentence);
}

static void
on_preview (VelWindow *self, GdkTexture *texture)
{
  vel_history_strip_set_preview (self->strip, texture);
  update_actions (self);
}

static void
on_shown (VelWindow *self)
{
  if (vel_stage_is_live (self->stage))
    vel_history_strip_select (self->strip, -1);
  update_actions (self);
}

static void
on_example (VelWindow *self, const char *prompt)
{
  vel_values_set (vel_session_get_request (self->session), "prompt", prompt, NULL);
  vel_window_paint (self);
}

static void
on_picture_chosen (VelWindow *self, gint64 id)
{
  vel_stage_show_picture (self->stage, id);
}

static void
on_restorable (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (VelWindow) self = data;
  g_autoptr (VelEntryData) entry = vel_picture_load_finish (result);

  if (entry != NULL && entry->item != NULL) {
    g_autoptr (GFile) file = g_file_new_for_path (entry->item->path);

    vel_window_restore_file (self, file);
  }
}

static void
on_picture_opened (VelWindow *self, gint64 id)
{
  vel_thumbnail_load_async (vel_session_get_history (self->session), id, NULL, on_restorable, g_object_ref (self));
}

static void
on_live_chosen (VelWindow *self)
{
  vel_stage_show_live (self->stage);
}

static void
on_batch_activated (VelWindow *self, GVariant *count)
{
  vel_values_set_int (vel_session_get_request (self->session), "batch", g_variant_get_int32 (count));
}

static void
on_batch_changed (VelWindow *self)
{
  GSimpleAction *batch = G_SIMPLE_ACTION (g_action_map_lookup_action (G_ACTION_MAP (self), "batch"));

  g_simple_action_set_state (batch, g_variant_new_int32 ((gint32) vel_values_get_int (vel_session_get_request (self->session), "batch")));
}

static void
add_stateful_actions (VelWindow *self)
{
  g_autoptr (GSimpleAction) batch = g_simple_action_new_stateful ("batch", G_VARIANT_TYPE_INT32, g_variant_new_int32 (1));
  g_autoptr (GPropertyAction) panel = g_property_action_new ("panel", self->flap, "reveal-flap");
  g_autoptr (GPropertyAction) strip = g_property_action_new ("strip", self->strip_revealer, "reveal-child");

  g_action_map_add_action (G_ACTION_MAP (self), G_ACTION (batch));
  g_action_map_add_action (G_ACTION_MAP (self), G_ACTION (panel));
  g_action_map_add_action (G_ACTION_MAP (self), G_ACTION (strip));
  g_signal_connect_swapped (batch, "activate", G_CALLBACK (on_batch_activated), self);
  g_signal_connect_object (vel_session_get_request (self->session), "changed::batch", G_CALLBACK (on_batch_changed), self,
                           G_CONNECT_SWAPPED);
  on_batch_changed (self);
}

/* The first list of earlier pictures: show the newest, or the welcome if there is none. */
static void
on_first_pictures (VelWindow *self)
{
  gint64 newest = vel_history_strip_get_newest (self->strip);

  update_strip (self);
  if (newest < 0 || vel_stage_get_texture (self->stage) != NULL || vel_worker_get_current (vel_session_get_worker (self->session)) != NULL)
    return;
  vel_history_strip_select (self->strip, newest);
  vel_stage_show_picture (self->stage, newest);
}

static void
save_settings (VelWindow *self)
{
  GSettings *settings = vel_session_get_settings (self->session);

  vel_settings_panel_save (self->sections);
  g_settings_set_int (settings, "panel-width", vel_width_handle_get_width (self->width_handle));
  if (!self->layout.folds)
    g_settings_set_boolean (settings, "panel-shown", adw_flap_get_reveal_flap (self->flap));
  if (!self->layout.hides_strip && vel_history_strip_get_n_pictures (self->strip) > 0)
    g_settings_set_boolean (settings, "strip-shown", gtk_revealer_get_reveal_child (self->strip_revealer));
}

static gboolean
vel_window_close_request (GtkWindow *window)
{
  VelWindow *self = VEL_WINDOW (window);

  save_settings (self);
  vel_session_close (self->session);
  return GTK_WINDOW_CLASS (vel_window_parent_class)->close_request (window);
}

static void
move (GtkWidget *widget, GtkWidget *place)
{
  g_object_ref (widget);
  gtk_box_remove (GTK_BOX (gtk_widget_get_parent (widget)), widget);
  gtk_box_append (GTK_BOX (place), widget);
  g_object_unref (widget);
}

/* One column: the prompt and its button stay in sight below the picture, the sections open over it. */
static void
set_compact (VelWindow *self, gboolean compact)
{
  move (GTK_WIDGET (self->prompt), compact ? self->compact_place : self->prompt_place);
  move (GTK_WIDGET (self->generate), compact ? self->compact_place : self->generate_place);
  gtk_widget_set_visible (self->compact_place, compact);
  gtk_widget_set_visible (self->strip_toggle, !compact);
  vel_width_handle_set_compact (self->width_handle, compact);
  vel_prompt_panel_set_compact (self->prompt, compact);
  vel_generate_bar_set_compact (self->generate, compact);
  vel_stage_set_compact (self->stage, compact);
}

static gboolean
on_relayout (gpointer data)
{
  VelWindow *self = VEL_WINDOW (data);
  GSettings *settings = vel_session_get_settings (self->session);
  VelLayout now = vel_layout_of_width (gtk_widget_get_width (GTK_WIDGET (self))), before = self->layout;

  self->relayout = 0;
  self->layout = now;
  if (now.compact != before.compact)
    set_compact (self, now.compact);
  if (now.folds != before.folds) {
    adw_flap_set_fold_policy (self->flap, now.folds ? ADW_FLAP_FOLD_POLICY_ALWAYS : ADW_FLAP_FOLD_POLICY_AUTO);
    adw_flap_set_reveal_flap (self->flap, !now.folds && g_settings_get_boolean (settings, "panel-shown"));
  }
  if (now.hides_strip != before.hides_strip)
    update_strip (self);
  return G_SOURCE_REMOVE;
}

/* Widgets must not be moved while sizes are being given out. */
static void
vel_window_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  VelWindow *self = VEL_WINDOW (widget);

  GTK_WIDGET_CLASS (vel_window_parent_class)->size_allocate (widget, width, height, baseline);
  if (self->relayout == 0 && !vel_layout_equal (vel_layout_of_width (width), self->layout))
    self->relayout = g_idle_add_full (G_PRIORITY_HIGH_IDLE, on_relayout, self, NULL);
}

static void
bind_settings (VelWindow *self)
{
  GSettings *settings = vel_session_get_settings (self->session);

  g_settings_bind (settings, "window-width", self, "default-width", G_SETTINGS_BIND_DEFAULT);
  g_settings_bind (settings, "window-height", self, "default-height", G_SETTINGS_BIND_DEFAULT);
  g_settings_bind (settings, "window-maximized", self, "maximized", G_SETTINGS_BIND_DEFAULT);
  adw_flap_set_reveal_flap (self->flap, g_settings_get_boolean (settings, "panel-shown"));
  vel_width_handle_init (self->width_handle, self->panel, g_settings_get_int (settings, "panel-width"));
}

VelWindow *
vel_window_new (GtkApplication *application, VelSession *session)
{
  VelWindow *self = g_object_new (VEL_TYPE_WINDOW, "application", application, NULL);
  VelWorker *worker = vel_session_get_worker (session);

  self->session = g_object_ref (session);
  bind_settings (self);
  vel_settings_panel_set_session (self->sections, session);
  add_stateful_actions (self);
  vel_prompt_panel_set_session (self->prompt, session);
  vel_generate_bar_set_request (self->generate, vel_session_get_request (session));
  vel_stage_set_session (self->stage, session);
  vel_queue_line_set_worker (self->queue, worker);
  g_signal_connect_object (self->strip, "read", G_CALLBACK (on_first_pictures), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->strip, "unfinished", G_CALLBACK (update_strip), self, G_CONNECT_SWAPPED);
  vel_history_strip_set_history (self->strip, vel_session_get_history (session));
  g_signal_connect_object (worker, "job-added", G_CALLBACK (on_job_added), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (worker, "job-over", G_CALLBACK (on_job_over), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (worker, "held", G_CALLBACK (on_held), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (vel_session_get_request (session), "changed::prompt", G_CALLBACK (update_actions), self, G_CONNECT_SWAPPED);
  vel_window_accept_drops (self);
  update_actions (self);
  vel_window_focus_prompt (self);
  return self;
}

static void
vel_window_dispose (GObject *object)
{
  VelWindow *self = VEL_WINDOW (object);

  g_clear_handle_id (&self->relayout, g_source_remove);
  g_clear_object (&self->session);
  G_OBJECT_CLASS (vel_window_parent_class)->dispose (object);
}

static void
vel_window_class_init (VelWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = vel_window_dispose;
  GTK_WINDOW_CLASS (klass)->close_request = vel_window_close_request;
  widget_class->size_allocate = vel_window_size_allocate;
  g_type_ensure (VEL_TYPE_PROMPT_PANEL);
  g_type_ensure (VEL_TYPE_SETTINGS_PANEL);
  g_type_ensure (VEL_TYPE_GENERATE_BAR);
  g_type_ensure (VEL_TYPE_STAGE);
  g_type_ensure (VEL_TYPE_QUEUE_LINE);
  g_type_ensure (VEL_TYPE_HISTORY_STRIP);
  gtk_widget_class_set_template_from_resource (widget_class, "/io/github/velatura/Velatura/ui/window.ui");
  gtk_widget_class_bind_template_child (widget_class, VelWindow, toasts);
  gtk_widget_class_bind_template_child (widget_class, VelWindow, flap);
  gtk_widget_class_bind_template_child (widget_class, VelWindow, panel);
  gtk_widget_class_bind_template_child (widget_class, VelWindow, width_handle);
  gtk_widget_class_bind_template_child (widget_class, VelWindow, strip_toggle);
  gtk_widget_class_bind_template_child (widget_class, VelWindow, prompt_place);
  gtk_widget_class_bind_template_child (widget_class, VelWindow, generate_place);
  gtk_widget_class_bind_template_child (widget_class, VelWindow, compact_place);
  gtk_widget_class_bind_template_child (widget_class, VelWindow, strip_revealer);
  gtk_widget_class_bind_template_child (widget_class, VelWindow, prompt);
  gtk_widget_class_bind_template_child (widget_class, VelWindow, sections);
  gtk_widget_class_bind_template_child (widget_class, VelWindow, generate);
  gtk_widget_class_bind_template_child (widget_class, VelWindow, stage);
  gtk_widget_class_bind_template_child (widget_class, VelWindow, queue);
  gtk_widget_class_bind_template_child (widget_class, VelWindow, strip);
  gtk_widget_class_bind_template_callback (widget_class, on_preview);
  gtk_widget_class_bind_template_callback (widget_class, on_shown);
  gtk_widget_class_bind_template_callback (widget_class, on_example);
  gtk_widget_class_bind_template_callback (widget_class, on_picture_chosen);
  gtk_widget_class_bind_template_callback (widget_class, on_picture_opened);
  gtk_widget_class_bind_template_callback (widget_class, on_live_chosen);
  vel_window_class_add_actions (widget_class);
}

static void
vel_window_init (VelWindow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
