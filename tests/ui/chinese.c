/* The window in Chinese: run with LANGUAGE=zh_CN.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <glib/gi18n.h>
#include <locale.h>

#include "engine/paths.h"
#include "tests/ui/harness.h"
#include "ui/panels/history-strip.h"

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

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "");
  setlocale (LC_NUMERIC, "C");
  bindtextdomain (GETTEXT_PACKAGE, vel_paths_get_locale ());
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
  gtk_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ui/chinese", test_chinese);
  return g_test_run ();
}
