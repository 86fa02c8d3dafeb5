/* The verbs of the command line, one a file.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Whatever the window can make, a verb can. Numbers are read and printed in the C locale, whatever the person's. */
#pragma once

#include <glib.h>

typedef enum {
  VEL_EXIT_DONE = 0,
  VEL_EXIT_FAILED = 1,        /* the job failed; one sentence is on standard error */
  VEL_EXIT_USAGE = 2,         /* wrong usage */
  VEL_EXIT_INTERRUPTED = 130, /* stopped by Ctrl+C */
} VelExit;

typedef struct {
  const char *name;
  const char *summary; /* its line in `velatura --help` */
  VelExit (*run) (int argc, char **argv); /* argv[0] is the verb */
} VelVerb;

extern const VelVerb vel_verb_generate, vel_verb_inspect, vel_verb_convert, vel_verb_list, vel_verb_upscale, vel_verb_preprocess, vel_verb_history, vel_verb_bench, vel_verb_debug;

/* Prints "velatura: ", the sentence and a newline to standard error. Return what a verb that ends so returns. */
VelExit vel_verb_fail (const GError *error);
VelExit vel_verb_misused (const char *format, ...) G_GNUC_PRINTF (1, 2);

/* Text from a file to standard output, fit for a terminal: control characters but line ends become question marks. */
void vel_verb_print (const char *text);
