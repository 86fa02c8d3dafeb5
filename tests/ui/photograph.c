/* Makes docs/screenshot.png: paints with the starter model and photographs the window.
 * SPDX-License-Identifier: Apache-2.0
 *
 * usage: display.sh photograph FILE.png [light|dark] [prompt...]
 * Also says how late the main loop was while all cores computed. */
#include "config.h"

#include <glib/gstdio.h>
#include <locale.h>

#include "tests/ui/harness.h"

static const char *const usual_prompts[] = {
  "a sunflower on a green field", "a sailboat on the sea at sunset", "a red apple on a blue background", "a house on a snowy hill at night",
  "a butterfly over a meadow in spring", "a fox on a snowy hill", "a hot air balloon above mountains at dawn",
  "a white swan on a lake at dusk",
};

static GArray *lateness; /* double, milliseconds */
static gint64 due;

static gboolean
on_clock (gpointer data)
{
  gint64 now = g_get_monotonic_time ();
  double late = (double) (now - due) / 1000;

  if (due != 0)
    g_array_append_val (lateness, late);
  due = now + 4000;
  return G_SOURCE_CONTINUE;
}

static int
compare (gconstpointer a, gconstpointer b)
{
  double first = *(const double *) a, second = *(const double *) b;

  return first < second ? -1 : first > second;
}

static gboolean
is_idle (gpointer worker)
{
  return vel_worker_get_current (worker) == NULL;
}

int
main (int argc, char **argv)
{
  VelHarness harness;
  VelSession *session;
  VelValues *request;
  const char *const *prompts = argc > 3 ? (const char *const *) argv + 3 : usual_prompts;
  guint n_prompts = argc > 3 ? (guint) argc - 3 : G_N_ELEMENTS (usual_prompts);
  g_autofree char *made = NULL;
  gint64 begun;
  guint clock;

  setlocale (LC_ALL, "");
  setlocale (LC_NUMERIC, "C");
  if (argc < 2) {
    g_printerr ("usage: %s FILE.png [light|dark] [prompt...]\n", argv[0]);
    return 2;
  }
  gtk_test_init (&(int) { 1 }, &(char **) { argv }, NULL);
  vel_harness_start (&harness, 1280, 800);
  session = vel_application_get_session (harness.application);
  request = vel_session_get_request (session);
  if (argc > 2)
    g_settings_set_string (vel_session_get_settings (session), "color-scheme", argv[2]);

  lateness = g_array_new (FALSE, FALSE, sizeof (double));
  begun = g_get_monotonic_time ();
  for (guint i = 0; i < n_prompts; i++) {
    g_autofree char *seed = g_strdup_printf ("%u", 11 + i);

    vel_values_set (request, "prompt", prompts[i], NULL);
    vel_values_set (request, "seed", seed, NULL);
    vel_session_paint (session);
  }
  vel_harness_spin (1000);
  clock = g_timeout_add_full (G_PRIORITY_DEFAULT, 4, on_clock, NULL, NULL);
  vel_harness_wait (is_idle, vel_session_get_worker (session), 1200, "all pictures are painted");
  g_source_remove (clock);
  g_array_sort (lateness, compare);
  g_print ("%u pictures in %.1f s; a 4 ms timer was late by %.1f ms (median), %.1f ms (99 %%), %.1f ms (most)\n", n_prompts,
           (double) (g_get_monotonic_time () - begun) / G_USEC_PER_SEC, g_array_index (lateness, double, lateness->len / 2),
           g_array_index (lateness, double, lateness->len * 99 / 100), g_array_index (lateness, double, lateness->len - 1));
  vel_harness_spin (1000);
  made = vel_harness_photograph (GTK_WIDGET (harness.window), "photograph");
  vel_harness_stop (&harness);
  return g_rename (made, argv[1]) == 0 ? 0 : 1;
}
