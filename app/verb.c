/* How a verb ends badly: one sentence; and what it may print.
 * SPDX-License-Identifier: Apache-2.0 */
#include "app/verb.h"

#include <stdio.h>

VelExit
vel_verb_fail (const GError *error)
{
  fprintf (stderr, "velatura: %s\n", error->message);
  return VEL_EXIT_FAILED;
}

VelExit
vel_verb_misused (const char *format, ...)
{
  g_autofree char *sentence = NULL;
  va_list arguments;

  va_start (arguments, format);
  sentence = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  fprintf (stderr, "velatura: %s\n", sentence);
  return VEL_EXIT_USAGE;
}

void
vel_verb_print (const char *text)
{
  for (; *text; text++)
    putchar (g_ascii_iscntrl (*text) && *text != '\n' ? '?' : *text);
}
