/* Ctrl+Up and Ctrl+Down in a prompt.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/widgets/prompt-weight.h"

#include <math.h>

#define MAX_WEIGHT 4.0

static void
get_words (GtkTextBuffer *buffer, GtkTextIter *start, GtkTextIter *end)
{
  if (gtk_text_buffer_get_selection_bounds (buffer, start, end))
    return;
  gtk_text_buffer_get_iter_at_mark (buffer, start, gtk_text_buffer_get_insert (buffer));
  *end = *start;
  if (!gtk_text_iter_inside_word (start) && !gtk_text_iter_ends_word (start))
    return;
  if (!gtk_text_iter_starts_word (start))
    gtk_text_iter_backward_word_start (start);
  if (!gtk_text_iter_ends_word (end))
    gtk_text_iter_forward_word_end (end);
}

/* If "(" stands before and ":1.2)" after, widens to both. Returns the weight found, else 1. */
static double
take_brackets (GtkTextIter *start, GtkTextIter *end)
{
  GtkTextIter before = *start, close = *end;
  g_autofree char *number = NULL;
  double weight;
  char *rest;

  if (!gtk_text_iter_backward_char (&before) || gtk_text_iter_get_char (&before) != '(' || gtk_text_iter_get_char (end) != ':')
    return 1;
  while (gtk_text_iter_get_char (&close) != ')')
    if (!gtk_text_iter_forward_char (&close))
      return 1;
  number = gtk_text_iter_get_text (end, &close);
  weight = g_ascii_strtod (number + 1, &rest);
  if (*rest != '\0' || rest == number + 1)
    return 1;
  gtk_text_iter_forward_char (&close);
  *start = before;
  *end = close;
  return weight;
}

void
vel_prompt_change_weight (GtkTextBuffer *buffer, double change)
{
  GtkTextIter start, end;
  g_autofree char *words = NULL, *text = NULL;
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  double weight;
  int at, shift;

  get_words (buffer, &start, &end);
  words = gtk_text_iter_get_text (&start, &end);
  if (words[0] == '\0')
    return;
  weight = take_brackets (&start, &end) + change;
  weight = CLAMP (round (weight * 100) / 100, 0, MAX_WEIGHT);
  g_ascii_formatd (number, sizeof number, "%.4g", weight);
  text = fabs (weight - 1) < 0.005 ? g_strdup (words) : g_strdup_printf ("(%s:%s)", words, number);
  shift = text[0] == '(' && words[0] != '(';
  at = gtk_text_iter_get_offset (&start);
  gtk_text_buffer_begin_user_action (buffer);
  gtk_text_buffer_delete (buffer, &start, &end);
  gtk_text_buffer_insert (buffer, &start, text, -1);
  gtk_text_buffer_end_user_action (buffer);
  gtk_text_buffer_get_iter_at_offset (buffer, &start, at + shift);
  gtk_text_buffer_get_iter_at_offset (buffer, &end, at + shift + (int) g_utf8_strlen (words, -1));
  gtk_text_buffer_select_range (buffer, &start, &end);
}
