/* A picture that could not be decoded: its tile, what it offers, and the picture after all.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <adwaita.h>
#include <glib/gi18n.h>
#include <locale.h>
#include <string.h>

#include "engine/formats/png.h"
#include "engine/paths.h"
#include "tests/support/tiny-model.h"
#include "tests/ui/harness.h"
#include "ui/panels/history-strip.h"
#include "ui/panels/unfinished-list.h"
#include "ui/widgets/unfinished-tile.h"

typedef struct {
  VelHarness harness;
  GtkWidget *window;
  VelSession *session;
  VelWorker *worker;
  VelStage *stage;
} Fixture;

static char *model_folder, *model;
static char *healthy;
static gsize healthy_bytes;

static gboolean
is_chinese (void)
{
  return g_strcmp0 (g_getenv ("LANGUAGE"), "zh_CN") == 0;
}

/* The picture is painted as ever, and its decoding leaves the numbers that floats have. */
static void
break_model (void)
{
  const float huge = 3e38f;
  g_autofree char *bytes = g_memdup2 (healthy, healthy_bytes);
  const char *place;
  guint64 length, offset;

  memcpy (&length, bytes, sizeof length);
  place = g_strstr_len (bytes + sizeof length, (gssize) length, "\"first_stage_model.decoder.conv_out.weight\"");
  place = g_strstr_len (place, -1, "data_offsets");
  offset = g_ascii_strtoull (strchr (place, '[') + 1, NULL, 10);
  for (guint i = 0; i < 64; i++)
    memcpy (bytes + sizeof length + length + offset + i * sizeof huge, &huge, sizeof huge);
  g_assert_true (g_file_set_contents (model, bytes, (gssize) healthy_bytes, NULL));
}

static void
mend_model (void)
{
  g_assert_true (g_file_set_contents (model, healthy, (gssize) healthy_bytes, NULL));
}

static void
set_up (Fixture *self, gconstpointer data)
{
  vel_harness_start (&self->harness, 1440, 900);
  self->window = GTK_WIDGET (self->harness.window);
  self->session = vel_application_get_session (self->harness.application);
  self->worker = vel_session_get_worker (self->session);
  self->stage = vel_window_get_stage (self->harness.window);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  vel_harness_check_names (self->window);
  vel_harness_stop (&self->harness);
}

static gboolean
is_idle (gpointer worker)
{
  return vel_worker_get_current (worker) == NULL;
}

static gboolean
has_tile (gpointer window)
{
  return vel_harness_find_type (window, VEL_TYPE_UNFINISHED_TILE) != NULL;
}

static gboolean
has_no_tile (gpointer window)
{
  return !has_tile (window);
}

static gboolean
has_item (gpointer stage)
{
  return vel_stage_get_item (stage) != NULL;
}

static void
paint (Fixture *self)
{
  const char *const options[] = { "model", model,  "prompt", "a white swan on a lake at dusk", "width", "128", "height", "128", "steps",
                                  "4",     "seed", "7" };

  for (gsize i = 0; i < G_N_ELEMENTS (options); i += 2)
    vel_values_set (vel_session_get_request (self->session), options[i], options[i + 1], NULL);
  g_assert_true (gtk_widget_activate_action (self->window, "win.generate", NULL));
  vel_harness_wait (is_idle, self->worker, 60, "the job is over");
}

static void
press (Fixture *self, const char *id)
{
  GtkWidget *tile = vel_harness_find_type (self->window, VEL_TYPE_UNFINISHED_TILE);
  GtkWidget *button = vel_harness_find_id (tile, id);

  g_assert_true (gtk_widget_is_sensitive (button));
  g_signal_emit_by_name (button, "clicked");
}

/* In a window that is started after it happened; the tile stays while the picture can not be decoded, and goes when it is saved. */
static void
test_fails (Fixture *self, gconstpointer data)
{
  break_model ();
  paint (self);
  vel_harness_wait (has_tile, self->window, 10, "there is a tile");
  g_assert_true (gtk_widget_get_mapped (vel_harness_find_type (self->window, VEL_TYPE_UNFINISHED_LIST)));
}

static void
test_finish (Fixture *self, gconstpointer data)
{
  g_autoptr (VelPng) png = NULL;

  vel_harness_wait (has_tile, self->window, 10, "there is a tile");
  vel_harness_spin (400);
  g_assert_cmpint (gtk_widget_get_width (vel_harness_find_type (self->window, VEL_TYPE_HISTORY_STRIP)), <, 140); /* no wider than without */
  g_assert_cmpstr (
      gtk_button_get_label (GTK_BUTTON (vel_harness_find_id (vel_harness_find_type (self->window, VEL_TYPE_UNFINISHED_TILE), "finish"))),
      ==, is_chinese () ? "完成" : "Finish");
  g_free (vel_harness_photograph (self->window, is_chinese () ? "unfinished-chinese" : "unfinished"));
  press (self, "finish");
  vel_harness_wait (is_idle, self->worker, 60, "the job is over");
  vel_harness_wait (has_tile, self->window, 10, "the tile is back: the model is broken still");
  vel_harness_spin (100);
  mend_model ();
  press (self, "finish");
  vel_harness_wait (has_no_tile, self->window, 10, "the tile is gone");
  vel_harness_wait (is_idle, self->worker, 60, "the job is over");
  vel_harness_wait (has_item, self->stage, 10, "the picture is shown");
  png = vel_png_read (vel_stage_get_item (self->stage)->path, FALSE, NULL);
  g_assert_cmpuint (png->width, ==, 128);
  g_assert_nonnull (strstr (g_hash_table_lookup (png->text, "parameters"), "a white swan on a lake at dusk\nSteps: 4"));
  g_free (vel_harness_photograph (self->window, "unfinished-finished"));
}

static GtkWindow *
find_dialog (Fixture *self)
{
  GListModel *windows = gtk_window_get_toplevels ();

  for (guint i = 0; i < g_list_model_get_n_items (windows); i++) {
    g_autoptr (GtkWindow) window = g_list_model_get_item (windows, i);

    if (ADW_IS_MESSAGE_DIALOG (window))
      return window;
  }
  return NULL;
}

/* Keeping it keeps it; discarding it is the end of it. */
static void
test_discard (Fixture *self, gconstpointer data)
{
  break_model ();
  paint (self);
  vel_harness_wait (has_tile, self->window, 10, "there is a tile");
  for (guint i = 0; i < 2; i++) {
    press (self, "discard");
    vel_harness_spin (300);
    g_assert_nonnull (find_dialog (self));
    if (i == 0 && !is_chinese ())
      g_free (vel_harness_photograph (GTK_WIDGET (find_dialog (self)), "discard-unfinished"));
    adw_message_dialog_response (ADW_MESSAGE_DIALOG (find_dialog (self)), i == 0 ? "keep" : "discard");
    vel_harness_spin (300);
    g_assert_true (has_tile (self->window) == (i == 0));
  }
}

int
main (int argc, char **argv)
{
  int status;

  setlocale (LC_ALL, "");
  setlocale (LC_NUMERIC, "C");
  bindtextdomain (GETTEXT_PACKAGE, vel_paths_get_locale ());
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
  gtk_test_init (&argc, &argv, NULL);
  model_folder = g_dir_make_tmp ("velatura-ui-XXXXXX", NULL);
  model = tiny_model_write ("one-block", model_folder);
  g_assert_true (g_file_get_contents (model, &healthy, &healthy_bytes, NULL));
  g_test_add ("/ui/unfinished/fails", Fixture, NULL, set_up, test_fails, tear_down);
  g_test_add ("/ui/unfinished/finish", Fixture, NULL, set_up, test_finish, tear_down);
  g_test_add ("/ui/unfinished/discard", Fixture, NULL, set_up, test_discard, tear_down);
  status = g_test_run ();
  tiny_remove_tree (model_folder);
  return status;
}
