/* Emphasis in prompts.  SPDX-License-Identifier: Apache-2.0
 * AUTOMATIC1111 1.10 modules/prompt_parser.py parse_prompt_attention, quirks included: a BREAK inside brackets has its weight multiplied
 * like any text, and is one no more. */
#include "engine/text/prompt.h"

#include <math.h>
#include <string.h>

#include "engine/text/unicode.h"

#define BREAK_WEIGHT -1.0
/* Brackets nested n deep ask for n² / 2 products in a fixed order. Past so many (8 000 deep) brackets are still taken away, but weigh no
 * more. */
#define PRODUCTS_LIMIT (1u << 25)

typedef struct {
  GArray *parts;          /* (element-type VelEmphasis) */
  GArray *round, *square; /* (element-type guint) open brackets: number of parts before each */
  gsize products;         /* made so far */
} Parser;

static void
clear_part (gpointer data)
{
  g_free (((VelEmphasis *) data)->text);
}

static GArray *
parts_new (void)
{
  GArray *parts = g_array_new (FALSE, FALSE, sizeof (VelEmphasis));

  g_array_set_clear_func (parts, clear_part);
  return parts;
}

static void
add_part (GArray *parts, const char *text, gsize length, double weight)
{
  VelEmphasis part = { g_strndup (text, length), weight };

  g_array_append_val (parts, part);
}

static gboolean
has_class (const char *at, guint classes)
{
  return (vel_unicode_get_classes (g_utf8_get_char (at)) & classes) != 0;
}

/* Text in which only BREAK means something; white space around one is dropped. */
static void
add_text (Parser *self, const char *text, gsize length)
{
  const char *end = text + length, *at = text, *found;

  while ((found = vel_unicode_find_word (text, at, end, "BREAK")) != NULL) {
    const char *stop = found, *next = found + strlen ("BREAK");

    while (stop > at && has_class (g_utf8_prev_char (stop), VEL_UNICODE_SPACE))
      stop = g_utf8_prev_char (stop);
    while (next < end && has_class (next, VEL_UNICODE_SPACE))
      next = g_utf8_next_char (next);
    add_part (self->parts, at, stop - at, 1);
    add_part (self->parts, "BREAK", strlen ("BREAK"), BREAK_WEIGHT);
    at = next;
  }
  add_part (self->parts, at, end - at, 1);
}

static void
open_bracket (Parser *self, GArray *brackets)
{
  g_array_append_val (brackets, self->parts->len);
}

/* What stands since the innermost bracket is multiplied. */
static void
close_bracket (Parser *self, GArray *brackets, double weight)
{
  guint first = g_array_index (brackets, guint, brackets->len - 1);

  self->products += self->parts->len - first;
  for (guint i = first; i < self->parts->len && self->products <= PRODUCTS_LIMIT; i++)
    g_array_index (self->parts, VelEmphasis, i).weight *= weight;
  g_array_set_size (brackets, brackets->len - 1);
}

static const char *
skip_space (const char *at)
{
  while (has_class (at, VEL_UNICODE_SPACE))
    at = g_utf8_next_char (at);
  return at;
}

/* ": 1.2 )" at a colon: [+-]?[.\d]+ between optional spaces. Two dots or no digit make no number, nor does one too large; the reference
 * stops with an error there, we take such a colon as text.
 * Returns: (nullable) what follows the bracket */
static const char *
parse_weight (const char *colon, double *weight)
{
  g_autoptr (GString) number = g_string_new (NULL);
  const char *at = skip_space (colon + 1);
  guint dots = 0, digits = 0;

  if (*at == '+' || *at == '-')
    g_string_append_c (number, *at++);
  for (;; at = g_utf8_next_char (at)) {
    gunichar character = g_utf8_get_char (at);

    if (character == '.') {
      dots++;
      g_string_append_c (number, '.');
    } else if (g_unichar_type (character) == G_UNICODE_DECIMAL_NUMBER) {
      digits++;
      g_string_append_c (number, '0' + g_unichar_digit_value (character));
    } else {
      break;
    }
  }
  at = skip_space (at);
  if (*at != ')' || dots > 1 || digits == 0)
    return NULL;
  *weight = g_ascii_strtod (number->str, NULL);
  return isfinite (*weight) ? at + 1 : NULL;
}

/* A colon: the weight of a round bracket, or text. Returns: what follows */
static const char *
parse_colon (Parser *self, const char *at)
{
  double weight;
  const char *after = parse_weight (at, &weight);

  if (after != NULL && self->round->len > 0) {
    close_bracket (self, self->round, weight);
    return after;
  }
  after = after != NULL ? after : at + 1;
  add_text (self, at, after - at);
  return after;
}

/* Returns: what follows the token that begins here */
static const char *
parse_token (Parser *self, const char *at)
{
  gsize length;

  switch (*at) {
  case '\\':
    /* a lone one vanishes, but parts what stands around it */
    length = at[1] != '\0' && strchr ("()[]\\", at[1]) != NULL ? 1 : 0;
    add_part (self->parts, at + 1, length, 1);
    return at + 1 + length;
  case '(':
    open_bracket (self, self->round);
    return at + 1;
  case '[':
    open_bracket (self, self->square);
    return at + 1;
  case ':':
    return parse_colon (self, at);
  case ')':
    if (self->round->len > 0)
      close_bracket (self, self->round, 1.1);
    else
      add_text (self, at, 1);
    return at + 1;
  case ']':
    if (self->square->len > 0)
      close_bracket (self, self->square, 1 / 1.1);
    else
      add_text (self, at, 1);
    return at + 1;
  default:
    length = strcspn (at, "\\()[]:");
    add_text (self, at, length);
    return at + length;
  }
}

/* Neighbours of equal weight become one part. */
static GArray *
join_parts (const GArray *parts)
{
  GArray *joined = parts_new ();

  for (guint i = 0; i < parts->len;) {
    g_autoptr (GString) text = g_string_new (NULL);
    double weight = g_array_index (parts, VelEmphasis, i).weight;

    do {
      g_string_append (text, g_array_index (parts, VelEmphasis, i++).text);
    } while (i < parts->len && g_array_index (parts, VelEmphasis, i).weight == weight);
    add_part (joined, text->str, text->len, weight);
  }
  return joined;
}

GArray *
vel_prompt_parse_emphasis (const char *prompt)
{
  g_autofree char *valid = g_utf8_make_valid (prompt, -1);
  g_autoptr (GArray) parts = parts_new ();
  g_autoptr (GArray) round = g_array_new (FALSE, FALSE, sizeof (guint));
  g_autoptr (GArray) square = g_array_new (FALSE, FALSE, sizeof (guint));
  Parser parser = { parts, round, square, 0 };

  for (const char *at = valid; *at != '\0';)
    at = parse_token (&parser, at);
  while (round->len > 0)
    close_bracket (&parser, round, 1.1);
  while (square->len > 0)
    close_bracket (&parser, square, 1 / 1.1);
  if (parts->len == 0)
    add_part (parts, "", 0, 1);
  return join_parts (parts);
}
