/* The window, used as a person would: first start, paint, stop, queue, restore, come back.
 * SPDX-License-Identifier: Apache-2.0
 *
 * One process is one person's home: the cases run in order, and what one leaves behind the next finds. */
#include "config.h"

#include <glib/gstdio.h>
#include <locale.h>

#include "engine/formats/png.h"
#include "engine/formats/recipe.h"
#include "engine/paths.h"
#include "tests/support/tiny-model.h"
#include "tests/ui/harness.h"
#include "ui/panels/history-strip.h"
#include "ui/panels/welcome-page.h"
#include "ui/widgets/param-control.h"
#include "ui/widgets/prompt-view.h"
#include "ui/widgets/section.h"
#include "ui/window-restore.h"

#define PROMPT "a (white swan:1.2) on a lake at dusk, [fog]"

typedef struct {
  VelHarness harness;
  GtkWidget *window;
  VelSession *session;
  VelValues *request;
  VelWorker *worker;
  VelStage *stage;
} Fixture;

static char *model_folder, *model_path;

static void
start (Fixture *self, int width, int height)
{
  vel_harness_start (&self->harness, width, height);
  self->window = GTK_WIDGET (self->harness.window);
  self->session = vel_application_get_session (self->harness.application);
  self->request = vel_session_get_request (self->session);
  self->worker = vel_session_get_worker (self->session);
  self->stage = vel_window_get_stage (self->harness.window);
}

static void
set_up (Fixture *self, gconstpointer data)
{
  start (self, 1440, 900);
}

static void
set_up_narrow (Fixture *self, gconstpointer data)
{
  start (self, 360, 720);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  vel_harness_check_names (self->window);
  vel_harness_stop (&self->harness);
}

static void
photograph (Fixture *self, const char *name)
{
  g_free (vel_harness_photograph (self->window, name));
}

static void
set (Fixture *self, const char *name, const char *text)
{
  g_autoptr (GError) error = NULL;

  vel_values_set (self->request, name, text, &error);
  g_assert_no_error (error);
}

static void
do_action (Fixture *self, const char *action)
{
  g_assert_true (gtk_widget_activate_action (self->window, action, NULL));
}

static void
ask_for_picture (Fixture *self, const char *steps)
{
  set (self, "model", model_path);
  set (self, "prompt", PROMPT);
  set (self, "negative", "blurry");
  set (self, "width", "128");
  set (self, "height", "128");
  set (self, "steps", steps);
  vel_harness_spin (50);
}

static gboolean
is_idle (gpointer worker)
{
  return vel_worker_get_current (worker) == NULL;
}

static gboolean
has_item (gpointer stage)
{
  return vel_stage_get_item (stage) != NULL;
}

static gboolean
is_at_step_two (gpointer worker)
{
  VelJob *job = vel_worker_get_current (worker);

  return job != NULL && vel_job_get_step (job) >= 2;
}

static gboolean
has_texture (gpointer stage)
{
  return vel_stage_get_texture (stage) != NULL;
}

static const char *
visible_page (Fixture *self)
{
  return gtk_stack_get_visible_child_name (GTK_STACK (vel_harness_find_id (self->window, "stack")));
}

static const char *
label_text (Fixture *self, const char *id)
{
  return gtk_label_get_text (GTK_LABEL (vel_harness_find_id (self->window, id)));
}

static gboolean
is_revealed (Fixture *self, GtkWidget *inside)
{
  return gtk_revealer_get_reveal_child (GTK_REVEALER (gtk_widget_get_ancestor (inside, GTK_TYPE_REVEALER)));
}

/* Waits for nothing to be painted and the finished picture to be shown. */
static void
wait_for_picture (Fixture *self)
{
  vel_harness_wait (is_idle, self->worker, 120, "the worker has nothing to do");
  vel_harness_wait (has_item, self->stage, 30, "the finished picture is shown");
  g_assert_null (vel_stage_get_error (self->stage));
}

static void
test_first_start (Fixture *self, gconstpointer data)
{
  GtkWidget *generate = vel_harness_find_id (GTK_WIDGET (vel_harness_find_id (self->window, "generate_place")), "generate");

  g_assert_cmpstr (visible_page (self), ==, "welcome");
  g_assert_cmpstr (vel_values_get (self->request, "prompt"), ==, "");
  g_assert_nonnull (generate);
  g_assert_false (gtk_widget_is_sensitive (gtk_widget_get_first_child (generate)));
  photograph (self, "1-first-start");
}

static void
test_type (Fixture *self, gconstpointer data)
{
  GtkWidget *view = vel_harness_find_type (self->window, VEL_TYPE_PROMPT_VIEW);
  GtkWidget *sampling = vel_harness_find_id (self->window, "sampling");
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (GTK_TEXT_VIEW (view));
  GtkTextIter iter;

  set (self, "model", model_path);
  gtk_text_buffer_insert_at_cursor (buffer, PROMPT, -1);
  g_assert_cmpstr (vel_values_get (self->request, "prompt"), ==, PROMPT);
  gtk_text_buffer_get_iter_at_offset (buffer, &iter, 4);
  g_assert_true (gtk_text_iter_has_tag (&iter, gtk_text_tag_table_lookup (gtk_text_buffer_get_tag_table (buffer), "up")));
  vel_values_set (self->request, "steps", "33", NULL);
  vel_harness_spin (100);
  g_assert_nonnull (strstr (gtk_label_get_text (GTK_LABEL (vel_harness_find_id (sampling, "summary"))), "33"));
  photograph (self, "2-typed");
}

static void
test_paint (Fixture *self, gconstpointer data)
{
  GtkWidget *strip = vel_window_get_history_list (self->harness.window);

  ask_for_picture (self, "4");
  do_action (self, "win.generate");
  wait_for_picture (self);
  g_assert_cmpstr (visible_page (self), ==, "canvas");
  g_assert_cmpint (gdk_texture_get_width (vel_stage_get_texture (self->stage)), ==, 128);
  g_assert_cmpuint (vel_history_strip_get_n_pictures (VEL_HISTORY_STRIP (strip)), ==, 1);
  g_assert_cmpstr (vel_stage_get_item (self->stage)->prompt, ==, PROMPT);
  photograph (self, "3-painted");
}

static void
test_stop (Fixture *self, gconstpointer data)
{
  gint64 asked;

  ask_for_picture (self, "150");
  do_action (self, "win.generate");
  vel_harness_wait (is_at_step_two, self->worker, 60, "the second step is done");
  vel_harness_wait (has_texture, self->stage, 10, "a preview is shown");
  g_assert_true (vel_stage_is_live (self->stage));
  g_assert_cmpstr (label_text (self, "label"), ==, "Add to Queue");
  photograph (self, "4-painting");
  asked = g_get_monotonic_time ();
  do_action (self, "win.stop");
  vel_harness_wait (is_idle, self->worker, 30, "the worker has stopped");
  g_test_message ("stopped after %.0f ms", (double) (g_get_monotonic_time () - asked) / 1000);
  g_assert_nonnull (vel_stage_get_texture (self->stage));
  g_assert_cmpstr (label_text (self, "label"), ==, "Generate");
  g_assert_null (vel_stage_get_error (self->stage));
}

static void
test_queue (Fixture *self, gconstpointer data)
{
  GtkWidget *count = vel_harness_find_id (vel_harness_find_id (self->window, "queue"), "count");

  ask_for_picture (self, "150");
  g_assert_false (is_revealed (self, count));
  for (int i = 0; i < 3; i++)
    do_action (self, "win.generate");
  vel_harness_wait (is_at_step_two, self->worker, 60, "the second step is done");
  g_assert_true (is_revealed (self, count));
  g_assert_cmpstr (gtk_label_get_text (GTK_LABEL (count)), ==, "2 waiting");
  photograph (self, "5-queue");
  do_action (self, "win.stop-all");
  vel_harness_wait (is_idle, self->worker, 30, "the queue is empty");
  vel_harness_spin (50);
  g_assert_false (is_revealed (self, count));
}

/* A picture of the request as it stands, without painting it. Returns: its id */
static gint64
save_picture (Fixture *self, guint n)
{
  guint8 pixels[64 * 64 * 3];
  VelRecipeFacts facts = { .seed = n, .width = 64, .height = 64, .version = "Velatura" };
  g_autoptr (GError) error = NULL;
  gint64 id;

  for (guint i = 0; i < sizeof pixels; i++)
    pixels[i] = (guint8) ((i % 3 + 1) * n * 7 + i / 192);
  id = vel_history_save (vel_session_get_history (self->session), pixels, self->request, &facts, &error);
  g_assert_no_error (error);
  return id;
}

static gboolean
prompt_is_back (gpointer request)
{
  return g_str_equal (vel_values_get (request, "prompt"), PROMPT);
}

static gboolean
prompt_is_other (gpointer request)
{
  return g_str_equal (vel_values_get (request, "prompt"), "something else");
}

static void
test_restore_own (Fixture *self, gconstpointer data)
{
  g_autoptr (VelHistoryItem) item = NULL;
  g_autoptr (GFile) file = NULL;
  g_autofree char *before = NULL;

  ask_for_picture (self, "4");
  item = vel_history_get (vel_session_get_history (self->session), save_picture (self, 5), NULL);
  g_assert_nonnull (item);
  file = g_file_new_for_path (item->path);
  vel_values_reset (self->request);
  set (self, "prompt", "something else");
  before = vel_values_to_json (self->request);
  vel_window_restore_file (self->harness.window, file);
  vel_harness_wait (prompt_is_back, self->request, 30, "the settings are restored");
  g_assert_cmpint (vel_values_get_int (self->request, "steps"), ==, 4);
  g_assert_cmpint (vel_values_get_int (self->request, "width"), ==, 64); /* the picture's own */
  g_assert_cmpstr (vel_values_get (self->request, "seed"), ==, "5");
  photograph (self, "6-restored");
  g_assert_true (gtk_widget_activate_action (self->window, "win.restore-json", "s", before));
  g_assert_true (prompt_is_other (self->request));
}

/* The same picture as the web page's program would have written it. */
static void
test_restore_a1111 (Fixture *self, gconstpointer data)
{
  static const guint8 pixels[8 * 8 * 3];
  static const char recipe[] =
    "a fox\nNegative prompt: blurry\nSteps: 28, Sampler: Euler a, CFG scale: 6.5, Seed: 77, Size: 256x192";
  const char *const text[] = { VEL_RECIPE_A1111, recipe, NULL };
  g_autoptr (GBytes) png = vel_png_encode (pixels, 8, 8, text);
  g_autofree char *path = g_build_filename (model_folder, "elsewhere.png", NULL);
  g_autoptr (GFile) file = g_file_new_for_path (path);

  g_assert_true (g_file_set_contents (path, g_bytes_get_data (png, NULL), (gssize) g_bytes_get_size (png), NULL));
  set (self, "prompt", PROMPT);
  vel_window_restore_file (self->harness.window, file);
  for (int i = 0; i < 200 && !g_str_equal (vel_values_get (self->request, "prompt"), "a fox"); i++)
    vel_harness_spin (20);
  g_assert_cmpstr (vel_values_get (self->request, "prompt"), ==, "a fox");
  g_assert_cmpstr (vel_values_get (self->request, "negative"), ==, "blurry");
  g_assert_cmpint (vel_values_get_int (self->request, "steps"), ==, 28);
  g_assert_cmpfloat (vel_values_get_real (self->request, "cfg"), ==, 6.5);
  g_assert_cmpint (vel_values_get_int (self->request, "height"), ==, 192);
  g_assert_cmpstr (vel_values_get (self->request, "seed"), ==, "77");
}

/* The same in a JPEG, whose texts are elsewhere. */
static void
test_restore_jpeg (Fixture *self, gconstpointer data)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "golden", "formats", "metadata", "unicode.jpg", NULL);
  g_autoptr (GFile) file = g_file_new_for_path (path);

  set (self, "prompt", PROMPT);
  vel_window_restore_file (self->harness.window, file);
  for (int i = 0; i < 200 && !g_str_equal (vel_values_get (self->request, "prompt"), "a fox, 水彩, Öl"); i++)
    vel_harness_spin (20);
  g_assert_cmpstr (vel_values_get (self->request, "prompt"), ==, "a fox, 水彩, Öl");
  g_assert_cmpstr (vel_values_get (self->request, "negative"), ==, "blurry");
  g_assert_cmpstr (vel_values_get (self->request, "seed"), ==, "5");
}

static gboolean
shows_error (gpointer stage)
{
  return vel_stage_get_error (stage) != NULL;
}

static void
test_restore_nonsense (Fixture *self, gconstpointer data)
{
  g_autofree char *path = g_build_filename (model_folder, "nonsense.png", NULL);
  g_autoptr (GFile) file = g_file_new_for_path (path);

  g_assert_true (g_file_set_contents (path, "no picture at all", -1, NULL));
  set (self, "prompt", "something else");
  vel_window_restore_file (self->harness.window, file);
  vel_harness_wait (shows_error, self->stage, 30, "a sentence says what is wrong");
  g_assert_true (prompt_is_other (self->request));
  photograph (self, "7-error");
}

/* A model that is not there: a sentence above the canvas, and the window goes on. */
static void
test_failed_job (Fixture *self, gconstpointer data)
{
  ask_for_picture (self, "2");
  set (self, "model", "/nowhere/no-such-model.safetensors");
  do_action (self, "win.generate");
  vel_harness_wait (shows_error, self->stage, 60, "a sentence says what is wrong");
  vel_harness_wait (is_idle, self->worker, 30, "the worker has nothing to do");
  g_assert_nonnull (strstr (vel_stage_get_error (self->stage), "no-such-model"));
}

static void
test_history (Fixture *self, gconstpointer data)
{
  VelHistoryStrip *strip = VEL_HISTORY_STRIP (vel_window_get_history_list (self->harness.window));
  GtkSelectionModel *selection = gtk_list_view_get_model (GTK_LIST_VIEW (vel_harness_find_id (GTK_WIDGET (strip), "list")));
  guint before = vel_history_strip_get_n_pictures (strip);

  ask_for_picture (self, "4");
  for (guint n = 0; n < 24; n++)
    save_picture (self, n);
  vel_harness_spin (300);
  g_assert_cmpuint (vel_history_strip_get_n_pictures (strip), ==, before + 24);
  gtk_selection_model_select_item (selection, 3, TRUE);
  vel_harness_wait (has_item, self->stage, 30, "the chosen picture is shown");
  vel_harness_spin (300);
  g_assert_cmpuint (vel_stage_get_item (self->stage)->seed, ==, 20);
  photograph (self, "8-history");
}

static void
test_draft (Fixture *self, gconstpointer data)
{
  g_autofree char *path = g_build_filename (vel_paths_get_state (), "draft.json", NULL);
  g_autofree char *json = NULL;
  gint64 begun;

  vel_values_reset (self->request);
  vel_harness_spin (1200);
  begun = g_get_monotonic_time ();
  set (self, "prompt", "a lighthouse in a storm");
  while (g_get_monotonic_time () - begun < 10 * G_USEC_PER_SEC) {
    g_clear_pointer (&json, g_free);
    if (g_file_get_contents (path, &json, NULL, NULL) && strstr (json, "lighthouse") != NULL)
      break;
    vel_harness_spin (20);
  }
  g_test_message ("the draft was on disk after %.0f ms", (double) (g_get_monotonic_time () - begun) / 1000);
  g_assert_nonnull (strstr (json, "lighthouse"));
  set (self, "steps", "17");
}

static void
test_draft_is_back (Fixture *self, gconstpointer data)
{
  g_assert_cmpstr (vel_values_get (self->request, "prompt"), ==, "a lighthouse in a storm");
  g_assert_cmpint (vel_values_get_int (self->request, "steps"), ==, 17);
}

static void
test_zoom (Fixture *self, gconstpointer data)
{
  VelCanvas *canvas = vel_stage_get_canvas (self->stage);

  vel_harness_wait (has_item, self->stage, 30, "a picture is shown");
  g_assert_true (vel_canvas_is_fitted (canvas));
  do_action (self, "win.zoom-one");
  g_assert_cmpfloat (vel_canvas_get_zoom (canvas), ==, 1);
  do_action (self, "win.zoom-in");
  g_assert_cmpfloat (vel_canvas_get_zoom (canvas), ==, 1.25);
  vel_canvas_zoom_to (canvas, 4, 100, 100);
  g_assert_cmpfloat (vel_canvas_get_zoom (canvas), ==, 4);
  do_action (self, "win.zoom-fit");
  g_assert_true (vel_canvas_is_fitted (canvas));
  do_action (self, "win.copy");
  g_assert_true (gdk_content_formats_contain_gtype (gdk_clipboard_get_formats (gtk_widget_get_clipboard (self->window)), GDK_TYPE_TEXTURE));
}

static void
test_dark (Fixture *self, gconstpointer data)
{
  g_settings_set_string (vel_session_get_settings (self->session), "color-scheme", "dark");
  g_assert_true (adw_style_manager_get_dark (adw_style_manager_get_default ()));
  ask_for_picture (self, "150");
  do_action (self, "win.generate");
  vel_harness_wait (is_at_step_two, self->worker, 60, "the second step is done");
  photograph (self, "9-dark");
  do_action (self, "win.stop-all");
  vel_harness_wait (is_idle, self->worker, 30, "the worker has stopped");
  g_settings_set_string (vel_session_get_settings (self->session), "color-scheme", "system");
}

static void
test_narrow (Fixture *self, gconstpointer data)
{
  GtkWidget *prompt = vel_harness_find_id (self->window, "prompt_place");

  g_assert_cmpint (gtk_widget_get_width (self->window), <=, 360);
  g_assert_null (gtk_widget_get_first_child (prompt));
  photograph (self, "10-narrow");
  do_action (self, "win.panel");
  photograph (self, "11-narrow-panel");
  do_action (self, "win.panel");
  ask_for_picture (self, "150");
  do_action (self, "win.generate");
  vel_harness_wait (is_at_step_two, self->worker, 60, "the second step is done");
  photograph (self, "19-narrow-painting");
  do_action (self, "win.stop");
  vel_harness_wait (is_idle, self->worker, 30, "the worker has stopped");
}

/* Everything that can be focused is reached by Tab alone. */
static void
test_tab (Fixture *self, gconstpointer data)
{
  g_autoptr (GHashTable) reached = g_hash_table_new (NULL, NULL);
  const char *const wanted[] = { "panel_toggle", "strip_toggle", "negative", "head", "presets", "canvas", "strip" };

  vel_section_set_expanded (VEL_SECTION (vel_harness_find_id (self->window, "sampling")), TRUE);
  vel_harness_spin (300);
  for (guint i = 0; i < 200; i++) {
    g_assert_true (gtk_widget_child_focus (self->window, GTK_DIR_TAB_FORWARD) || i > 0);
    for (GtkWidget *at = gtk_root_get_focus (GTK_ROOT (self->window)); at != NULL; at = gtk_widget_get_parent (at))
      g_hash_table_add (reached, at);
  }
  for (guint i = 0; i < G_N_ELEMENTS (wanted); i++) {
    GtkWidget *widget = vel_harness_find_id (self->window, wanted[i]);

    if (!g_hash_table_contains (reached, widget))
      g_test_message ("not reached by Tab: %s", wanted[i]);
    g_assert_true (g_hash_table_contains (reached, widget));
  }
}

/* Another window of ours that is on the screen. (nullable) */
static GtkWindow *
find_dialog (Fixture *self)
{
  GListModel *windows = gtk_window_get_toplevels ();

  for (guint i = 0; i < g_list_model_get_n_items (windows); i++) {
    g_autoptr (GtkWidget) window = g_list_model_get_item (windows, i);

    if (window != self->window && gtk_widget_get_mapped (window))
      return GTK_WINDOW (window);
  }
  return NULL;
}

static void
test_dialogs (Fixture *self, gconstpointer data)
{
  const char *const actions[] = { "app.about", "win.show-help-overlay" };
  const char *const names[] = { "17-about", "18-shortcuts" };

  for (guint i = 0; i < G_N_ELEMENTS (actions); i++) {
    GtkWindow *dialog;

    do_action (self, actions[i]);
    vel_harness_spin (300);
    dialog = find_dialog (self);
    g_assert_nonnull (dialog);
    g_free (vel_harness_photograph (GTK_WIDGET (dialog), names[i]));
    gtk_window_close (dialog);
    vel_harness_spin (200);
  }
}

/* Many things of another program's picture are not here: all of them can be read, and it can be undone. */
static void
test_left_out (Fixture *self, gconstpointer data)
{
  static const char *const sentences[] = { "“Hires steps: 9” is not taken over", "What the node “FreeU_V2” does is not done here", NULL };
  g_autofree char *before = NULL;
  GtkWindow *dialog;

  set (self, "prompt", "from before");
  before = vel_values_to_json (self->request);
  set (self, "prompt", PROMPT);
  g_assert_true (gtk_widget_activate_action (self->window, "win.show-left-out", "(s^as)", before, sentences));
  vel_harness_spin (300);
  dialog = find_dialog (self);
  g_assert_true (ADW_IS_MESSAGE_DIALOG (dialog));
  vel_harness_check_names (GTK_WIDGET (dialog));
  g_free (vel_harness_photograph (GTK_WIDGET (dialog), "21-left-out"));
  adw_message_dialog_response (ADW_MESSAGE_DIALOG (dialog), "undo");
  vel_harness_spin (200);
  g_assert_cmpstr (vel_values_get (self->request, "prompt"), ==, "from before");
}

static gboolean
is_held (gpointer worker)
{
  return vel_worker_is_held (worker);
}

/* The card breaks down: a question, the queue kept, and the processor goes on with it. The emulated card does so once in a process. */
static void
test_lost_device (Fixture *self, gconstpointer data)
{
  GtkWindow *dialog;

  if (g_getenv ("VELATURA_EMULATED_CARD") == NULL) {
    g_test_skip ("there is no emulated card");
    return;
  }
  g_setenv ("VELATURA_EMULATED_CARDS", "1", TRUE);
  g_setenv ("VELATURA_EMULATED_LOST_AT", "30", TRUE);
  ask_for_picture (self, "2");
  set (self, "device", "cuda");
  do_action (self, "win.generate");
  do_action (self, "win.generate");
  vel_harness_wait (is_held, self->worker, 60, "the queue waits for an answer");
  vel_harness_spin (400);
  g_setenv ("VELATURA_EMULATED_CARDS", "0", TRUE);
  g_assert_cmpuint (vel_worker_get_n_waiting (self->worker), ==, 1);
  dialog = find_dialog (self);
  g_assert_true (ADW_IS_MESSAGE_DIALOG (dialog));
  g_assert_nonnull (strstr (adw_message_dialog_get_body (ADW_MESSAGE_DIALOG (dialog)), "cuda:0"));
  g_assert_nonnull (strstr (adw_message_dialog_get_body (ADW_MESSAGE_DIALOG (dialog)), "All 2 pictures"));
  vel_harness_check_names (GTK_WIDGET (dialog));
  g_free (vel_harness_photograph (GTK_WIDGET (dialog), "20-lost-device"));
  adw_message_dialog_response (ADW_MESSAGE_DIALOG (dialog), "cpu");
  vel_harness_wait (is_idle, self->worker, 60, "both pictures are painted");
  vel_harness_wait (has_item, self->stage, 30, "the last one is shown");
  g_assert_cmpstr (vel_values_get (self->request, "device"), ==, "cuda"); /* the next picture tries the card again */
  vel_values_reset (self->request);
}

/* Every option of the table has its row, in one section or the generate bar. */
static void
test_sections (Fixture *self, gconstpointer data)
{
  const char *const ids[] = { "model", "start", "size", "sampling", "hires", "output" };
  VelSection *sections[G_N_ELEMENTS (ids)];

  vel_values_reset (self->request);
  for (guint i = 0; i < G_N_ELEMENTS (ids); i++) {
    sections[i] = VEL_SECTION (vel_harness_find_id (vel_harness_find_id (self->window, "sections"), ids[i]));
    vel_section_set_expanded (sections[i], i != 3);
  }
  photograph (self, "15-sections");
  for (const VelParam *param = vel_values_get_table (self->request); param->name != NULL; param++) {
    gboolean found = g_str_equal (param->name, "prompt") || g_str_equal (param->name, "negative") || g_str_equal (param->name, "model") ||
                     g_str_equal (param->name, "batch") || (param->flags & VEL_PARAM_HIDDEN) != 0;

    for (guint i = 0; i < G_N_ELEMENTS (sections); i++)
      found = found || vel_section_find_control (sections[i], param->name) != NULL;
    if (!found)
      g_test_message ("no row: %s", param->name);
    g_assert_true (found);
  }
  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    vel_section_set_expanded (sections[i], i == 3);
  gtk_expander_set_expanded (GTK_EXPANDER (vel_harness_find_type (GTK_WIDGET (sections[3]), GTK_TYPE_EXPANDER)), TRUE);
  photograph (self, "16-sampling-more");
  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    vel_section_set_expanded (sections[i], i == 4);
  gtk_expander_set_expanded (GTK_EXPANDER (vel_harness_find_type (GTK_WIDGET (sections[4]), GTK_TYPE_EXPANDER)), TRUE);
  photograph (self, "22-second-pass");
}

/* Parts of models are files in the model's section; SDXL's text encoders are two. */
static void
test_parts (Fixture *self, gconstpointer data)
{
  VelSection *section = VEL_SECTION (vel_harness_find_id (vel_harness_find_id (self->window, "sections"), "model"));
  GtkWidget *text, *vae;

  vel_values_reset (self->request);
  vel_section_set_expanded (section, TRUE);
  text = vel_section_find_control (section, "text_encoder");
  vae = vel_section_find_control (section, "vae");
  vel_param_file_choose (text, "/clip/clip_l.safetensors");
  vel_param_file_choose (text, "/clip/clip_g.safetensors");
  vel_param_file_choose (text, "/clip/clip_l.safetensors");
  vel_param_file_choose (vae, "/vae/one.pt");
  vel_param_file_choose (vae, "/vae/two.pt");
  g_assert_cmpstr (vel_values_get (self->request, "text_encoder"), ==, "/clip/clip_l.safetensors\n/clip/clip_g.safetensors");
  g_assert_cmpstr (vel_values_get (self->request, "vae"), ==, "/vae/two.pt");
  g_assert_cmpstr (gtk_label_get_text (GTK_LABEL (vel_harness_find_type (text, GTK_TYPE_LABEL))), ==, "clip_l.safetensors, clip_g.safetensors");
}

/* A preset is chosen from the list or taken up where the model's name suggests it; one step leads back. */
static void
test_presets (Fixture *self, gconstpointer data)
{
  GtkMenuButton *button = GTK_MENU_BUTTON (vel_harness_find_id (self->window, "presets"));
  GtkWidget *offer = vel_harness_find_id (self->window, "offer"), *take = vel_harness_find_id (self->window, "take_offer");
  g_autofree char *before = NULL;

  vel_values_reset (self->request);
  set (self, "prompt", PROMPT);
  vel_section_set_expanded (VEL_SECTION (vel_harness_find_id (self->window, "sampling")), TRUE);
  vel_section_set_expanded (VEL_SECTION (vel_harness_find_id (self->window, "model")), TRUE);
  g_assert_cmpint (g_menu_model_get_n_items (gtk_menu_button_get_menu_model (button)), ==, 5);
  before = vel_values_to_json (self->request);
  g_assert_true (gtk_widget_activate_action (self->window, "win.preset", "s", "lcm"));
  g_assert_cmpstr (vel_values_get (self->request, "sampler"), ==, "lcm");
  g_assert_cmpstr (vel_values_get (self->request, "prompt"), ==, PROMPT);
  vel_harness_spin (400);
  gtk_menu_button_popup (button);
  vel_harness_spin (400);
  photograph (self, "23-preset");
  g_free (vel_harness_photograph (GTK_WIDGET (gtk_menu_button_get_popover (button)), "24-preset-menu"));
  gtk_menu_button_popdown (button);
  g_assert_true (gtk_widget_activate_action (self->window, "win.restore-json", "s", before));
  g_assert_false (vel_values_is_set (self->request, "sampler"));
  g_assert_cmpint (vel_values_get_int (self->request, "steps"), ==, 20);

  g_assert_false (gtk_widget_get_visible (offer));
  set (self, "model", "/elsewhere/sdxl_lightning_8step.safetensors");
  g_assert_true (gtk_widget_get_visible (offer));
  g_assert_cmpstr (gtk_button_get_label (GTK_BUTTON (take)), ==, "Use 8 Steps");
  g_assert_false (vel_values_is_set (self->request, "steps")); /* a name changes nothing */
  photograph (self, "25-preset-offer");
  g_assert_true (gtk_widget_activate (take));
  vel_harness_spin (300);
  g_assert_cmpint (vel_values_get_int (self->request, "steps"), ==, 8);
  g_assert_cmpstr (vel_values_get (self->request, "schedule"), ==, "sgm_uniform");
  g_assert_false (gtk_widget_get_visible (offer));
}

static const char *
figure_text (Fixture *self, const char *section, const char *name)
{
  GtkWidget *found = vel_harness_find_id (vel_harness_find_id (self->window, "sections"), section);
  GtkWidget *control = vel_section_find_control (VEL_SECTION (found), name);

  return gtk_editable_get_text (GTK_EDITABLE (vel_harness_find_type (control, GTK_TYPE_SPIN_BUTTON)));
}

/* What is typed into a figure, dragged on a slider or chosen from a list is what the request says, and the other way round. */
static void
test_rows (Fixture *self, gconstpointer data)
{
  VelSection *sampling = VEL_SECTION (vel_harness_find_id (self->window, "sampling"));
  GtkWidget *steps = vel_section_find_control (sampling, "steps");
  GtkWidget *scale = vel_harness_find_type (steps, GTK_TYPE_SCALE), *figure = vel_harness_find_type (steps, GTK_TYPE_SPIN_BUTTON);
  GtkWidget *sampler = vel_section_find_control (sampling, "sampler"), *seed = vel_section_find_control (sampling, "seed");
  GtkWidget *lock = vel_harness_find_type (seed, GTK_TYPE_TOGGLE_BUTTON);
  GtkWidget *rng = vel_section_find_control (sampling, "rng");

  vel_values_reset (self->request);
  g_assert_cmpfloat (gtk_range_get_value (GTK_RANGE (scale)), ==, 20);
  set (self, "steps", "31");
  g_assert_cmpfloat (gtk_range_get_value (GTK_RANGE (scale)), ==, 31);
  g_assert_cmpstr (gtk_editable_get_text (GTK_EDITABLE (figure)), ==, "31");
  gtk_range_set_value (GTK_RANGE (scale), 12.4);
  g_assert_cmpint (vel_values_get_int (self->request, "steps"), ==, 12);
  gtk_editable_set_text (GTK_EDITABLE (figure), "120"); /* beyond the slider, within the range */
  gtk_spin_button_update (GTK_SPIN_BUTTON (figure));
  g_assert_cmpint (vel_values_get_int (self->request, "steps"), ==, 120);
  gtk_drop_down_set_selected (GTK_DROP_DOWN (sampler), 1);
  g_assert_true (vel_values_is_set (self->request, "sampler"));
  vel_values_set (self->request, "sampler", "", NULL);
  g_assert_cmpuint (gtk_drop_down_get_selected (GTK_DROP_DOWN (sampler)), !=, GTK_INVALID_LIST_POSITION);
  set (self, "rng", "cuda:99x1024"); /* none of the list's own */
  g_assert_cmpstr (gtk_string_object_get_string (gtk_drop_down_get_selected_item (GTK_DROP_DOWN (rng))), ==, "cuda:99x1024");
  gtk_drop_down_set_selected (GTK_DROP_DOWN (rng), 1);
  g_assert_cmpstr (vel_values_get (self->request, "rng"), ==, "nv");
  g_assert_cmpstr (figure_text (self, "size", "width"), ==, "Auto");
  set (self, "width", "192");
  g_assert_cmpstr (figure_text (self, "size", "width"), ==, "192");
  vel_values_set (self->request, "width", "", NULL);
  g_assert_cmpstr (figure_text (self, "size", "width"), ==, "Auto");
  set (self, "cfg", "6.25");
  g_assert_cmpstr (figure_text (self, "sampling", "cfg"), ==, "6.25");
  g_assert_false (vel_values_is_set (self->request, "seed"));
  g_signal_emit_by_name (gtk_widget_get_next_sibling (lock), "clicked");
  g_assert_true (vel_values_is_set (self->request, "seed"));
  g_assert_true (gtk_toggle_button_get_active (GTK_TOGGLE_BUTTON (lock)));
  set (self, "seed", "18446744073709551615");
  g_assert_cmpstr (gtk_editable_get_text (GTK_EDITABLE (vel_harness_find_type (seed, GTK_TYPE_ENTRY))), ==, "18446744073709551615");
}

/* The model that is shipped, where it is. */
static void
test_starter (Fixture *self, gconstpointer data)
{
  if (!g_file_test (vel_paths_get_starter (), G_FILE_TEST_IS_DIR)) {
    g_test_skip ("this tree has no starter model");
    return;
  }
  vel_values_reset (self->request);
  set (self, "prompt", "a white swan on a lake at dusk");
  set (self, "seed", "7");
  set (self, "steps", "12");
  vel_harness_spin (300);
  do_action (self, "win.generate");
  vel_harness_wait (is_at_step_two, self->worker, 120, "the second step is done");
  photograph (self, "12-starter-painting");
  wait_for_picture (self);
  photograph (self, "13-starter");
}

int
main (int argc, char **argv)
{
  int status;

  setlocale (LC_ALL, "");
  gtk_test_init (&argc, &argv, NULL);
  model_folder = g_dir_make_tmp ("velatura-window-XXXXXX", NULL);
  model_path = tiny_model_write ("two-levels", model_folder);

  g_test_add ("/ui/first-start", Fixture, NULL, set_up, test_first_start, tear_down);
  g_test_add ("/ui/type", Fixture, NULL, set_up, test_type, tear_down);
  g_test_add ("/ui/paint", Fixture, NULL, set_up, test_paint, tear_down);
  g_test_add ("/ui/restore/own", Fixture, NULL, set_up, test_restore_own, tear_down);
  g_test_add ("/ui/restore/a1111", Fixture, NULL, set_up, test_restore_a1111, tear_down);
  g_test_add ("/ui/restore/jpeg", Fixture, NULL, set_up, test_restore_jpeg, tear_down);
  g_test_add ("/ui/restore/nonsense", Fixture, NULL, set_up, test_restore_nonsense, tear_down);
  g_test_add ("/ui/stop", Fixture, NULL, set_up, test_stop, tear_down);
  g_test_add ("/ui/queue", Fixture, NULL, set_up, test_queue, tear_down);
  g_test_add ("/ui/failed-job", Fixture, NULL, set_up, test_failed_job, tear_down);
  g_test_add ("/ui/history", Fixture, NULL, set_up, test_history, tear_down);
  g_test_add ("/ui/zoom", Fixture, NULL, set_up, test_zoom, tear_down);
  g_test_add ("/ui/tab", Fixture, NULL, set_up, test_tab, tear_down);
  g_test_add ("/ui/dialogs", Fixture, NULL, set_up, test_dialogs, tear_down);
  g_test_add ("/ui/left-out", Fixture, NULL, set_up, test_left_out, tear_down);
  g_test_add ("/ui/lost-device", Fixture, NULL, set_up, test_lost_device, tear_down);
  g_test_add ("/ui/sections", Fixture, NULL, set_up, test_sections, tear_down);
  g_test_add ("/ui/presets", Fixture, NULL, set_up, test_presets, tear_down);
  g_test_add ("/ui/parts", Fixture, NULL, set_up, test_parts, tear_down);
  g_test_add ("/ui/rows", Fixture, NULL, set_up, test_rows, tear_down);
  g_test_add ("/ui/draft", Fixture, NULL, set_up, test_draft, tear_down);
  g_test_add ("/ui/draft-is-back", Fixture, NULL, set_up, test_draft_is_back, tear_down);
  g_test_add ("/ui/dark", Fixture, NULL, set_up, test_dark, tear_down);
  g_test_add ("/ui/narrow", Fixture, NULL, set_up_narrow, test_narrow, tear_down);
  g_test_add ("/ui/starter", Fixture, NULL, set_up, test_starter, tear_down);
  status = g_test_run ();
  tiny_remove_tree (model_folder);
  return status;
}
