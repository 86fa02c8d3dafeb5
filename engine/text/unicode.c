/* Characters as the reference tokenizer sees them.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/text/unicode.h"

#include <string.h>

#include "engine/text/unicode-tables.h"

#define CAPITAL_SIGMA 0x3a3
#define FINAL_SIGMA 0x3c2
#define SMALL_SIGMA 0x3c3
#define CAPITAL_I_WITH_DOT 0x130
#define DOT_ABOVE 0x307

guint
vel_unicode_get_classes (gunichar character)
{
  gsize low = 0, high = G_N_ELEMENTS (class_ranges);

  while (high - low > 1) {
    gsize middle = low + (high - low) / 2;

    if (class_ranges[middle] >> 8 <= character)
      low = middle;
    else
      high = middle;
  }
  return class_ranges[low] & 0xff;
}

/* Characters that came after Unicode 14 compose with nothing and keep their place there; GLib may know better. Text between them is
 * normalised alike by every version. */
char *
vel_unicode_compose (const char *text)
{
  GString *out = g_string_new (NULL);
  const char *begin = text, *at = text;

  for (;;) {
    gboolean stop = *at == '\0' || (vel_unicode_get_classes (g_utf8_get_char (at)) & VEL_UNICODE_UNASSIGNED) != 0;

    if (stop && at > begin) {
      g_autofree char *composed = g_utf8_normalize (begin, at - begin, G_NORMALIZE_NFC);

      g_string_append (out, composed);
    }
    if (*at == '\0')
      return g_string_free (out, FALSE);
    if (stop) {
      begin = g_utf8_next_char (at);
      g_string_append_len (out, at, begin - at);
    }
    at = g_utf8_next_char (at);
  }
}

static gunichar
lower (gunichar character)
{
  gsize low = 0, high = G_N_ELEMENTS (lower_ranges);

  while (high - low > 1) {
    gsize middle = low + (high - low) / 2;

    if (lower_ranges[middle].first <= character)
      low = middle;
    else
      high = middle;
  }
  if (character < lower_ranges[low].first || character > lower_ranges[low].last ||
      (character - lower_ranges[low].first) % lower_ranges[low].step != 0)
    return character;
  return character + lower_ranges[low].add;
}

/* The Unicode standard's Final_Sigma: cased ignorable* SIGMA not followed by ignorable* cased. */
static gboolean
is_final (const gunichar *text, gsize n, gsize sigma)
{
  gsize before = sigma, after = sigma + 1;

  while (before > 0 && (vel_unicode_get_classes (text[before - 1]) & VEL_UNICODE_IGNORABLE) != 0)
    before--;
  if (before == 0 || (vel_unicode_get_classes (text[before - 1]) & VEL_UNICODE_CASED) == 0)
    return FALSE;
  while (after < n && (vel_unicode_get_classes (text[after]) & VEL_UNICODE_IGNORABLE) != 0)
    after++;
  return after == n || (vel_unicode_get_classes (text[after]) & VEL_UNICODE_CASED) == 0;
}

void
vel_unicode_append_lower (GArray *out, const gunichar *text, gsize n)
{
  for (gsize i = 0; i < n; i++) {
    gunichar character = lower (text[i]), dot = DOT_ABOVE;

    if (text[i] == CAPITAL_SIGMA)
      character = is_final (text, n, i) ? FINAL_SIGMA : SMALL_SIGMA;
    else if (text[i] == CAPITAL_I_WITH_DOT)
      character = 'i';
    g_array_append_val (out, character);
    if (text[i] == CAPITAL_I_WITH_DOT)
      g_array_append_val (out, dot);
  }
}

static gboolean
is_word (const char *at)
{
  return (vel_unicode_get_classes (g_utf8_get_char (at)) & VEL_UNICODE_WORD) != 0;
}

const char *
vel_unicode_find_word (const char *begin, const char *at, const char *end, const char *word)
{
  const gsize length = strlen (word);

  for (; (at = g_strstr_len (at, end - at, word)) != NULL; at++) {
    if (at > begin && is_word (g_utf8_prev_char (at)))
      continue;
    if (at + length < end && is_word (at + length))
      continue;
    return at;
  }
  return NULL;
}
