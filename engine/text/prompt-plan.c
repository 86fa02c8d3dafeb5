/* What a prompt asks for.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/text/prompt-plan.h"

#include <math.h>
#include <string.h>

#include "engine/text/prompt.h"
#include "engine/text/unicode.h"

static void
clear_part (gpointer data)
{
  vel_timeline_free (((VelPromptPart *) data)->timeline);
}

static gboolean
has_class (const char *at, guint classes)
{
  return (vel_unicode_get_classes (g_utf8_get_char (at)) & classes) != 0;
}

static const char *
skip_space_back (const char *begin, const char *end)
{
  while (end > begin && has_class (g_utf8_prev_char (end), VEL_UNICODE_SPACE))
    end = g_utf8_prev_char (end);
  return end;
}

/* [-+]? and digits, with a point before, between or behind them: in any script, as in Python. */
static gboolean
read_weight (const char *at, const char *end, double *weight)
{
  g_autoptr (GString) number = g_string_new (NULL);
  guint digits = 0, points = 0;

  while (at < end && has_class (at, VEL_UNICODE_SPACE))
    at = g_utf8_next_char (at);
  if (at < end && (*at == '+' || *at == '-'))
    g_string_append_c (number, *at++);
  for (; at < end; at = g_utf8_next_char (at)) {
    gunichar character = g_utf8_get_char (at);

    if (character == '.' && points++ == 0) {
      g_string_append_c (number, '.');
    } else if (g_unichar_type (character) == G_UNICODE_DECIMAL_NUMBER) {
      g_string_append_c (number, '0' + g_unichar_digit_value (character));
      digits++;
    } else {
      return FALSE;
    }
  }
  *weight = g_ascii_strtod (number->str, NULL);
  return digits > 0 && isfinite (*weight);
}

/* A sub-prompt: text, perhaps with " : weight" at its end. White space at its end goes, that before it stays. */
static void
add_part (VelPromptPlan *self, const char *begin, const char *end, const VelTimelineRules *rules)
{
  VelPromptPart part = { .weight = 1 };
  g_autofree char *text = NULL;
  const char *colon;

  end = skip_space_back (begin, end);
  colon = g_strrstr_len (begin, end - begin, ":");
  if (colon != NULL && read_weight (colon + 1, end, &part.weight))
    end = skip_space_back (begin, colon);
  else
    part.weight = 1;
  text = g_strndup (begin, end - begin);
  part.timeline = vel_timeline_new (text, rules);
  g_array_append_val (self->parts, part);
}

static VelPromptPlan *
plan_new (void)
{
  VelPromptPlan *self = g_new0 (VelPromptPlan, 1);

  self->networks = g_ptr_array_new_with_free_func (vel_prompt_network_free);
  self->parts = g_array_new (FALSE, FALSE, sizeof (VelPromptPart));
  g_array_set_clear_func (self->parts, clear_part);
  return self;
}

VelPromptPlan *
vel_prompt_plan_new (const char *prompt, const VelTimelineRules *rules, GError **error)
{
  g_autoptr (VelPromptPlan) self = plan_new ();
  g_autofree char *rest = vel_prompt_take_tags (prompt, self->networks, error);
  const char *at = rest, *end, *found;

  if (rest == NULL)
    return NULL;
  end = rest + strlen (rest);
  while ((found = vel_unicode_find_word (rest, at, end, "AND")) != NULL) {
    add_part (self, at, found, rules);
    at = found + strlen ("AND");
  }
  add_part (self, at, end, rules);
  return g_steal_pointer (&self);
}

VelPromptPlan *
vel_prompt_plan_new_negative (const char *prompt, const VelTimelineRules *rules)
{
  VelPromptPlan *self = plan_new ();
  VelPromptPart part = { 1, vel_timeline_new (prompt, rules) };

  g_array_append_val (self->parts, part);
  return self;
}

VelPromptPlan *
vel_prompt_plan_new_still (const char *prompt, const VelTimelineRules *rules)
{
  VelPromptPlan *self = plan_new ();
  VelPromptPart part = { 1, vel_timeline_new_still (prompt, rules->base_steps) };

  g_array_append_val (self->parts, part);
  return self;
}

void
vel_prompt_plan_free (VelPromptPlan *self)
{
  if (self == NULL)
    return;
  g_ptr_array_unref (self->networks);
  g_array_unref (self->parts);
  g_free (self);
}

/* Replaces remarks, each with the line feed after it and, where only those at the start of a line are wanted, the one before it, by one
 * line feed. */
static char *
strip (const char *text, gboolean whole_lines)
{
  GString *out = g_string_new (NULL);

  for (const char *at = text; *at != '\0';) {
    gboolean before = whole_lines && at[0] == '\n' && at[1] == '#';

    if (before || (*at == '#' && (!whole_lines || at == text))) {
      at += before;
      at += strcspn (at, "\n");
      at += *at == '\n';
      g_string_append_c (out, '\n');
    } else {
      g_string_append_c (out, *at++);
    }
  }
  return g_string_free (out, FALSE);
}

char *
vel_prompt_strip_remarks (const char *prompt)
{
  g_autofree char *without_lines = strip (prompt, TRUE);

  return strip (without_lines, FALSE);
}

guint
vel_prompt_count_longest (VelTokenizer *tokenizer, VelPromptLanguage language, const char *prompt, guint steps, guint *limit)
{
  const VelTimelineRules rules = { .base_steps = steps };
  gboolean still = language == VEL_PROMPT_COMFYUI || language == VEL_PROMPT_DIFFUSERS;
  g_autofree char *bare = vel_prompt_strip_remarks (prompt);
  g_autoptr (VelPromptPlan) plan = still ? NULL : vel_prompt_plan_new (bare, &rules, NULL);
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  guint most = 0;

  if (plan == NULL)
    plan = still ? vel_prompt_plan_new_still (prompt, &rules) : vel_prompt_plan_new_negative (bare, &rules);
  *limit = 0;
  for (guint i = 0; i < plan->parts->len; i++) {
    const VelTimeline *timeline = g_array_index (plan->parts, VelPromptPart, i).timeline;

    for (guint k = 0; k < vel_timeline_get_length (timeline); k++) {
      char *text = vel_timeline_dup_text (timeline, k);
      guint room, n;

      if (!g_hash_table_add (seen, text)) /* what alternates comes again and again */
        continue;
      n = vel_prompt_count (tokenizer, language, text, &room);
      most = MAX (most, n);
      *limit = MAX (*limit, room);
    }
  }
  return most;
}
