/* Prompts that change from step to step.  SPDX-License-Identifier: Apache-2.0
 *
 * The reference's grammar, in our words: a prompt is a row of texts, of brackets that mean something, and, outside of those, of stray
 * marks `[ ] ( ) :`. Inside brackets that mean something all brackets do. These mean something:
 *     ( p )   ( p : p )   [ p ]     and stay as they are, for emphasis
 *     [ p : when ]   [ p : p : when ]
 *     [ p | p | … ]
 * What a pair means follows from the marks directly inside it, so one pass with a stack finds all pairs. The grammar is ambiguous all the
 * same: outside of everything a pair may also be two stray marks, and which it is depends on how the reference's Earley parser (lark)
 * orders equal readings; drop_pairs says how. */
#include "engine/text/prompt-timeline.h"

#include <math.h>
#include <string.h>

#include "engine/text/unicode.h"

#define NONE G_MAXUINT
#define MARKS "[]():|"
#define TEXT 't'

typedef struct {
  guint start;   /* byte in the text; it ends where the next token starts */
  guint partner; /* of a bracket: the other one of a pair that means something, or NONE */
  guint next;    /* of such a pair's first bracket and of the marks directly in it: the next such mark or the last bracket */
  guint n;       /* of its first bracket: marks directly in it */
  int when;      /* of [p:when], [p:p:when]: the last step of what was before */
  char kind;     /* TEXT or the mark */
} Token;

struct VelTimeline {
  char *text;     /* valid UTF-8 */
  GArray *tokens; /* (element-type Token), and one after the last; NULL: no reading */
  GArray *stops;  /* (element-type guint) last steps, rising */
};

/* An open bracket. */
typedef struct {
  guint first, latest; /* tokens: the bracket; the latest mark directly in it, or the bracket */
  guint colons, bars;
  gboolean broken; /* contains a bracket that means nothing */
} Open;

static Token *
token_at (const VelTimeline *self, guint i)
{
  return &g_array_index (self->tokens, Token, i);
}

static guint
count_tokens (const VelTimeline *self)
{
  return self->tokens->len - 1;
}

/* ------------------------------------------------------------------ tokens */

/* Characters without meaning, and any character but a line feed after a backslash. NULL: a backslash that stands before none. */
static const char *
skip_text (const char *at)
{
  for (;;) {
    at += strcspn (at, "\\" MARKS);
    if (*at != '\\')
      return at;
    if (at[1] == '\0' || at[1] == '\n')
      return NULL;
    at += 2;
  }
}

static gboolean
read_tokens (VelTimeline *self)
{
  const char *at = self->text;

  for (;;) {
    Token token = { .start = at - self->text, .partner = NONE, .kind = strchr (MARKS, *at) ? *at : TEXT };

    g_array_append_val (self->tokens, token);
    if (*at == '\0')
      return TRUE;
    at = token.kind == TEXT ? skip_text (at) : at + 1;
    if (at == NULL)
      return FALSE;
  }
}

/* ------------------------------------------------------------------ pairs */

static const char *
skip_digits (const char *at)
{
  while (g_ascii_isdigit (*at))
    at++;
  return at;
}

static const char *
skip_space (const char *at)
{
  while ((vel_unicode_get_classes (g_utf8_get_char (at)) & VEL_UNICODE_SPACE) != 0)
    at = g_utf8_next_char (at);
  return at;
}

/* [+-] digits with or without a point and an exponent, white space around it, nothing else up to end. */
static gboolean
find_number (const char *at, const char *end, const char **number)
{
  const char *whole, *digits;

  at = *number = skip_space (at);
  if (*at == '+' || *at == '-')
    at++;
  whole = at;
  at = digits = skip_digits (at);
  if (*at == '.')
    at = skip_digits (at + 1);
  if (digits == whole && at <= digits + 1)
    return FALSE;
  if (*at == 'e' || *at == 'E') {
    const char *exponent = at + 1 + (at[1] == '+' || at[1] == '-');

    if (skip_digits (exponent) > exponent)
      at = skip_digits (exponent);
  }
  return skip_space (at) == end;
}

/* The reference cuts off what follows the point; infinity, which it stops at, is the last step here. */
static int
read_when (const char *number, const char *end, const VelTimelineRules *rules, guint steps)
{
  double value = g_ascii_strtod (number, NULL);
  gboolean second = rules->hires_steps > 0;

  if (rules->old_timelines)
    value = value < 1 ? value * steps : value;
  else if (memchr (number, '.', end - number))
    value = (value - (second ? 1.0 : 0.0)) * steps;
  else
    value -= second ? rules->base_steps : 0;
  return (int) CLAMP (value, -1, (double) steps);
}

/* Does the bracket that ends at token `last` mean something? */
static gboolean
check_pair (VelTimeline *self, const Open *open, guint last, const VelTimelineRules *rules, guint steps)
{
  Token *first = token_at (self, open->first);
  const char *end = self->text + token_at (self, last)->start, *number;

  if (open->broken || (open->bars > 0 && open->colons > 0))
    return FALSE;
  first->n = open->bars + open->colons;
  if (first->kind == '(')
    return open->bars == 0 && open->colons <= 1;
  if (open->colons == 0)
    return TRUE;
  if (open->colons > 2 || last != open->latest + 2 || token_at (self, last - 1)->kind != TEXT)
    return FALSE;
  if (!find_number (self->text + token_at (self, last - 1)->start, end, &number))
    return FALSE;
  first->when = read_when (number, end, rules, steps);
  return TRUE;
}

/* A closing bracket at token i. */
static void
close_pair (VelTimeline *self, GArray *stack, guint i, const VelTimelineRules *rules, guint steps)
{
  Open *open = stack->len > 0 ? &g_array_index (stack, Open, stack->len - 1) : NULL;

  if (open == NULL)
    return;
  if ((token_at (self, open->first)->kind == '[') != (token_at (self, i)->kind == ']')) {
    g_array_set_size (stack, 0); /* nothing that is open can still mean something */
    return;
  }
  token_at (self, open->latest)->next = i;
  if (check_pair (self, open, i, rules, steps)) {
    token_at (self, open->first)->partner = i;
    token_at (self, i)->partner = open->first;
  } else if (stack->len > 1) {
    open[-1].broken = TRUE;
  }
  g_array_set_size (stack, stack->len - 1);
}

static void
find_pairs (VelTimeline *self, const VelTimelineRules *rules, guint steps)
{
  g_autoptr (GArray) stack = g_array_new (FALSE, FALSE, sizeof (Open));

  for (guint i = 0; i < count_tokens (self); i++) {
    char kind = token_at (self, i)->kind;

    if (kind == '[' || kind == '(') {
      Open open = { .first = i, .latest = i };

      g_array_append_val (stack, open);
    } else if (kind == ']' || kind == ')') {
      close_pair (self, stack, i, rules, steps);
    } else if (kind != TEXT && stack->len > 0) {
      Open *open = &g_array_index (stack, Open, stack->len - 1);

      token_at (self, open->latest)->next = i;
      open->latest = i;
      *(kind == ':' ? &open->colons : &open->bars) += 1;
    }
  }
}

/* ------------------------------------------------------------------ equal readings */

static gboolean
is_alternation (const VelTimeline *self, const Token *first)
{
  return first->kind == '[' && first->partner != NONE && token_at (self, first->next)->kind == '|';
}

static gboolean
is_edit (const VelTimeline *self, const Token *first)
{
  return first->kind == '[' && first->partner != NONE && token_at (self, first->next)->kind == ':';
}

/* How many marks end at token `last` with no text between them. A bracket that ends an alternation is none: `|` can not be stray. */
static guint
count_marks (const VelTimeline *self, guint last)
{
  guint n = 0;

  while (n <= last) {
    const Token *token = token_at (self, last - n);

    if (token->kind == TEXT || token->kind == '|')
      break;
    if (strchr ("])", token->kind) && token->partner != NONE && is_alternation (self, token_at (self, token->partner)))
      break;
    n++;
  }
  return n;
}

/* lark's readings, found by comparing with its version 1.3.1. From the end: a pair before a text, another pair or the end is one. Before
 * stray marks: of all the marks that stand there without text between, those of the pair too, an odd number is stray: all, or all but the
 * first. (Its parser keeps a list of where such a row may begin, and reverses it with each mark.) All short prompts and 14 000 random ones of
 * stray marks agree but for one in some thousands. Version 1.1.2, which the reference comes with, chooses by the addresses of its objects,
 * so not always the same. Returns: FALSE if a `|` is outside of pairs, so that there is no reading */
static gboolean
drop_pairs (VelTimeline *self)
{
  guint i = count_tokens (self);

  while (i > 0) {
    const Token *token = token_at (self, i - 1);

    if (token->kind == '|')
      return FALSE;
    if (token->kind == TEXT) {
      i--;
    } else if (token->partner != NONE && strchr ("])", token->kind)) {
      i = token->partner;
    } else {
      guint n = (count_marks (self, i - 1) - 1) | 1;

      for (; n > 0; n--, i--)
        if (strchr ("])", token_at (self, i - 1)->kind) && token_at (self, i - 1)->partner != NONE)
          token_at (self, token_at (self, i - 1)->partner)->partner = NONE;
    }
  }
  return TRUE;
}

/* ------------------------------------------------------------------ entries */

/* The last steps of all entries; an alternation has one for every step. */
static void
collect_stops (VelTimeline *self, guint steps)
{
  g_autofree guint8 *seen = g_malloc0 ((gsize) steps + 1);
  gboolean every = FALSE;

  for (guint i = 0; self->tokens != NULL && i < count_tokens (self); i++) {
    const Token *token = token_at (self, i);

    if (is_edit (self, token) && token->when >= 1)
      seen[token->when] = TRUE;
    every = every || is_alternation (self, token);
  }
  for (guint step = 1; step <= steps; step++)
    if (every || seen[step] || step == steps)
      g_array_append_val (self->stops, step);
}

VelTimeline *
vel_timeline_new (const char *text, const VelTimelineRules *rules)
{
  VelTimeline *self = g_new0 (VelTimeline, 1);
  guint steps = rules->hires_steps > 0 && !rules->old_timelines ? rules->hires_steps : rules->base_steps;

  self->text = g_utf8_make_valid (text, -1);
  self->tokens = g_array_new (FALSE, FALSE, sizeof (Token));
  self->stops = g_array_new (FALSE, FALSE, sizeof (guint));
  if (read_tokens (self))
    find_pairs (self, rules, steps);
  else
    g_clear_pointer (&self->tokens, g_array_unref);
  if (self->tokens != NULL && !drop_pairs (self))
    g_clear_pointer (&self->tokens, g_array_unref);
  collect_stops (self, steps);
  return self;
}

VelTimeline *
vel_timeline_new_still (const char *text, guint steps)
{
  VelTimeline *self = g_new0 (VelTimeline, 1);

  self->text = g_utf8_make_valid (text, -1);
  self->stops = g_array_new (FALSE, FALSE, sizeof (guint));
  g_array_append_val (self->stops, steps);
  return self;
}

void
vel_timeline_free (VelTimeline *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->tokens, g_array_unref);
  g_array_unref (self->stops);
  g_free (self->text);
  g_free (self);
}

guint
vel_timeline_get_length (const VelTimeline *self)
{
  return self->stops->len;
}

guint
vel_timeline_get_last_step (const VelTimeline *self, guint entry)
{
  return g_array_index (self->stops, guint, entry);
}

guint
vel_timeline_find (const VelTimeline *self, guint step)
{
  for (guint i = 0; i < self->stops->len; i++)
    if (step <= vel_timeline_get_last_step (self, i))
      return i;
  return 0;
}

/* The tokens of what is chosen at this step. */
typedef struct {
  guint from, to, resume; /* resume: where it goes on after them */
} Choice;

static Choice
choose (const VelTimeline *self, const Token *first, guint step)
{
  guint n = first->n + 1, skip; /* parts, the last of an edit being its time */
  guint mark = token_at (self, first->partner)->partner;

  if (is_alternation (self, first))
    skip = (step - 1) % n;
  else if ((int) step > first->when)
    skip = n - 2;
  else if (n == 3)
    skip = 0;
  else
    return (Choice){ first->partner, first->partner, first->partner + 1 };
  while (skip-- > 0)
    mark = token_at (self, mark)->next;
  return (Choice){ mark + 1, token_at (self, mark)->next, first->partner + 1 };
}

char *
vel_timeline_dup_text (const VelTimeline *self, guint entry)
{
  guint step = vel_timeline_get_last_step (self, entry), at = 0;
  g_autoptr (GArray) open = g_array_new (FALSE, FALSE, sizeof (Choice));
  GString *text;

  if (self->tokens == NULL)
    return g_strdup (self->text);
  text = g_string_new (NULL);
  for (;;) {
    const Token *token = token_at (self, at);

    while (open->len > 0 && g_array_index (open, Choice, open->len - 1).to == at) {
      at = g_array_index (open, Choice, open->len - 1).resume;
      token = token_at (self, at);
      g_array_set_size (open, open->len - 1);
    }
    if (at == count_tokens (self))
      return g_string_free (text, FALSE);
    if (is_edit (self, token) || is_alternation (self, token)) {
      Choice choice = choose (self, token, step);

      g_array_append_val (open, choice);
      at = choice.from;
    } else {
      g_string_append_len (text, self->text + token->start, token[1].start - token->start);
      at++;
    }
  }
}
