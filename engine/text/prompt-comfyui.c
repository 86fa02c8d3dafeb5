/* Emphasis as ComfyUI reads it.  SPDX-License-Identifier: Apache-2.0
 * comfy/sd1_clip.py token_weights, quirks included: a bracket that nobody closes is a group if the text ends with another one's end; one
 * that closes nothing makes the next opening one text. */
#include <math.h>
#include <string.h>

#include "engine/text/prompt.h"

/* Python's own stack ends the reference's recursion about here; deeper groups are text. */
#define DEEPEST 900

/* A piece of the prompt that is still to be read; pieces lie on a stack, the next one on top. */
typedef struct {
  const char *begin, *end;
  double weight;
  guint depth;
} Piece;

static void
clear_part (gpointer data)
{
  g_free (((VelEmphasis *) data)->text);
}

/* A bracket with a backslash before it is a letter. */
static gboolean
is_bracket (const char *begin, const char *at)
{
  return (*at == '(' || *at == ')') && (at == begin || at[-1] != '\\');
}

static void
add_text (GArray *parts, const Piece *piece)
{
  GString *text = g_string_new (NULL);
  VelEmphasis part = { NULL, piece->weight };

  for (const char *at = piece->begin; at < piece->end; at++)
    if (*at != '\\' || at + 1 == piece->end || (at[1] != '(' && at[1] != ')'))
      g_string_append_c (text, *at);
  part.text = g_string_free (text, FALSE);
  g_array_append_val (parts, part);
}

/* ":number" at the end of a group, that is not its begin, replaces its weight. */
static void
read_weight (Piece *group)
{
  const char *colon = g_strrstr_len (group->begin, group->end - group->begin, ":");
  g_autofree char *number = NULL;
  char *stop;
  double weight;

  if (colon == NULL || colon == group->begin)
    return;
  number = g_strstrip (g_strndup (colon + 1, group->end - colon - 1));
  weight = g_ascii_strtod (number, &stop);
  if (*number == '\0' || *stop != '\0' || strpbrk (number, "xXnN") != NULL || !isfinite (weight))
    return;
  group->end = colon;
  group->weight = weight;
}

/* Top-level pieces of a piece, in order; groups lose their brackets. */
static void
add_item (GArray *items, const char *begin, const char *end, const Piece *parent)
{
  Piece item = { begin, end, parent->weight, parent->depth };

  if (begin == end)
    return;
  if (parent->depth < DEEPEST && end - begin >= 2 && *begin == '(' && end[-1] == ')' && is_bracket (begin, end - 1)) {
    item = (Piece){ begin + 1, end - 1, parent->weight * 1.1, parent->depth + 1 };
    read_weight (&item);
  } else {
    item.depth = G_MAXUINT; /* text */
  }
  g_array_append_val (items, item);
}

static void
split (GArray *items, const Piece *piece)
{
  const char *begin = piece->begin;
  gint level = 0;

  for (const char *at = begin; at < piece->end; at++) {
    if (!is_bracket (piece->begin, at))
      continue;
    if (*at == '(' && level++ == 0) {
      add_item (items, begin, at, piece);
      begin = at;
    } else if (*at == ')' && --level == 0) {
      add_item (items, begin, at + 1, piece);
      begin = at + 1;
    }
  }
  add_item (items, begin, piece->end, piece);
}

GArray *
vel_prompt_parse_emphasis_comfyui (const char *prompt)
{
  g_autofree char *valid = g_utf8_make_valid (prompt, -1);
  g_autoptr (GArray) stack = g_array_new (FALSE, FALSE, sizeof (Piece)), items = g_array_new (FALSE, FALSE, sizeof (Piece));
  GArray *parts = g_array_new (FALSE, FALSE, sizeof (VelEmphasis));
  Piece all = { valid, valid + strlen (valid), 1, 0 };

  g_array_set_clear_func (parts, clear_part);
  g_array_append_val (stack, all);
  while (stack->len > 0) {
    Piece piece = g_array_index (stack, Piece, stack->len - 1);

    g_array_set_size (stack, stack->len - 1);
    if (piece.depth == G_MAXUINT) {
      add_text (parts, &piece);
      continue;
    }
    g_array_set_size (items, 0);
    split (items, &piece);
    for (guint i = items->len; i > 0; i--)
      g_array_append_val (stack, g_array_index (items, Piece, i - 1));
  }
  return parts;
}
