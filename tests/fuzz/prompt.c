/* Any bytes as a prompt, in every language.  SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "engine/text/prompt-plan.h"
#include "engine/text/prompt.h"
#include "engine/text/wildcards.h"

#include <string.h>

static void
check_parts (GArray *parts)
{
  for (guint i = 0; i < parts->len; i++)
    g_assert (g_utf8_validate (g_array_index (parts, VelEmphasis, i).text, -1, NULL));
  g_array_unref (parts);
}

static void
check_timeline (const VelTimeline *timeline, guint steps)
{
  guint n = vel_timeline_get_length (timeline), before = 0;

  for (guint i = 0; i < n; i++) {
    g_autofree char *text = vel_timeline_dup_text (timeline, i);

    g_assert (g_utf8_validate (text, -1, NULL));
    g_assert (vel_timeline_get_last_step (timeline, i) > before);
    before = vel_timeline_get_last_step (timeline, i);
    g_assert (vel_timeline_find (timeline, before) == i);
  }
  g_assert (before == steps);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const VelTimelineRules rules[] = { { 4 }, { 4, 3 }, { 4, 3, TRUE } };
  g_autofree char *text = g_strndup ((const char *) data, size), *bare = vel_prompt_strip_remarks (text);
  g_autofree char *chosen = vel_wildcards_resolve (text, "/nonexistent", size, NULL, NULL);

  check_parts (vel_prompt_parse_emphasis (text));
  check_parts (vel_prompt_parse_emphasis_comfyui (text));
  g_assert (strchr (bare, '#') == NULL);
  g_assert (chosen == NULL || g_utf8_validate (chosen, -1, NULL));
  for (gsize i = 0; i < G_N_ELEMENTS (rules); i++) {
    g_autoptr (VelPromptPlan) plan = vel_prompt_plan_new (text, &rules[i], NULL);

    for (guint k = 0; plan != NULL && k < plan->parts->len; k++)
      check_timeline (g_array_index (plan->parts, VelPromptPart, k).timeline, i == 1 ? 3 : 4);
  }
  return 0;
}
