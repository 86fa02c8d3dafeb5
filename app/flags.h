/* A verb's command line, read against option tables: --name value or --name=value, a hyphen standing for an underscore.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/verb.h"
#include "engine/params.h"

/* How a verb is called, for its help. */
typedef struct {
  const char *verb;         /* "generate", or "debug noise" */
  const char *arguments;    /* what follows it: "--prompt TEXT [options]" */
  const char *summary;      /* a sentence or two */
  const char *notes;        /* (nullable) after the options, lines as they are to be printed */
  const char *const *later; /* (nullable) flags of other versions, refused by name; NULL-terminated */
} VelUsage;

#define VEL_FLAGS_SETS 2

typedef struct {
  const VelUsage *usage;
  VelValues *sets[VEL_FLAGS_SETS]; /* looked through in this order; NULL where not needed */
  GHashTable *given;               /* names seen */
  GPtrArray *words;                /* arguments that are no options, in order, borrowed */
} VelFlags;

/* own, shared: (nullable) (transfer none), kept alive. Returns: (transfer full) */
VelFlags *vel_flags_new (const VelUsage *usage, VelValues *own, VelValues *shared);
void vel_flags_free (VelFlags *self);
/* Sets what the arguments say; argv[0] is skipped. Returns: -1 to go on, else what the verb returns: VEL_EXIT_DONE after --help was
 * answered, VEL_EXIT_USAGE after one sentence about what is wrong. */
int vel_flags_read (VelFlags *self, int argc, char **argv);
/* TRUE even if the value given is the default. */
gboolean vel_flags_is_given (VelFlags *self, const char *name);
/* With no words expected: -1, or VEL_EXIT_USAGE after naming the first. */
int vel_flags_refuse_words (VelFlags *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelFlags, vel_flags_free)
