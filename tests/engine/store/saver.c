/* A process that saves pictures and says so, to be killed, run beside another, or kept from writing.
 * SPDX-License-Identifier: Apache-2.0
 *
 * saver DATA PICTURES FIRST-SEED COUNT SIDE [LIMIT]: prints "ID SEED" once a picture is safe; COUNT 0 goes on for ever; LIMIT: no file
 * may grow beyond so many bytes. Exit status 1 and the sentence on standard error if a picture could not be saved. */
#include "engine/history.h"
#include "engine/pipeline/request.h"
#include "tests/engine/store/picture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VelHistory) history = NULL;
  guint64 seed = g_ascii_strtoull (argv[3], NULL, 10);
  int count = atoi (argv[4]);
  guint side = atoi (argv[5]);

  if (argc > 6) {
    struct rlimit limit = { atoi (argv[6]), RLIM_INFINITY };

    signal (SIGXFSZ, SIG_IGN);
    setrlimit (RLIMIT_FSIZE, &limit);
  }
  setvbuf (stdout, NULL, _IOLBF, 0);
  history = vel_history_open (argv[1], argv[2], &error);
  for (int i = 0; history && (count == 0 || i < count); i++, seed++) {
    g_autofree guint8 *rgb = picture_of (seed, side);
    g_autoptr (VelValues) request = picture_request (seed);
    VelRecipeFacts facts = picture_facts (seed, side);
    gint64 id = vel_history_save (history, rgb, request, &facts, &error);

    if (id < 0)
      break;
    printf ("%" G_GINT64_FORMAT " %" G_GUINT64_FORMAT "\n", id, seed);
  }
  if (!error)
    return 0;
  fprintf (stderr, "%s\n", error->message);
  return 1;
}
