/* The window in Chinese: run with LANGUAGE=zh_CN.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <glib/gi18n.h>
#include <locale.h>

#include "engine/paths.h"
#include "tests/ui/harness.h"
#include "ui/panels/history-strip.h"
#include "ui/window-restore.h"

static void
test_chinese (void)
{
  VelHarness harness;
  GtkWidget *window, *label;

  vel_harness_start (&harness, 1440, 900);
  window = GTK_WIDGET (harness.window);
  label = vel_harness_find_id (window, "label");
  g_assert_cmpstr (gtk_label_get_text (GTK_LABEL (label)), ==, "生成");
  vel_values_set (vel_session_get_request (vel_application_get_session (harness.application)), "prompt",
                  "暮色中一只白天鹅滑过薄雾弥漫的湖面，(纸灯笼:1.3)漂在水上", NULL);
  vel_harness_check_names (window);
  g_free (vel_harness_photograph (window, "14-chinese"));
  vel_harness_stop (&harness);
}

static gboolean
shows_error (gpointer stage)
{
  return vel_stage_get_error (stage) != NULL;
}

/* A sentence of the engine, put together on another thread. */
static void
test_engine (void)
{
  VelHarness harness;
  VelStage *stage;
  g_autofree char *path = g_build_filename (g_get_user_cache_dir (), "nonsense.png", NULL);
  g_autofree char *sentence = g_strdup_printf ("“%s”不是图片：它的开头不像 PNG、JPEG、WebP、AVIF 或 GIF", path);
  g_autoptr (GFile) file = g_file_new_for_path (path);

  g_assert_true (g_file_set_contents (path, "no picture at all", -1, NULL));
  vel_harness_start (&harness, 1440, 900);
  stage = vel_window_get_stage (harness.window);
  vel_window_restore_file (harness.window, file);
  vel_harness_wait (shows_error, stage, 30, "a sentence says what is wrong");
  g_assert_cmpstr (vel_stage_get_error (stage), ==, sentence);
  g_free (vel_harness_photograph (GTK_WIDGET (harness.window), "15-chinese-error"));
  vel_harness_stop (&harness);
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "");
  setlocale (LC_NUMERIC, "C");
  bindtextdomain (GETTEXT_PACKAGE, vel_paths_get_locale ());
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
  gtk_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ui/chinese/window", test_chinese);
  g_test_add_func ("/ui/chinese/engine", test_engine);
  return g_test_run ();
}
