/* A cursor over JSON text (RFC 8259), strict: no comments, no trailing commas, no raw control characters.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/formats/json.h"

#include <glib/gi18n-lib.h>
#include <string.h>

void
vel_json_init (VelJson *self, const char *text, gsize length)
{
  *self = (VelJson) { .start = text, .at = text, .end = text + length };
}

gboolean
vel_json_fail (VelJson *self, const char *problem)
{
  if (!self->problem)
    self->problem = _ (problem);
  return FALSE;
}

gsize
vel_json_offset (const VelJson *self)
{
  return self->at - self->start;
}

/* The next byte that is no white space, 0 at the end or after a problem. */
static char
peek (VelJson *self)
{
  if (self->problem)
    return 0;
  while (self->at < self->end && (*self->at == ' ' || *self->at == '\n' || *self->at == '\t' || *self->at == '\r'))
    self->at++;
  return self->at < self->end ? *self->at : 0;
}

gboolean
vel_json_begin (VelJson *self, char bracket)
{
  if (peek (self) != bracket)
    return vel_json_fail (self, bracket == '{' ? N_ ("an object was expected") : N_ ("a list was expected"));
  self->at++;
  self->fresh = TRUE;
  return TRUE;
}

gboolean
vel_json_more (VelJson *self, char bracket)
{
  char c = peek (self);

  if (self->problem)
    return FALSE;
  if (c == bracket) {
    self->at++;
    self->fresh = FALSE;
    return FALSE;
  }
  if (!self->fresh) {
    if (c != ',')
      return vel_json_fail (self, self->at < self->end ? N_ ("a comma or a bracket is missing") : N_ ("the text ends too early"));
    self->at++;
    if (peek (self) == bracket)
      return vel_json_fail (self, N_ ("a value is missing after a comma"));
  }
  self->fresh = FALSE;
  return TRUE;
}

char *
vel_json_key (VelJson *self)
{
  g_autofree char *key = vel_json_string (self);

  if (!key)
    return NULL;
  if (peek (self) != ':') {
    vel_json_fail (self, N_ ("a colon is missing"));
    return NULL;
  }
  self->at++;
  return g_steal_pointer (&key);
}

/* Four hex digits of \u; -1 if they are none. */
static int
hex4 (const char *at, const char *end)
{
  int value = 0;

  if (end - at < 4)
    return -1;
  for (int i = 0; i < 4; i++) {
    int digit = g_ascii_xdigit_value (at[i]);

    if (digit < 0)
      return -1;
    value = value * 16 + digit;
  }
  return value;
}

/* What follows \u, surrogate pairs included. Returns: bytes read, 0 if it is no character */
static gsize
unescape_unicode (const char *at, const char *end, GString *out)
{
  int first = hex4 (at, end);

  if (first <= 0 || (first >= 0xdc00 && first < 0xe000))
    return 0;
  if (first < 0xd800 || first >= 0xe000) {
    g_string_append_unichar (out, first);
    return 4;
  }
  if (end - at < 10 || at[4] != '\\' || at[5] != 'u')
    return 0;

  int second = hex4 (at + 6, end);

  if (second < 0xdc00 || second >= 0xe000)
    return 0;
  g_string_append_unichar (out, 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00));
  return 10;
}

/* [at, close) is the inside of a string that has escapes. */
static char *
unescape (const char *at, const char *close)
{
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  g_autoptr (GString) out = g_string_sized_new (close - at);

  while (at < close) {
    const char *backslash = memchr (at, '\\', close - at);

    g_string_append_len (out, at, (backslash ? backslash : close) - at);
    if (!backslash)
      break;
    at = backslash + 2; /* the closing quote was found, so a character follows */
    if (at[-1] == 'u') {
      gsize n = unescape_unicode (at, close, out);

      if (n == 0)
        return NULL;
      at += n;
    } else {
      const char *known = at[-1] ? strchr (from, at[-1]) : NULL;

      if (!known)
        return NULL;
      g_string_append_c (out, to[known - from]);
    }
  }
  return g_string_free (g_steal_pointer (&out), FALSE);
}

/* The cursor behind the opening quote. Returns: the closing quote, or NULL */
static const char *
find_quote (VelJson *self, gboolean *escaped)
{
  *escaped = FALSE;
  for (const char *c = self->at; c < self->end; c++) {
    if (*c == '"')
      return c;
    if ((guchar) *c < 0x20) {
      self->at = c;
      vel_json_fail (self, N_ ("a control character stands in a string"));
      return NULL;
    }
    if (*c == '\\') {
      *escaped = TRUE;
      c++;
    }
  }
  vel_json_fail (self, N_ ("a string is not closed"));
  return NULL;
}

char *
vel_json_string (VelJson *self)
{
  gboolean escaped;
  const char *close;
  char *text;

  if (peek (self) != '"') {
    vel_json_fail (self, N_ ("a string was expected"));
    return NULL;
  }
  self->at++;
  close = find_quote (self, &escaped);
  if (!close)
    return NULL;
  if (!g_utf8_validate_len (self->at, close - self->at, NULL)) {
    vel_json_fail (self, N_ ("a string is not UTF-8"));
    return NULL;
  }
  text = escaped ? unescape (self->at, close) : g_strndup (self->at, close - self->at);
  if (!text)
    vel_json_fail (self, N_ ("a string has an escape that stands for no character"));
  else
    self->at = close + 1;
  return text;
}

static gboolean
is_digit (const VelJson *self)
{
  return self->at < self->end && g_ascii_isdigit (*self->at);
}

gboolean
vel_json_number (VelJson *self, guint64 *value)
{
  guint64 n = 0;

  if (!g_ascii_isdigit (peek (self)))
    return vel_json_fail (self, N_ ("a whole number that is not negative was expected"));
  if (*self->at == '0' && self->at + 1 < self->end && g_ascii_isdigit (self->at[1]))
    return vel_json_fail (self, N_ ("a number has a leading zero"));
  for (; is_digit (self); self->at++)
    if (__builtin_mul_overflow (n, (guint64) 10, &n) || __builtin_add_overflow (n, (guint64) (*self->at - '0'), &n))
      return vel_json_fail (self, N_ ("a number is larger than 2^64"));
  if (self->at < self->end && strchr (".eE", *self->at) && *self->at)
    return vel_json_fail (self, N_ ("a whole number was expected"));
  *value = n;
  return TRUE;
}

static gboolean
skip_digits (VelJson *self)
{
  if (!is_digit (self))
    return vel_json_fail (self, N_ ("a digit is missing in a number"));
  while (is_digit (self))
    self->at++;
  return TRUE;
}

static gboolean
skip_number (VelJson *self)
{
  if (*self->at == '-')
    self->at++;
  if (self->at + 1 < self->end && self->at[0] == '0' && g_ascii_isdigit (self->at[1]))
    return vel_json_fail (self, N_ ("a number has a leading zero"));
  if (!skip_digits (self))
    return FALSE;
  if (self->at < self->end && *self->at == '.') {
    self->at++;
    if (!skip_digits (self))
      return FALSE;
  }
  if (self->at < self->end && (*self->at == 'e' || *self->at == 'E')) {
    self->at++;
    if (self->at < self->end && (*self->at == '+' || *self->at == '-'))
      self->at++;
    return skip_digits (self);
  }
  return TRUE;
}

static gboolean
skip_word (VelJson *self, const char *word)
{
  gsize n = strlen (word);

  if ((gsize) (self->end - self->at) < n || memcmp (self->at, word, n) != 0)
    return vel_json_fail (self, N_ ("a value was expected"));
  self->at += n;
  return TRUE;
}

static gboolean
skip (VelJson *self, int depth)
{
  char c = peek (self), close = c == '{' ? '}' : ']';

  if (depth == VEL_JSON_MAX_DEPTH)
    return vel_json_fail (self, N_ ("values are nested too deeply"));
  switch (c) {
  case '{':
  case '[':
    vel_json_begin (self, c);
    while (vel_json_more (self, close)) {
      if (c == '{')
        g_free (vel_json_key (self));
      skip (self, depth + 1);
    }
    break;
  case '"':
    g_free (vel_json_string (self));
    break;
  case 't':
    skip_word (self, "true");
    break;
  case 'f':
    skip_word (self, "false");
    break;
  case 'n':
    skip_word (self, "null");
    break;
  case '-':
  case '0' ... '9':
    skip_number (self);
    break;
  default:
    vel_json_fail (self, N_ ("a value was expected"));
  }
  return !self->problem;
}

gboolean
vel_json_skip (VelJson *self)
{
  return skip (self, 0);
}

gboolean
vel_json_end (VelJson *self)
{
  peek (self);
  if (!self->problem && self->at < self->end)
    return vel_json_fail (self, N_ ("something follows the end"));
  return !self->problem;
}
