/* Runs the built program and looks at what it says.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

typedef struct {
  int status;      /* exit status; -1: killed by a signal */
  char *out, *err; /* never NULL */
} VelOutcome;

/* The first thing a test does: private XDG folders, removed at the end, and the C locale. */
void vel_program_init (int *argc, char ***argv);
/* The language of the programs run from here on, such as "zh_CN"; NULL: none, the program's own English. */
void vel_program_speak (const char *language);
/* In the private folder. Returns: (transfer full) */
char *vel_program_path (const char *name);
/* input: (nullable) for standard input. Words follow, then NULL. Valid until the next call. */
const VelOutcome *vel_program_run (const char *input, const char *word, ...) G_GNUC_NULL_TERMINATED;
/* Runs the tests and removes the private folder. */
int vel_program_finish (void);

/* One sentence on standard error that begins "velatura: " and has `part` in it; nothing on standard output. */
void vel_assert_refused (const VelOutcome *outcome, int status, const char *part);
