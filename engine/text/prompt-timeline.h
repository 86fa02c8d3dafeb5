/* A prompt that changes from step to step: [from:to:when], [to:when], [from::when], [one|other|…], nested in any way.
 * SPDX-License-Identifier: Apache-2.0
 * AUTOMATIC1111 1.10 modules/prompt_parser.py get_learned_conditioning_prompt_schedules. Time and memory grow linearly with the text and no
 * stack with its nesting. */
#pragma once

#include <glib.h>

typedef struct VelTimeline VelTimeline;

typedef struct {
  guint base_steps;       /* ≥ 1 */
  guint hires_steps;      /* of the second pass when this is for it, else 0; its times are counted on from the first pass: in steps from
                           * base_steps, in shares from 1.0 */
  gboolean old_timelines; /* before 1.6: `when` below 1 is a share of base_steps, and the second pass repeats the first */
} VelTimelineRules;

/* A text that the grammar has no reading for (a `|` outside square brackets, a backslash at the end) is one entry, as it stands. */
VelTimeline *vel_timeline_new (const char *text, const VelTimelineRules *rules);
/* One entry, whatever the text has in it. */
VelTimeline *vel_timeline_new_still (const char *text, guint steps);
void vel_timeline_free (VelTimeline *self);

/* Entries, at least one; their last steps rise, the final one's is the pass's number of steps. */
guint vel_timeline_get_length (const VelTimeline *self);
guint vel_timeline_get_last_step (const VelTimeline *self, guint entry);
/* Returns: (transfer full) what is to be painted then; emphasis is still in it */
char *vel_timeline_dup_text (const VelTimeline *self, guint entry);
/* The first entry with step ≤ its last step; beyond all of them the reference goes back to entry 0, and so does this. */
guint vel_timeline_find (const VelTimeline *self, guint step);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelTimeline, vel_timeline_free)
