/* write-tiny-model NAME FOLDER: makes a tiny model for scripts and prints what to load.  SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "tests/support/tiny-model.h"

int
main (int argc, char **argv)
{
  g_autofree char *path = NULL;

  g_test_init (&argc, &argv, NULL);
  if (argc != 3) {
    fprintf (stderr, "usage: write-tiny-model NAME FOLDER\n");
    return 2;
  }
  path = tiny_model_write (argv[1], argv[2]);
  puts (path);
  return 0;
}
