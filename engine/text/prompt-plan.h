/* What a prompt asks for: networks, and sub-prompts joined by AND, each changing with the steps.
 * SPDX-License-Identifier: Apache-2.0
 * AUTOMATIC1111 1.10 modules/prompt_parser.py get_multicond_prompt_list. */
#pragma once

#include "engine/text/language.h"
#include "engine/text/prompt-timeline.h"
#include "engine/text/prompt-tags.h"
#include "engine/text/tokenizer.h"

typedef struct {
  double weight;
  VelTimeline *timeline;
} VelPromptPart;

typedef struct {
  GPtrArray *networks; /* (element-type VelPromptNetwork) */
  GArray *parts;       /* (element-type VelPromptPart), at least one */
} VelPromptPlan;

/* Returns: (transfer full); NULL with VEL_ERROR_REQUEST for a tag that vel_prompt_take_tags can not read */
VelPromptPlan *vel_prompt_plan_new (const char *prompt, const VelTimelineRules *rules, GError **error);
/* In a negative prompt AND and tags are text like any other: one part of weight 1. Returns: (transfer full) */
VelPromptPlan *vel_prompt_plan_new_negative (const char *prompt, const VelTimelineRules *rules);
/* The prompt of another program: one part of weight 1 that never changes. Returns: (transfer full) */
VelPromptPlan *vel_prompt_plan_new_still (const char *prompt, const VelTimelineRules *rules);
void vel_prompt_plan_free (VelPromptPlan *self);

/* "a #b" up to the line's end is a remark. Painting drops remarks before all else; the functions above do not.
 * Returns: (transfer full) */
char *vel_prompt_strip_remarks (const char *prompt);
/* What the window's counter shows: vel_prompt_count of the longest text that a positive prompt says in some step, without tags and remarks.
 * A tag that can not be read counts as text. */
guint vel_prompt_count_longest (VelTokenizer *tokenizer, VelPromptLanguage language, const char *prompt, guint steps, guint *limit);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelPromptPlan, vel_prompt_plan_free)
