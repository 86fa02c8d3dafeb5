/* JSON of other programs as a tree.  SPDX-License-Identifier: Apache-2.0
 *
 * One pass over the text counts levels and values and mends what only Python understands; what it lets through goes to jansson, which
 * checks the grammar. A value costs jansson about 150 bytes whatever its length, so their number is bounded, not only the text. */
#include "engine/formats/json-tree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BYTES (8u << 20)
#define MAX_LEVELS 32
#define MAX_VALUES 200000
#define MAX_DIGITS 18 /* of any whole number that fits into 64 bits with its sign */

/* Four hex digits behind "\u"; -1 if they are none. */
static int
hex4 (const char *at)
{
  int value = 0;

  for (int i = 0; i < 4; i++) {
    int digit = g_ascii_xdigit_value (at[i]);

    if (digit < 0)
      return -1;
    value = value * 16 + digit;
  }
  return value;
}

/* Copies an escape, which begins at the backslash `at`. Returns: where it ends */
static const char *
copy_escape (GString *out, const char *at)
{
  int first = at[1] == 'u' ? hex4 (at + 2) : -1, second;

  if (first < 0) {
    g_string_append_len (out, at, at[1] ? 2 : 1);
    return at + (at[1] ? 2 : 1);
  }
  if (first != 0 && (first < 0xd800 || first > 0xdfff)) {
    g_string_append_len (out, at, 6);
    return at + 6;
  }
  second = first >= 0xd800 && first < 0xdc00 && at[6] == '\\' && at[7] == 'u' ? hex4 (at + 8) : -1;
  if (second < 0xdc00 || second > 0xdfff) {
    g_string_append (out, "\\ufffd");
    return at + 6;
  }
  g_string_append_len (out, at, 12);
  return at + 12;
}

/* at: the opening quote. Raw control characters become escapes. Returns: what follows the string */
static const char *
copy_string (GString *out, const char *at)
{
  g_string_append_c (out, *at++);
  while (*at && *at != '"')
    if (*at == '\\')
      at = copy_escape (out, at);
    else if ((guchar) *at < 0x20)
      g_string_append_printf (out, "\\u%04x", *at++);
    else
      g_string_append_c (out, *at++);
  if (*at)
    g_string_append_c (out, *at++);
  return at;
}

/* at: a digit, a minus or a letter. Returns: what follows the number or word */
static const char *
copy_plain (GString *out, const char *at)
{
  gsize n = strspn (at, "+-.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
  const char *digits = *at == '-' ? at + 1 : at;

  if (strncmp (digits, "NaN", 3) == 0 || strncmp (digits, "Infinity", 8) == 0)
    g_string_append (out, "null");
  else if (n > MAX_DIGITS && strspn (digits, "0123456789") == n - (gsize) (digits - at))
    g_string_append_printf (out, "\"%.*s\"", (int) n, at);
  else
    g_string_append_len (out, at, n);
  return at + n;
}

/* Returns: (nullable): the text, mended */
static GString *
mend (const char *text)
{
  g_autoptr (GString) out = g_string_sized_new (strlen (text) + 64);
  guint levels = 0, values = 0;

  while (*text) {
    if (*text == '{' || *text == '[')
      levels++;
    else if (levels > 0 && (*text == '}' || *text == ']'))
      levels--;
    if (levels > MAX_LEVELS || (strchr (",{[", *text) && ++values > MAX_VALUES))
      return NULL;
    if (*text == '"')
      text = copy_string (out, text);
    else if (g_ascii_isalnum (*text) || *text == '-')
      text = copy_plain (out, text);
    else
      g_string_append_c (out, *text++);
  }
  return g_steal_pointer (&out);
}

json_t *
vel_json_tree (const char *text)
{
  gsize length = strnlen (text, MAX_BYTES + 1);
  g_autoptr (GString) mended = NULL;

  text += strspn (text, " \t\r\n");
  if (length > MAX_BYTES || (*text != '{' && *text != '[') || !(mended = mend (text)))
    return NULL;
  return json_loadb (mended->str, mended->len, 0, NULL);
}

/* As few digits as give the number back, but for the last few that sums of decimal steps leave: 0.8700000000000001 was 0.87. */
static char *
real_text (double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  if (value == floor (value) && fabs (value) < 1e15)
    return g_strdup_printf ("%.0f", value);
  for (int digits = 6; digits <= 17; digits++) {
    char format[8];

    g_snprintf (format, sizeof format, "%%.%dg", digits);
    g_ascii_formatd (text, sizeof text, format, value);
    if (fabs (g_ascii_strtod (text, NULL) - value) <= 1e-13 * fabs (value))
      break;
  }
  return g_strdup (text);
}

char *
vel_json_text (const json_t *value)
{
  if (json_is_string (value))
    return g_strdup (json_string_value (value));
  if (json_is_integer (value))
    return g_strdup_printf ("%" JSON_INTEGER_FORMAT, json_integer_value (value));
  if (json_is_real (value))
    return real_text (json_real_value (value));
  if (json_is_boolean (value))
    return g_strdup (json_is_true (value) ? "true" : "false");
  return NULL;
}

char *
vel_json_any_text (const json_t *value)
{
  char *text = vel_json_text (value), *dumped;

  if (text)
    return text;
  dumped = json_dumps (value, JSON_ENCODE_ANY | JSON_REAL_PRECISION (6));
  text = g_strdup (dumped ? dumped : "");
  free (dumped);
  return text;
}

double
vel_json_real (const json_t *value, double otherwise)
{
  const char *text = json_string_value (value);
  char *end;
  double number = text ? g_ascii_strtod (text, &end) : json_number_value (value);

  if ((text && (end == text || *end)) || (!text && !json_is_number (value)) || !isfinite (number))
    return otherwise;
  return number;
}
