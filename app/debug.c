/* velatura debug: the small parts alone, for comparing and for finding out why a picture differs.
 * SPDX-License-Identifier: Apache-2.0 */
#include "app/debug.h"

#include <glib/gi18n.h>
#include <stdio.h>

static const struct {
  const char *name;
  VelExit (*run) (int argc, char **argv);
} checks[] = {
  { "tokens", vel_debug_tokens }, { "emphasis", vel_debug_emphasis }, { "chunks", vel_debug_chunks }, { "prompt", vel_debug_prompt },
  { "noise", vel_debug_noise },   { "brownian", vel_debug_brownian }, { "sigmas", vel_debug_sigmas },
};

static VelExit
run (int argc, char **argv)
{
  if (argc < 2)
    return vel_verb_misused ("debug needs to know what: tokens, emphasis, chunks, prompt, noise, brownian or sigmas");
  if (g_str_equal (argv[1], "--help") || g_str_equal (argv[1], "-h"))
    return printf (_ ("Usage: velatura debug tokens|emphasis|chunks|prompt|noise|brownian|sigmas [options]\n\n%s\n\n"
                      "`velatura debug tokens --help` and so on list the options.\n"),
                   gettext (vel_verb_debug.summary)),
           VEL_EXIT_DONE;
  for (guint i = 0; i < G_N_ELEMENTS (checks); i++)
    if (g_str_equal (argv[1], checks[i].name))
      return checks[i].run (argc - 1, argv + 1);
  return vel_verb_misused ("“%s” is nothing debug can show: tokens, emphasis, chunks, prompt, noise, brownian or sigmas", argv[1]);
}

const VelVerb vel_verb_debug = { "debug", N_ ("shows a small part alone, for comparing"), run };
