/* Where the program starts: a verb, or the window.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <glib/gi18n.h>
#include <locale.h>
#include <stdio.h>

#include "app/verb.h"
#include "engine/paths.h"
#ifdef VEL_HAVE_WINDOW
#include "app/application.h"
#endif

static const VelVerb *const verbs[] = {
  &vel_verb_generate, &vel_verb_upscale, &vel_verb_preprocess, &vel_verb_inspect, &vel_verb_convert, &vel_verb_list, &vel_verb_history, &vel_verb_bench, &vel_verb_debug,
};

/* Verbs of the plan that this version does not have. */
static const char *const later_verbs[] = { "serve", "worker", "train", "verify", NULL };

static VelExit
print_help (void)
{
  printf (_ ("Usage: velatura                 opens the window\n"
            "       velatura VERB [options]  works without one\n\n"));
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    printf ("  %-10s %s\n", verbs[i]->name, gettext (verbs[i]->summary));
  printf (_ ("\n  --version  prints name and version\n"
            "\n`velatura VERB --help` lists a verb's options.\n"));
  return VEL_EXIT_DONE;
}

static int
open_window (int argc, char **argv)
{
#ifdef VEL_HAVE_WINDOW
  return vel_application_run (argc, argv);
#else
  return vel_verb_misused (_ ("this build has no window; see velatura --help"));
#endif
}

/* What GApplication and GTK read themselves, and pictures dropped on the program's icon. */
static gboolean
is_for_window (const char *argument)
{
  return g_str_has_prefix (argument, "--gapplication-") || g_str_has_prefix (argument, "--display=") ||
         g_str_has_prefix (argument, "file://") || g_file_test (argument, G_FILE_TEST_EXISTS);
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "");
  setlocale (LC_NUMERIC, "C");
  bindtextdomain (GETTEXT_PACKAGE, vel_paths_get_locale ());
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);

  if (argc < 2)
    return open_window (argc, argv);
  if (g_str_equal (argv[1], "--help") || g_str_equal (argv[1], "-h") || g_str_equal (argv[1], "help"))
    return print_help ();
  if (g_str_equal (argv[1], "--version"))
    return printf ("velatura %s\n", VEL_VERSION), VEL_EXIT_DONE;
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    if (g_str_equal (argv[1], verbs[i]->name))
      return verbs[i]->run (argc - 1, argv + 1);
  if (is_for_window (argv[1]))
    return open_window (argc, argv);
  if (g_strv_contains (later_verbs, argv[1]))
    return vel_verb_misused (_ ("%s is not available in this version"), argv[1]);
  if (argv[1][0] == '-')
    return vel_verb_misused (_ ("“%s” is no option of velatura; see velatura --help"), argv[1]);
  return vel_verb_misused (_ ("“%s” is no verb of velatura; see velatura --help"), argv[1]);
}
