/* Where a prompt's emphasis is.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/widgets/prompt-spans.h"

#define MAX_DEPTH 64
#define ROUND_WEIGHT 1.1

typedef struct {
  guint start;
  gunichar bracket;
  const char *colon; /* the last one inside, or NULL */
} Open;

static void
add (GArray *spans, guint start, guint end, double weight, VelSpanKind kind)
{
  VelSpan span = { start, end, weight, kind };

  g_array_append_val (spans, span);
}

/* What stands after the colon is a weight only if it is nothing but a number. */
static double
read_weight (const Open *open, const char *close)
{
  double weight;
  char *end;

  if (open->bracket == '[')
    return 1 / ROUND_WEIGHT;
  if (open->colon == NULL)
    return ROUND_WEIGHT;
  weight = g_ascii_strtod (open->colon + 1, &end);
  while (end < close && g_ascii_isspace (*end))
    end++;
  return end == close && end > open->colon + 1 ? weight : ROUND_WEIGHT;
}

GArray *
vel_prompt_find_spans (const char *prompt)
{
  GArray *spans = g_array_new (FALSE, FALSE, sizeof (VelSpan));
  Open stack[MAX_DEPTH];
  guint depth = 0, at = 0;

  for (const char *p = prompt; *p != '\0'; p = g_utf8_next_char (p), at++) {
    gunichar c = g_utf8_get_char (p);

    if (c == '\\' && p[1] != '\0') {
      p = g_utf8_next_char (p);
      at++;
    } else if ((c == '(' || c == '[') && depth < MAX_DEPTH) {
      stack[depth++] = (Open) { at, c, NULL };
    } else if (c == ':' && depth > 0) {
      stack[depth - 1].colon = p;
    } else if (c == ')' || c == ']') {
      if (depth == 0 || stack[depth - 1].bracket != (c == ')' ? '(' : '[')) {
        add (spans, at, at + 1, 1, VEL_SPAN_ERROR);
      } else if (--depth == 0) {
        double weight = read_weight (&stack[0], p);

        add (spans, stack[0].start, at + 1, weight, weight >= 1 ? VEL_SPAN_UP : VEL_SPAN_DOWN);
      }
    }
  }
  while (depth-- > 0)
    add (spans, stack[depth].start, stack[depth].start + 1, 1, VEL_SPAN_ERROR);
  return spans;
}
