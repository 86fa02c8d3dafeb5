/* Text from a file, made fit for a message.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/shown.h"

#include <string.h>

#define MOST 120 /* characters; half of them from the start, half from the end */

char *
vel_shown (const char *text)
{
  gsize length = strlen (text);
  /* A name can be megabytes long: only its ends are looked at. */
  g_autofree char *head = g_utf8_make_valid (text, MIN (length, MOST * 4));
  GString *out;

  if (length <= MOST * 4 && g_utf8_strlen (head, -1) <= MOST)
    out = g_string_new (head);
  else {
    g_autofree char *tail = g_utf8_make_valid (text + MAX (length, MOST) - MOST, -1);
    g_autofree char *start = g_utf8_substring (head, 0, MOST / 2);
    glong n = g_utf8_strlen (tail, -1);

    out = g_string_new (start);
    g_string_append (out, "…");
    g_string_append (out, g_utf8_offset_to_pointer (tail, MAX (n, MOST / 2) - MOST / 2));
  }
  for (char *c = out->str; *c; c++)
    if ((guchar) *c < 0x20 || *c == 0x7f)
      *c = '?';
  return g_string_free (out, FALSE);
}
